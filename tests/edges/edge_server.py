"""Caches of a CDN, small and honest: real HTTP on loopback, each with a copy that it renews when its time is over."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_network

from jwks_operator.edges.edge_rules import EdgeRules
from kube.talks import listening, reply

NAME = "keys.example.com"
MAX_AGE = timedelta(minutes=5)


@dataclass
class CachingEdge:
    """One cache: fetches the document from its origin when a request finds its copy too old."""

    origin: Callable[[], Awaitable[bytes]]
    now: Callable[[], datetime]
    keeps: timedelta = MAX_AGE
    tells_age: bool = True
    away: bool = False
    copy: bytes = b'{"keys":[]}'
    fetched: datetime | None = None
    requests: list[str] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(await self._answer())
        await writer.drain()

    async def _answer(self) -> bytes:
        if self.away:
            return reply("503 Service Unavailable", b"")
        now = self.now()
        if self.fetched is None or now - self.fetched >= self.keeps:
            self.copy, self.fetched = await self.origin(), now
        age = [f"Age: {(now - self.fetched) // timedelta(seconds=1)}"] if self.tells_age else []
        return reply("200 OK", self.copy, f"Cache-Control: public, max-age={MAX_AGE // timedelta(seconds=1)}", *age)


@dataclass
class Cdn:
    """Edges behind one name, at 127.0.0.1, 127.0.0.2, … and one port."""

    edges: tuple[CachingEdge, ...]
    port: int

    @property
    def url(self) -> str:
        return f"http://{NAME}:{self.port}/.well-known/jwks.json"

    @property
    def rules(self) -> EdgeRules:
        """What an administrator allows for it."""
        return EdgeRules.parse([f"http://{NAME}:{self.port}"], [str(ip_network("127.0.0.0/8"))], None)

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of the edges."""
        assert (host, port) == (NAME, self.port)
        return [_address(number) for number, _ in enumerate(self.edges, 1)]

    @property
    def requests(self) -> int:
        return sum(len(edge.requests) for edge in self.edges)


def _address(number: int) -> str:
    return f"127.0.0.{number}"


@asynccontextmanager
async def serving(*edges: CachingEdge) -> AsyncIterator[Cdn]:
    """Serve these edges until the block ends."""
    async with AsyncExitStack() as stack:
        port = 0
        for number, edge in enumerate(edges, 1):
            port = await stack.enter_async_context(listening(edge.talk, host=_address(number), port=port))
        yield Cdn(edges, port)
