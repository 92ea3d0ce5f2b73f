"""What is on disk: reads, checks and follows the mounted set.

A mounted ConfigMap is a directory of links into `..data`, itself a link that the kubelet swaps in one
rename; so the directory is watched, never the file (a watch on the file ends with the first swap), and the
set and its hints are read from one resolved `..data`, so that they always belong together. A poll of the
content backs up the watch: it finds what an exhausted or unsupported inotify misses.
"""

import asyncio
import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchfiles import awatch

from jwks_operator.serve.check import MAX_BYTES, SetRefused, check_set, parse_object

DEFAULT_KEY: Final = "jwks.json"
"""The data key that is served when PATH is a directory."""

HINTS: Final = "zz-serve.json"
"""The data key of what the operator tells the server: `{"cacheMaxAge": <seconds>, ...}`."""

DEFAULT_MAX_AGE: Final = 300
POLL_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


class NothingThere(Exception):
    """There is no set at PATH; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Served:
    """A checked set, ready to be sent; `max_age` is in seconds, `etag` without quotes, `keys` a number."""

    body: bytes
    etag: str
    max_age: int
    keys: int


def load(path: Path) -> Served:
    """Read and check the set at `path` (a file or a mounted directory).

    Raise NothingThere if there is none, SetRefused if it must not be published.
    """
    try:
        # The kubelet removes the old directory right after the swap: a read that lost that race is repeated.
        try:
            raw, hints = _read_pair(path)
        except FileNotFoundError:
            raw, hints = _read_pair(path)
    except OSError as error:
        raise NothingThere(f"{path} cannot be read: {error.strerror}") from None
    keys = check_set(raw)
    return Served(body=raw, etag=hashlib.sha256(raw).hexdigest(), max_age=_max_age(hints), keys=keys)


class Source:
    """The newest good set of one path, and why the newest thing on disk is not it, if it is not.

    `served` is None until a first good set was read and never becomes None again. `trouble` is None while
    `served` is what is on disk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.served: Served | None = None
        self.trouble: str | None = None

    def reload(self) -> None:
        """Take over what is on disk if it is good; otherwise keep what there is and remember why."""
        try:
            found = load(self.path)
        except (NothingThere, SetRefused) as error:
            self._complain(str(error), refused=isinstance(error, SetRefused))
            return
        if found != self.served or self.trouble is not None:
            _log.info("serving %d keys, content %s, max-age %d s", found.keys, found.etag[:12], found.max_age)
        self.served, self.trouble = found, None

    async def follow(self, stop: asyncio.Event) -> None:
        """Reload after each change and each poll until `stop` is set."""
        while not stop.is_set():
            await asyncio.to_thread(self.reload)
            try:
                await self._watch(_locate(self.path)[0], stop)
            except (OSError, RuntimeError) as error:  # nothing there yet, no inotify watches left, notify's own trouble
                _log.debug("cannot watch %s, polling it: %s", self.path, error)
                await _wait(stop, POLL_SECONDS)

    async def _watch(self, directory: Path, stop: asyncio.Event) -> None:
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
            await asyncio.to_thread(self.reload)
            if os.stat(directory).st_ino != watched:  # replaced as a whole: the watch holds the removed one
                return

    def _complain(self, trouble: str, *, refused: bool) -> None:
        if trouble == self.trouble:
            return
        self.trouble = trouble
        kept = "nothing to serve yet" if self.served is None else "still serving the last good set"
        # Waiting for the first set is normal at a start; refusing one or losing one never is.
        level = logging.ERROR if refused or self.served is not None else logging.WARNING
        _log.log(level, "%s: %s; %s", "set refused" if refused else "no set", trouble, kept)


def _locate(path: Path) -> tuple[Path, str]:
    """Return the directory to watch and the name of the set in it."""
    return (path, DEFAULT_KEY) if path.is_dir() else (path.parent, path.name)


def _read_pair(path: Path) -> tuple[bytes, bytes | None]:
    directory, name = _locate(path)
    data = directory / "..data"
    base = data.resolve() if data.is_symlink() else directory
    raw = _read(base / name)
    try:
        return raw, _read(base / HINTS)
    except FileNotFoundError:
        if not base.is_dir():
            raise
        return raw, None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _max_age(hints: bytes | None) -> int:
    if hints is None:
        return DEFAULT_MAX_AGE
    try:
        value = parse_object(hints).get("cacheMaxAge", DEFAULT_MAX_AGE)
    except SetRefused as refused:
        raise SetRefused(f"{HINTS}: {refused}") from None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SetRefused(f"{HINTS}: cacheMaxAge is not a number of seconds")
    return value


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
