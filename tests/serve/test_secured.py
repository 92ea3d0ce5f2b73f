"""TLS connections share one outgoing buffer: each leaves it empty, and none sends what belongs to another one."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from jwks_operator.httpd.secured import Secured
from serve.certificates import pair


class Socket:
    """What a connection sends, in place of the transport of a socket."""

    def __init__(self) -> None:
        self.sent = b""
        self.closing = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def write_eof(self) -> None:
        pass


class Echo(asyncio.Protocol):
    """Answers with what it reads, a thousand times."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data * 1000)

    def eof_received(self) -> bool:
        return False


class Pair:
    """A client and its connection on the server; `outgoing` is shared by all pairs of a test."""

    def __init__(self, context: ssl.SSLContext, outgoing: ssl.MemoryBIO) -> None:
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = trusting.wrap_bio(self._in, self._out, server_hostname="a")
        self.socket, self.outgoing = Socket(), outgoing
        self.server = Secured(Echo(), context, outgoing)
        self.does(lambda: self.server.connection_made(cast(Any, self.socket)))

    def does(self, action: Callable[[], object]) -> None:
        """Do something to the connection, which has to leave the buffer empty."""
        action()
        assert self.outgoing.pending == 0

    def step(self, act: Callable[[], object]) -> object | None:
        """Let the client act as far as it can, and carry what it sends and what is answered."""
        try:
            result = act()
        except ssl.SSLWantReadError:
            result = None
        if self._out.pending:
            self.does(lambda: self.server.data_received(self._out.read()))
        self._in.write(self.socket.sent)
        self.socket.sent = b""
        return result

    def reads(self) -> bytes:
        """Everything that has arrived for the client."""
        found = b""
        while part := self.step(lambda: self.client.read(2**20)):
            found += cast(bytes, part)
        return found


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    for name, octets in pair(1).items():
        (tmp_path / name).write_bytes(octets)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    return context


async def pairs(context: ssl.SSLContext, count: int) -> list[Pair]:
    """Connections whose handshakes took turns, step by step."""
    outgoing = ssl.MemoryBIO()
    found = [Pair(context, outgoing) for _ in range(count)]
    for _ in range(3):
        for each in found:
            each.step(each.client.do_handshake)
    return found


async def test_each_client_gets_its_own_answer(context: ssl.SSLContext) -> None:
    found = await pairs(context, 3)
    for number, each in enumerate(found):
        each.step(lambda each=each, number=number: each.client.write(b"%d" % number))  # type: ignore[misc]  # bound
    for number, each in enumerate(found):
        assert each.reads() == b"%d" % number * 1000


async def test_a_client_that_asks_twice_at_once_gets_both_answers_in_order(context: ssl.SSLContext) -> None:
    (each,) = await pairs(context, 1)
    each.client.write(b"a")
    each.step(lambda: each.client.write(b"b"))
    assert each.reads() == b"a" * 1000 + b"b" * 1000


async def test_an_alert_goes_to_who_caused_it(context: ssl.SSLContext) -> None:
    calm, other = await pairs(context, 2)
    other.does(lambda: other.server.data_received(b"\x17\x03\x03\x00\x20" + bytes(32)))
    assert other.socket.closing
    assert other.socket.sent
    calm.step(lambda: calm.client.write(b"a"))
    assert calm.reads() == b"a" * 1000


async def test_what_a_closed_socket_cannot_take_is_dropped(context: ssl.SSLContext) -> None:
    calm, closed = await pairs(context, 2)
    closed.socket.closing = True
    closed.step(lambda: closed.client.write(b"x"))
    closed.does(closed.server.close)
    calm.step(lambda: calm.client.write(b"a"))
    assert calm.reads() == b"a" * 1000


@pytest.mark.parametrize("end", [Secured.write_eof, Secured.close], ids=["write_eof", "close"])
async def test_an_end_says_so_to_its_own_client(context: ssl.SSLContext, end: Callable[[Secured], None]) -> None:
    calm, ended = await pairs(context, 2)
    ended.does(lambda: end(ended.server))
    assert ended.socket.sent
    assert calm.socket.sent == b""
