"""What is released: version, names, where from, where to."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controlplane.errors import ControlPlaneError
from generated import ROOT
from jwks_operator import __version__

SOURCE = "https://github.com/OWNER/jwks-operator"
"""Where the source is and the files will be, until a person names it: `make release SOURCE=…`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One release; `image` is a repository without tag, `epoch` the time of everything in it."""

    directory: Path
    image: str
    source: str
    epoch: int
    commit: str
    version: str = field(default=__version__)

    @property
    def scratch(self) -> Path:
        """Where builds put what is not released."""
        return self.directory / ".build"

    @property
    def environ(self) -> dict[str, str]:
        """Return the environment for builds that are to be the same each time."""
        return {**os.environ, "SOURCE_DATE_EPOCH": str(self.epoch), "PYTHONHASHSEED": "0"}

    def run(self, *command: str | Path, environ: Mapping[str, str] | None = None) -> str:
        """Run a build step and return what it prints. ControlPlaneError with its last words if it fails."""
        done = subprocess.run(
            command, cwd=ROOT, env={**self.environ, **(environ or {})}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            words = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
            raise ControlPlaneError(f"{command[0]} failed:\n{words}")
        return done.stdout


def run_git(*arguments: str) -> str:
    """Return what git prints. ControlPlaneError if this is no clone."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ControlPlaneError(f"a release is made from a clone: git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
