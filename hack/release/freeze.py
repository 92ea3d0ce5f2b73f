"""Freezes kubectl-jwks with its interpreter, for the platform that this runs on: `python -m release.freeze DIRECTORY`.

Needs nothing but the standard library and uv, so that it runs on Windows and macOS, too.
"""

import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from release.archive import members_of, write_archive

ROOT = Path(__file__).parents[2]
ENTRY = "from jwks_operator.plugin import main\n\nmain()\n"


def freeze_plugin(directory: Path, scratch: Path, epoch: int) -> Path:
    """Write kubectl-jwks-PLATFORM.tar.gz into a directory and return it; CalledProcessError if a step fails.

    The environment is the locked one; `epoch` is the time of all files, in seconds.
    """
    uv, venv = find_uv(), scratch / "venv"
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
    sync = ["--quiet", "--locked", "--no-editable", "--no-dev", "--extra=plugin", "--group=freeze"]
    _run([uv, "sync", f"--python={sys.executable}", *sync], {**environ, "UV_PROJECT_ENVIRONMENT": str(venv)})
    entry = scratch / "kubectl-jwks.py"
    entry.write_text(ENTRY)
    programs = venv / ("Scripts" if os.name == "nt" else "bin")
    command = [
        str(programs / "pyinstaller"), "--noconfirm", "--onedir", "--log-level=WARN", "--name=kubectl-jwks",
        f"--distpath={scratch / 'dist'}", f"--workpath={scratch / 'work'}", f"--specpath={scratch}",
        "--collect-submodules=jwks_operator.plugin", "--copy-metadata=jwks-operator", str(entry),
    ]  # fmt: skip
    _run(command, environ)
    members = members_of(scratch / "dist" / "kubectl-jwks")
    members["LICENSE"] = ((ROOT / "LICENSE").read_bytes(), 0o644)
    archive = directory / f"kubectl-jwks-{platform_name()}.tar.gz"
    write_archive(archive, members, epoch)
    return archive


def find_uv() -> str:
    """Return the uv of the environment variable UV, else the pinned one that make installed, else that on PATH."""
    (version,) = re.findall(r"^uv==([0-9.]+)", (ROOT / "hack" / "uv.txt").read_text(), re.MULTILINE)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    pinned = cache / "jwks-operator" / f"uv-{version}" / "bin" / "uv"
    return os.environ.get("UV") or (str(pinned) if pinned.exists() else "uv")


def platform_name() -> str:
    """Return this platform as krew names it, such as linux-amd64."""
    machine = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{platform.system().lower()}-{machine}"


def _run(command: list[str], environ: dict[str, str]) -> None:
    subprocess.run(command, cwd=ROOT, env=environ, check=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="freeze-") as made:
        print(freeze_plugin(Path(sys.argv[1]), Path(made), int(os.environ["SOURCE_DATE_EPOCH"])))
