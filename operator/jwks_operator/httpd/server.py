"""One listening port and its connections: limits, sweeps, the cache of one second, and the shutdown.

`known` are the replies to octets that came within this second; it is emptied with each second and each change
of content, so it never outlives what it was made from.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from jwks_operator.httpd import access
from jwks_operator.httpd.connection import Connection
from jwks_operator.httpd.counters import Stats
from jwks_operator.httpd.heap import Heap, find_trim
from jwks_operator.httpd.reply import Reply, http_date
from jwks_operator.httpd.request import Limits, Request
from jwks_operator.httpd.secured import Secured

BACKLOG: Final = 1024
MOST_REFUSED: Final = 16
"""Clients above the limit that get an answer at one time: each holds a descriptor until it closes or lingers out."""
MOST_KNOWN: Final = 1024
"""Different requests that are cached within one second; others are parsed each time."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a client; times in seconds.

    `idle` between requests, `request` for one request from its first octet to its last, `write` for a client
    that does not read, `linger` for one that does not close; `rate` requests a second on one connection.
    """

    connections: int = 16384
    rate: int = 5000
    idle: float = 75.0
    request: float = 10.0
    write: float = 30.0
    linger: float = 2.0
    limits: Limits = field(default_factory=Limits)


class Site(Protocol):
    """What there is under which path."""

    def answer(self, request: Request, date: bytes) -> Reply:
        """Return the reply to a well-formed request; `date` is the present second for its header."""
        ...

    def forget(self) -> None:
        """Drop what was rendered for a second that has passed; called once a second or more often."""
        ...


class Server:
    """Serves one site on one socket. The attributes that are not named here are for its connections."""

    def __init__(
        self, site: Site, bounds: Bounds, *, access_log: bool = False, connection: type[Connection] = Connection
    ) -> None:
        self.stats = Stats()
        self.limits = bounds.limits
        self.known: dict[bytes, Reply] = {}
        self.draining = False
        self._site = site
        self._bounds = bounds
        self._access_log = access_log
        self._connection = connection
        self._connections: set[Connection] = set()
        self._refused: dict[Connection, None] = {}  # those of them that are above the limit, oldest first
        self._empty = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heap: Heap | None = None
        self._loop = asyncio.get_running_loop()
        self._interval = min(1.0, bounds.idle / 2, bounds.request / 2, bounds.write / 2, bounds.linger / 2)
        self.rate = max(1, int(bounds.rate * self._interval))
        self._tick()

    async def listen(self, sock: socket.socket, context: ssl.SSLContext | None = None) -> None:
        """Accept connections on a bound socket. Raises OSError."""
        outgoing = ssl.MemoryBIO()
        self._heap = None if context is None else Heap(find_trim())

        def connection() -> asyncio.Protocol:
            inner = self._connection(self)
            return inner if context is None else Secured(inner, context, outgoing)

        create = self._loop.create_unix_server if sock.family == socket.AF_UNIX else self._loop.create_server
        self._listener = await create(connection, sock=sock, backlog=BACKLOG)

    def forget_replies(self) -> None:
        """Drop the cached replies of this second: the site has other content."""
        self.known.clear()

    async def drain(self, quiet: float, limit: float) -> None:
        """Shut down without losing a request, in at most about `limit` seconds.

        1. Go on listening and answering, each answer with "Connection: close", until nobody has asked for
           `quiet` seconds: clients learn only gradually that this server ends.
        2. Listen no more, end idle connections, wait for the others.
        3. End what is left.
        """
        end = self._loop.time() + limit
        self.draining = True
        self.known.clear()
        seen = self._seen()
        while self._loop.time() + quiet < end:
            await asyncio.sleep(quiet)
            if self._seen() == seen:
                break
            seen = self._seen()
        if self._listener is not None:
            self._listener.close()
        await asyncio.sleep(0)  # connections that were accepted just now begin
        for connection in list(self._connections):
            connection.finish()
        with contextlib.suppress(TimeoutError):
            if self._connections:
                self._empty.clear()
                await asyncio.wait_for(self._empty.wait(), max(0.0, end - self._loop.time()))
        self.abort()

    def abort(self) -> None:
        """End at once."""
        if self._listener is not None:
            self._listener.close()
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._connections):
            connection.abort()

    def enter(self, connection: Connection) -> bool:
        """Register a new connection; False if there are too many. Of the refused ones the newest stay for a while."""
        welcome = len(self._connections) - len(self._refused) < self._bounds.connections
        self.stats.accepted += welcome
        self.stats.rejected += not welcome
        self._connections.add(connection)
        if not welcome:
            self._refused[connection] = None
            if len(self._refused) > MOST_REFUSED:
                oldest = next(iter(self._refused))
                self.leave(oldest)
                oldest.abort()
        self.stats.connections = len(self._connections)
        return welcome

    def leave(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._connections.discard(connection)
        self._refused.pop(connection, None)
        if not self._connections:
            self._empty.set()
        self.stats.connections = len(self._connections)

    def answer(self, request: Request) -> Reply:
        """Answer a request that is well-formed."""
        return self._site.answer(request, self.date)

    def remember(self, data: bytes, reply: Reply) -> None:
        """Keep a reply to these octets for the rest of the second."""
        if len(self.known) < MOST_KNOWN and not self.draining and not self._access_log:
            self.known[data] = reply

    def log(self, request: Request, reply: Reply, peer: Any) -> None:
        """Write the access log, if there is one."""
        if self._access_log:
            access.write_access_line(request, reply, peer)

    def _seen(self) -> int:
        return sum(self.stats.codes.values()) + self.stats.accepted

    def _tick(self) -> None:
        """Set the present second and the deadlines that begin now, and sweep."""
        now, bounds = self._loop.time(), self._bounds
        self.date = http_date(time.time()).encode()
        self.idle_until = now + bounds.idle
        self.request_until = now + bounds.request
        self.write_until = now + bounds.write
        self.linger_until = now + bounds.linger
        self.known.clear()
        self._site.forget()
        for connection in list(self._connections):
            connection.sweep(now)
        if self._heap is not None:
            self._heap.sweep(self.stats.accepted, now)
        wait = self._interval - time.time() % self._interval
        self._timer = self._loop.call_later(wait, self._tick)


def bind_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a bound socket; `shared` lets several processes bind the same port. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
