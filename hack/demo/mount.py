"""Writes a mounted volume exactly as the kubelet's atomic writer does, so that readers meet the real thing.

A volume holds one data directory with a unique name, a link `..data` to it, and for each file a link
through `..data`. New content goes into a new data directory; one rename of the link makes all of it visible
at once.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp


def swap(volume: Path, files: Mapping[str, bytes]) -> None:
    """Make `files` (name to content) the whole content of `volume` in one atomic step."""
    volume.mkdir(parents=True, exist_ok=True)
    link = volume / "..data"
    former = link.resolve() if link.is_symlink() else None
    fresh = Path(mkdtemp(prefix="..", dir=volume))
    for name, content in files.items():
        (fresh / name).write_bytes(content)
    temporary = volume / "..data_tmp"
    temporary.symlink_to(fresh.name)
    os.replace(temporary, link)
    for name in files:
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(Path("..data") / name)
    for visible in volume.iterdir():
        if not visible.name.startswith("..") and visible.name not in files:
            visible.unlink()
    if former is not None:
        shutil.rmtree(former)
