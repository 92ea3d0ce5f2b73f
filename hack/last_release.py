"""Which commit the last release was made from: its tag or, before the first release, a commit that stands for it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEFORE_THE_FIRST = "709bfdc59900e3e4026139aeb4c186498f3df9f2"


def find_last_release() -> str:
    """Return the newest tag of a release, else the commit that stands for it."""
    command = ["git", "tag", "--list", "v[0-9]*", "--sort=-version:refname"]
    tags = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return next(iter(tags), BEFORE_THE_FIRST)
