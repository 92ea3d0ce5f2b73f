"""A directory that the kubelet mounts: whether it was swapped, and its files as they are now.

The kubelet mounts a Secret or ConfigMap as links into `..data`, itself a link that it swaps in one rename. Reading that
link costs microseconds, so every request can do it. A directory without `..data` is a test's, or a plain copy.
"""

import os
from collections.abc import Callable
from errno import ENOENT
from pathlib import Path


class MountedVolume:
    """The files at `path` whose names are wanted; `version` is what `..data` pointed to when they were read."""

    def __init__(self, path: Path, wanted: Callable[[str], bool]) -> None:
        self.path = path
        self.version = ""
        self._wanted = wanted
        self._link = str(path / "..data")

    def was_swapped(self) -> bool:
        """Tell whether the kubelet has swapped the directory since it was read; cheap."""
        target = self._target()
        return bool(target) and target != self.version

    def may_have_changed(self) -> bool:
        """Tell whether there can be other files than those that were read: after a swap, and always without a link."""
        return not self._target() or self.was_swapped()

    def read(self) -> dict[str, bytes]:
        """Return the files. Raises OSError."""
        try:
            version, files = self._read()
        except FileNotFoundError:  # lost a race with a swap
            version, files = self._read()
        self.version = version
        return files

    def _read(self) -> tuple[str, dict[str, bytes]]:
        """Return the link and the files behind it. The kubelet removes the old ones after the swap, file by file."""
        version = self._target()
        directory = self.path / version
        names = [name for name in sorted(os.listdir(directory)) if self._wanted(name)]
        files = {name: (directory / name).read_bytes() for name in names}
        if self._target() != version:
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT))
        return version, files

    def _target(self) -> str:
        """Return what `..data` points to, empty if there is no such link."""
        try:
            return os.readlink(self._link)
        except OSError:
            return ""
