"""The cgroup that the node's pods live in; version 1 (a tree for each controller) or version 2 (one tree)."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "cpuset", "memory", "pids", "io", "hugetlb")
REMOVE_SECONDS = 10.0


def make_cgroup(name: str) -> None:
    """Make the cgroup in every tree."""
    if (ROOT / "cgroup.controllers").exists():
        _enable(ROOT)
        (ROOT / name).mkdir()
        return
    for tree in _trees():
        cgroup = tree / name
        cgroup.mkdir()
        for file in ("cpuset.mems", "cpuset.cpus"):  # empty in a new one, and then nothing can run in it
            if (cgroup / file).exists():
                (cgroup / file).write_text((tree / file).read_text())


def remove_cgroup(name: str) -> None:
    """Remove it and all below it, as soon as the last process has left."""
    end = time.monotonic() + REMOVE_SECONDS
    for tree in (ROOT, *_trees()):
        while (tree / name).exists() and time.monotonic() < end:
            for directory, _, _ in os.walk(tree / name, topdown=False):
                with contextlib.suppress(OSError):  # still busy: again
                    Path(directory).rmdir()
            if (tree / name).exists():
                time.sleep(0.1)


def _trees() -> Iterator[Path]:
    """The trees of version 1; links are second names of them, and `unified` has no controllers."""
    for tree in ROOT.iterdir():
        if tree.is_dir() and not tree.is_symlink() and (tree / "cgroup.procs").exists() and os.path.ismount(tree):
            yield tree


def _enable(tree: Path) -> None:
    """Let children have the controllers that pods need, one at a time: a kernel may lack some."""
    for controller in CONTROLLERS:
        with contextlib.suppress(OSError):
            (tree / "cgroup.subtree_control").write_text(f"+{controller}")
