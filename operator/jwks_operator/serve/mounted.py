"""Follows a mounted volume onto a shelf.

A mounted ConfigMap is a directory of links into `..data`, itself a link that the kubelet swaps in one
rename; so the directory is watched, never the file (a watch on the file ends with the first swap), and all
documents are read from one resolved `..data`, so that they always belong together. A poll of the content backs
up the watch: it finds what an exhausted or unsupported inotify misses.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from watchfiles import awatch

from jwks_operator.serve.check import MAX_BYTES, SetRefused
from jwks_operator.serve.hints import HINTS
from jwks_operator.serve.shelf import HISTORICAL, OPENID, Content, NothingThere, Shelf, content_of, files_of

POLL_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)

Files = dict[str, bytes]


async def follow(directory: Callable[[], Path], again: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Call `again` at once, after each change in the directory and at each poll, until `stop` is set."""
    while not stop.is_set():
        await again()
        try:
            await _watch(directory(), again, stop)
        except (OSError, RuntimeError) as error:  # nothing there yet, no inotify watches left, notify's own trouble
            _log.debug("cannot watch, polling: %s", error)
            await _wait(stop, POLL_SECONDS)


class Mounted:
    """The set at `path`: a mounted directory, or one file in it.

    In a directory the hints tell the name of the set; a set that keeps its name is read with its neighbours
    `zz-serve.json`, `openid-configuration` and `historical.jwt`, and with the documents that the hints name.
    """

    def __init__(self, path: Path, shelf: Shelf) -> None:
        self._path = path
        self._shelf = shelf
        self._files: Files = {}
        self._found: Content | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the volume until `stop` is set."""
        await follow(self._directory, self.reload, stop)

    async def reload(self) -> None:
        """Load what is on disk if it is valid."""
        try:
            found = await asyncio.to_thread(self.load)
        except (NothingThere, SetRefused) as trouble:
            self._shelf.complain(trouble)
        else:
            self._shelf.take(found)

    def load(self) -> Content:
        """Read and check what is on disk. Raise NothingThere or SetRefused, or return it."""
        try:
            # The kubelet removes the old directory right after the swap: a read that lost that race is repeated.
            try:
                files, modified = self._read()
            except FileNotFoundError:
                files, modified = self._read()
        except OSError as error:
            raise NothingThere(f"{self._path} cannot be read: {error.strerror}") from None
        if self._found is None or files != self._files:
            self._found, self._files = None, files
            self._found = content_of(files, self._key(), modified)
        return self._found

    def _directory(self) -> Path:
        return self._path if self._path.is_dir() else self._path.parent

    def _read(self) -> tuple[Files, float]:
        """Return the files that belong to the set, and the time of the newest."""
        base = resolve_directory(self._directory())
        files = {name: _read(base / name) for name in (HINTS, OPENID, HISTORICAL) if (base / name).is_file()}
        files |= {name: _read(base / name) for name in files_of(files, self._key()) if (base / name).exists()}
        if not base.is_dir():
            raise FileNotFoundError(2, os.strerror(2))
        return files, max((os.stat(base / name).st_mtime for name in files), default=0.0)

    def _key(self) -> str | None:
        return None if self._path.is_dir() else self._path.name


def resolve_directory(directory: Path) -> Path:
    """Return the directory behind the links of a mounted volume."""
    data = directory / "..data"
    return data.resolve() if data.is_symlink() else directory


async def _watch(directory: Path, again: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    watched = os.stat(directory).st_ino
    changes = awatch(
        directory,
        watch_filter=None,
        recursive=False,
        step=10,
        debounce=50,
        rust_timeout=int(POLL_SECONDS * 1000),
        yield_on_timeout=True,
        stop_event=stop,
    )
    async for _ in changes:
        await again()
        if os.stat(directory).st_ino != watched:  # replaced as a whole: the watch holds the removed one
            return


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
