"""One connection: reads requests, writes rendered replies, and ends when it should.

The fast path: octets that were answered within this second, on any connection, get the same reply without being
parsed again (`Hub.known`): the same octets are the same request. Everything else goes through
`Incoming`. A client that does not read is not read from; times are watched by the hub's sweep, not by a timer
for each request.
"""

import asyncio
from time import perf_counter
from typing import Protocol, cast

from jwks_operator.httpd.counters import Stats
from jwks_operator.httpd.reply import Reply, plain_reply
from jwks_operator.httpd.request import Incoming, Limits, Request

KNOWN_OCTETS = 2048
"""Longer requests are parsed each time."""

PROBLEMS = {
    400: "not an HTTP request\n",
    413: "a body is not expected\n",
    414: "the target is too long\n",
    417: "not that expectation\n",
    431: "the headers are too long\n",
    505: "only HTTP/1.1 and HTTP/1.0\n",
}


class Hub(Protocol):
    """What connections share: their site, limits, counters, and the present second."""

    limits: Limits
    stats: Stats
    known: dict[bytes, Reply]
    date: bytes
    draining: bool
    rate: int
    idle_until: float
    request_until: float
    write_until: float
    linger_until: float

    def enter(self, connection: "Connection") -> bool:
        """Register a new connection; False if there are too many."""
        ...

    def leave(self, connection: "Connection") -> None:
        """Forget a connection that has ended."""
        ...

    def answer(self, request: Request) -> Reply:
        """Answer a request that is well-formed."""
        ...

    def remember(self, data: bytes, reply: Reply) -> None:
        """Keep a reply to these octets for the rest of the second."""
        ...

    def log(self, request: Request, reply: Reply, peer: object) -> None:
        """Write the access log."""
        ...


class Connection(asyncio.Protocol):
    """The protocol of one client."""

    __slots__ = ("_closing", "_hub", "_incoming", "_parser", "_stuck", "_throttled", "_transport", "_used", "deadline")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._incoming: Incoming | None = None  # while a request has begun and is not whole yet
        self._parser: Incoming | None = None  # for the next request, where each of them is parsed
        self._transport: asyncio.Transport
        self._used = 0
        self._throttled = False
        self._stuck = False
        self._closing = False
        self.deadline = hub.request_until

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the connection; refuse it if there are too many."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports do not inherit from it
        if not self._hub.enter(self):
            self.refuse(plain_reply(503, self._hub.date, "too many connections\n", [("Retry-After", "1")], final=True))

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._hub.leave(self)
        self._incoming = self._parser = None

    def data_received(self, data: bytes) -> None:
        """Answer the complete requests."""
        hub = self._hub
        began = perf_counter()
        if self._incoming is None:
            reply = hub.known.get(data)
            if reply is not None:
                self._transport.write(next(reply.ring))
                self.deadline = hub.idle_until
                hub.stats.answered(reply.status, perf_counter() - began)
                self._used += 1
                if self._used > hub.rate:
                    self._throttle()
                return
        if not self._closing:
            self._read(data, began)

    def eof_received(self) -> bool:
        """Close: every complete request is answered, a partial one cannot become complete."""
        return False

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read its answers."""
        self._stuck = True
        self.deadline = self._hub.write_until
        self._steer()

    def resume_writing(self) -> None:
        """Go on."""
        self._stuck = False
        self._wait_anew()
        self._steer()

    def sweep(self, now: float) -> None:
        """Reset the allowance of requests and end what takes too long; called by each sweep of the hub."""
        self._used = 0
        if self._throttled:
            self._throttled = False
            self._wait_anew()
            self._steer()
        if now < self.deadline:
            return
        if self._closing and not self._stuck and self._transport.get_write_buffer_size():
            self._stuck = True  # the last answer is still on its way: it has the time that every answer has
            self.deadline = self._hub.write_until
        else:
            self._hub.stats.timed_out += not self._closing
            self._transport.abort()

    def finish(self) -> None:
        """End an idle connection; one that is in the middle of a request ends after its answer."""
        if self._incoming is None and not self._stuck and not self._closing:
            self._hang_up()

    def refuse(self, reply: Reply) -> None:
        """Send a last reply before any request, and hang up."""
        self._write(reply)
        self._hang_up()

    def reply_to(self, request: Request) -> Reply:
        """Return the reply to one request, which may be a problem."""
        if request.problem:
            return plain_reply(request.problem, self._hub.date, PROBLEMS[request.problem], final=True)
        request.last = request.last or self._hub.draining
        return self._hub.answer(request)

    def abort(self) -> None:
        """End at once."""
        self._transport.abort()

    def _read(self, data: bytes, began: float) -> None:
        hub = self._hub
        incoming = self._incoming or self._parser or Incoming(hub.limits)
        was_open, single = incoming.open, self._incoming is None
        requests = incoming.feed(data)
        for request in requests:
            reply = self.reply_to(request)
            self._write(reply)
            hub.stats.answered(reply.status, perf_counter() - began)
            hub.log(request, reply, self._transport)
            if reply.final:
                self._hang_up()
                return
            if single and len(requests) == 1 and not incoming.open and reply.lasting and len(data) <= KNOWN_OCTETS:
                hub.remember(data, reply)
        self._used += len(requests)
        if incoming.open:
            self._incoming = incoming
            if not was_open or requests:
                self.deadline = hub.request_until
        else:
            self._incoming = None
            self._parser = incoming if hub.limits.takes_body else None
            self.deadline = hub.idle_until
        if self._stuck:
            self.deadline = hub.write_until
        if self._used > hub.rate:
            self._throttle()

    def _write(self, reply: Reply) -> None:
        self._transport.write(next(reply.ring))

    def _throttle(self) -> None:
        """Stop reading until the next sweep: a client above its rate waits and loses nothing."""
        if not self._throttled and not self._closing:
            self._throttled = True
            self._hub.stats.throttled += 1
            self._steer()

    def _wait_anew(self) -> None:
        """Extend the deadlines of the client by the time without reading."""
        if not self._closing and not self._stuck:
            self.deadline = self._hub.idle_until if self._incoming is None else self._hub.request_until

    def _steer(self) -> None:
        if self._transport.is_closing():
            return
        if self._stuck or self._throttled:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _hang_up(self) -> None:
        """Send what is written, then FIN; then discard further input for a while.

        Closing with unread octets would send RST, and that can destroy the answer on its way (RFC 9112 section
        9.6).
        """
        self._closing = True
        self._incoming = None
        self._stuck = self._throttled = False
        self.deadline = self._hub.linger_until
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._steer()
        else:
            self._transport.close()
