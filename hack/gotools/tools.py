"""Which tools there are, and where each comes from: PATH, the cache, a build.

A tool is a row in TOOLS and a directory beside this file with its own go.mod and go.sum: another tool, or another
version of one, makes no other binary a new one.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controlplane.binaries import cache_root, module_sources
from controlplane.build import build_once, compile_go
from controlplane.console import say
from controlplane.errors import ControlPlaneError

ROOM = 400 * 2**20  # bytes for a binary and the linker's scratch


@dataclass(frozen=True)
class Tool:
    """A tool: the module that brings it, the package to build, and how its version is asked for and written into it.

    `stamp` is the variable of the linker's -X; `version` the arguments after which it prints its version.
    """

    name: str
    module: str
    package: str
    stamp: str
    version: tuple[str, ...]
    tags: str = ""

    @property
    def directory(self) -> Path:
        """Where its go.mod is."""
        return Path(__file__).parent / self.name

    @property
    def pinned(self) -> str:
        """The version of go.mod, for instance "v4.2.4"."""
        found = re.search(
            rf"^\s*(?:require )?{re.escape(self.module)} (v\S+)", (self.directory / "go.mod").read_text(), re.MULTILINE
        )
        if not found:
            raise ControlPlaneError(f"{self.directory / 'go.mod'} requires no {self.module}")
        return found[1]

    @property
    def flags(self) -> list[str]:
        """Flags for `go build`."""
        stamped = ["-trimpath", "-buildvcs=false", "-ldflags", f"-s -w -X {self.stamp}={self.pinned}"]
        return [*stamped, f"-tags={self.tags}"] if self.tags else stamped


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            name="helm",
            module="helm.sh/helm/v4",
            package="helm.sh/helm/v4/cmd/helm",
            stamp="helm.sh/helm/v4/internal/version.version",
            version=("version", "--short"),
        ),
        Tool(
            name="actionlint",
            module="github.com/rhysd/actionlint",
            package="github.com/rhysd/actionlint/cmd/actionlint",
            stamp="github.com/rhysd/actionlint.version",
            version=("-version",),
        ),
        Tool(
            name="promtool",
            module="github.com/prometheus/prometheus",
            package="github.com/prometheus/prometheus/cmd/promtool",
            stamp="github.com/prometheus/common/version.Version",
            version=("--version",),
            tags="remove_all_sd",  # rules are tested without the clients of every cloud
        ),
    )
}


def find_tool(name: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return where a tool is, after building it if nobody brings it.

    Raises ControlPlaneError with the cure when that is impossible.
    """
    tool = TOOLS[name]
    found = shutil.which(name, path=environ.get("PATH", ""))
    if found and _major(read_version(tool, found)) == _major(tool.pinned):
        return Path(found)
    cached = build_directory(tool, environ)
    if not cached.is_dir():
        build_once(cached, ROOM, lambda result: _build(tool, result))
    return cached / name


def read_version(tool: Tool, command: str) -> str:
    """What a command says its version is; empty if it does not run."""
    try:
        done = subprocess.run([command, *tool.version], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"\bv?(\d+\.\d+\.\d+)", done.stdout + done.stderr)
    return f"v{found[1]}" if found else ""


def build_directory(tool: Tool, environ: Mapping[str, str]) -> Path:
    """Directory of the pinned build, which is complete if it is there; its name changes with all that goes into it."""
    digest = hashlib.sha256()
    for part in (sys.platform, platform.machine(), tool.package, *tool.flags):
        digest.update(part.encode() + b"\0")
    for name, content in sorted(module_sources(tool.directory).items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return cache_root(environ).parent / "tools" / f"{tool.name}-{tool.pinned}-{digest.hexdigest()[:12]}"


def _build(tool: Tool, result: Path) -> None:
    say(f"building {tool.name} {tool.pinned} from Go modules (a minute or two on 2 cores, once)")
    compile_go(tool.directory, tool.flags, [tool.package], result)


def _major(version: str) -> str:
    return version.partition(".")[0]
