"""Keeps the documents of a set in a bucket as the shelf has them.

For each document: read → the same already: done → another writer's: refuse → write, conditional on what was read →
read back. Only a read that returns the document counts as published, whatever the write answered: an answer can be
lost, a retry refused as a conflict with itself, a read stale. What is not confirmed is tried again from the first
read, after a growing pause that newer content ends.

Between two changes of the set nothing is asked, so a change by another client is noticed at the next one.
"""

import asyncio
import hashlib
import logging
import time
from collections import Counter, defaultdict, deque
from contextlib import suppress
from typing import Final

from jwks_operator.publish.bucket import Bucket, BucketError, Cause, Stored
from jwks_operator.publish.bucket_documents import Document, list_documents, list_refused_paths
from jwks_operator.reconcile.backoff import Backoff
from jwks_operator.serve.shelf import Content, Shelf

BACKOFF: Final = Backoff(first=0.5, most=60.0)
REMEMBERED: Final = 16
"""Versions of one document that are recognised as this publisher's own."""

_log = logging.getLogger(__name__)


class Publisher:
    """Follows `shelf`; used in one task.

    `confirmed` is the content that was read back whole, at the Unix time `confirmed_at`; `trouble` is why newer content
    is not. `written`, `failed` and `overwritten` count: documents by name, attempts by cause, changes by others.
    """

    def __init__(
        self, shelf: Shelf, bucket: Bucket, owner: str, *, take_over: bool = False, backoff: Backoff = BACKOFF
    ) -> None:
        """`owner` is the set, NAMESPACE/NAME; with `take_over` objects of other writers are replaced, too."""
        self.shelf = shelf
        self.bucket = bucket
        self.confirmed: Content | None = None
        self.confirmed_at = 0.0
        self.trouble: BucketError | None = None
        self.written: Counter[str] = Counter()
        self.failed: Counter[Cause] = Counter()
        self.overwritten = 0
        self._owner = owner
        self._take_over = take_over
        self._backoff = backoff
        self._news = asyncio.Event()
        self._sent: defaultdict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._in_doubt = False  # something newer than `confirmed` may have been written
        self._present: set[str] = set()  # names that this process has read back
        shelf.on_change = self._news.set

    async def run(self) -> None:
        """Publish what is on the shelf and every change of it, until cancelled."""
        failures = 0
        while True:
            if self.is_published():
                await self._news.wait()
            self._news.clear()
            content = self.shelf.content
            if content is None or self.is_published():
                continue
            self._in_doubt = True
            try:
                await self._publish(content)
            except BucketError as error:
                failures += 1
                self._tell(error)
                if await self._wait_for_news(self._backoff.delay(failures)):
                    failures = 0
            else:
                failures = 0
                self._confirm(content)

    def is_published(self) -> bool:
        """Tell whether the newest content was read back from the bucket after all writes, or there is none yet."""
        return self.confirmed == self.shelf.content and not self._in_doubt

    async def _publish(self, content: Content) -> None:
        for document in list_documents(content):
            await self._put(document)

    async def _put(self, document: Document) -> None:
        name = document.name
        seen = await self.bucket.read(name)
        if seen is None or not seen.holds(document):
            self._check_writer(name, seen)
            await self._write(document, seen)
        self._remember(document)
        self._present.add(name)

    async def _write(self, document: Document, seen: Stored | None) -> None:
        """Write in the place of what was seen and read it back. Raise BucketError unless it is there."""
        self._remember(document)
        where = f"{self.bucket.url}/{document.name}"
        failure = BucketError(Cause.UNCONFIRMED, f"{where} was written, but a read does not return it yet")
        try:
            await self.bucket.write(document, self._owner, seen)
        except BucketError as error:
            failure = error
        found = await self.bucket.read(document.name)
        if found is None or not found.holds(document):
            raise failure
        self.written[document.name] += 1

    def _check_writer(self, name: str, seen: Stored | None) -> None:
        """Log a change by another client. Raise BucketError if it may not be replaced."""
        where = f"{self.bucket.url}/{name}"
        if seen is None or seen.owner == self._owner:
            if name in self._present and (seen is None or _digest(seen.body) not in self._sent[name]):
                self.overwritten += 1
                _log.error("%s was %s by another client; it is written again", where, "changed" if seen else "deleted")
            return
        writer = f"for the set {seen.owner}" if seen.owner else "by another writer"
        if not self._take_over:
            cure = "choose another --to, or replace it with --take-over"
            raise BucketError(Cause.FOREIGN, f"{where} was written {writer}: {cure}")
        self.overwritten += 1
        _log.warning("%s was written %s and is replaced (--take-over)", where, writer)

    def _remember(self, document: Document) -> None:
        digest = _digest(document.body)
        if digest not in self._sent[document.name]:
            self._sent[document.name].append(digest)

    def _confirm(self, content: Content) -> None:
        self.confirmed, self.confirmed_at, self.trouble = content, time.time(), None
        self._in_doubt = False
        refused = ", ".join(list_refused_paths(content))
        if refused:
            _log.error("no object for %s: a path of another document, or with an empty segment", refused)
        _log.info("published %d keys, content %s, at %s", content.keys, content.etag[:12], self.bucket.url)

    def _tell(self, error: BucketError) -> None:
        self.failed[error.cause] += 1
        if self.trouble is None or str(self.trouble) != str(error):
            _log.error("%s; it is tried again", error)
        self.trouble = error

    async def _wait_for_news(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        return self._news.is_set()


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
