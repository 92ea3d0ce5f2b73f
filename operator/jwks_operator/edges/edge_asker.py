"""Asks every edge of public URLs what it shows: every address of the host, as verifiers with and without gzip ask.

Caches may keep one copy for each Accept-Encoding, and behind one name there are many of them. So one look at a URL asks
each address, each time over a new connection. Few are asked at a time, all of it has a bound, and whatever an edge does
not show is a fact of its own and never a guess. A URL that was asked a moment ago is not asked again: how often a pass
runs is up to the authors of sets, how often a foreign server is asked is not.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from jwks_operator.core.model.observed_state import EdgeAnswer, UrlAnswer
from jwks_operator.core.planner.url_gate import UrlQuestion
from jwks_operator.edges.allowed_hosts import AllowedHosts
from jwks_operator.edges.edge_fetch import Document, Fetch, Look, NoDocument
from jwks_operator.kube.proxies import find_proxy

MOST: Final = 8
"""Addresses of one host that are asked."""
ENCODINGS: Final = ("identity", "gzip")
AT_ONCE: Final = 16
"""Requests at the same time, over all sets."""
QUESTIONS: Final = 3
"""Sets that ask at the same time: slow URLs must not keep the workers from everybody else's sets."""
TURN: Final = 2.0
"""Seconds to wait for a turn."""
PATIENCE: Final = 10.0
"""Seconds for all edges of one question."""
RECENT: Final = 2.0
"""Seconds for which an answer stands."""

Resolve = Callable[[str, int], Awaitable[Iterable[str]]]
"""Returns the addresses of a host; raises OSError."""


async def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host, each once; raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return sorted({str(address[0]) for *_, address in found})


@dataclass(frozen=True, slots=True)
class _Copy:
    """What one edge answered: a document, or why there is none."""

    edge: str
    document: Document | None
    trouble: str = ""

    def answer(self, kids: frozenset[str]) -> EdgeAnswer:
        if self.document is None:
            return EdgeAnswer(self.edge, None, trouble=self.trouble)
        keys = self.document.keys
        asked = tuple(key for key in keys if key.get("kid") in kids)
        shown = tuple(str(key.get("kid", "")) for key in keys)
        return EdgeAnswer(self.edge, asked, shown, self.document.age, self.document.lifetime)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a URL showed at a time of the monotonic clock."""

    at: float
    copies: tuple[_Copy, ...] = ()
    trouble: str = ""


class EdgeAsker:
    """Asks URLs, one question for each call. It never raises."""

    def __init__(
        self, hosts: AllowedHosts, fetch: Fetch, resolve: Resolve = resolve_host, clock: Callable[[], float] = monotonic
    ) -> None:
        self._hosts = hosts
        self._fetch = fetch
        self._resolve = resolve
        self._clock = clock
        self._questions = asyncio.Semaphore(QUESTIONS)
        self._requests = asyncio.Semaphore(AT_ONCE)
        self._recent: dict[str, _Found] = {}

    async def look(self, question: UrlQuestion) -> Mapping[str, UrlAnswer]:
        """Return what the edges of these URLs show of these kids."""
        refused = {url: why for url in question.urls if (why := self._hosts.find_refusal(url)) is not None}
        answers = {url: UrlAnswer(url, trouble=why, refused=True) for url, why in refused.items()}
        allowed = [url for url in question.urls if url not in refused]
        if not allowed:
            return answers
        try:
            async with asyncio.timeout(TURN):
                await self._questions.acquire()
        except TimeoutError:
            busy = "was not asked: too many URLs are being asked at the moment"
            return answers | {url: UrlAnswer(url, trouble=busy) for url in allowed}
        try:
            found = await asyncio.gather(*(self._ask(url) for url in allowed))
        finally:
            self._questions.release()
        for url, one in zip(allowed, found, strict=True):
            edges = tuple(copy.answer(question.kids) for copy in one.copies)
            answers[url] = UrlAnswer(url, edges, one.trouble)
        return answers

    async def _ask(self, url: str) -> _Found:
        now = self._clock()
        self._recent = {each: found for each, found in self._recent.items() if now - found.at < RECENT}
        found = self._recent.get(url)
        if found is None:
            found = replace(await self._ask_edges(url), at=self._clock())
            self._recent[url] = found
        return found

    async def _ask_edges(self, url: str) -> _Found:
        try:
            async with asyncio.timeout(PATIENCE):
                looks = await self._list_looks(url)
        except (OSError, UnicodeError):  # TimeoutError is an OSError
            return _Found(0, trouble="has a host that cannot be resolved")
        if not looks:
            return _Found(0, trouble="has a host without an address")
        asking = {asyncio.create_task(self._one(look)): look for look in looks}
        try:
            await asyncio.wait(asking, timeout=PATIENCE)
            copies = (
                task.result() if task.done() else _Copy(_name(look), None, "was not asked in time")
                for task, look in asking.items()
            )
            return _Found(0, tuple(copies))
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _list_looks(self, url: str) -> list[Look]:
        proxy = find_proxy(url)
        if proxy is not None:
            return [Look(url, "the proxy", encoding, proxy) for encoding in ENCODINGS]
        parts = urlsplit(url)
        addresses = await self._resolve(parts.hostname or "", parts.port or {"http": 80}.get(parts.scheme, 443))
        return [Look(url, address, encoding) for address in islice(addresses, MOST) for encoding in ENCODINGS]

    async def _one(self, look: Look) -> _Copy:
        async with self._requests:
            try:
                return _Copy(_name(look), await self._fetch(look))
            except NoDocument as why:
                return _Copy(_name(look), None, str(why))


def _name(look: Look) -> str:
    return look.address if look.encoding == ENCODINGS[0] else f"{look.address} ({look.encoding})"
