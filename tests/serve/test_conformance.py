"""The server on the wire: whatever comes, well-formed answers or a close (RFC 9110, RFC 9112)."""

import contextlib
import re
import resource
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.mount import swap
from serve.running import JWKS, Running, answers, read_all, serving, until
from serve.sets import EC, RSA, jwks

BODY = jwks(EC, RSA)
GET = f"GET {JWKS} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
OK = (200, BODY)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server with short times for all of these tests; it must live through them."""
    volume = tmp_path_factory.mktemp("volume")
    swap(volume, {"jwks.json": BODY})
    with serving(volume, "--admin-port=0", "--idle-timeout=2", "--request-timeout=0.6", "--max-rate=3000") as running:
        yield running
        assert running.process.poll() is None
        assert "Traceback" not in running.log
        assert "Exception" not in running.log


BAD = {
    "nonsense": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "no host": (f"GET {JWKS} HTTP/1.1\r\n\r\n".encode(), 400),
    "a folded header": (GET[:-2] + b"A: b\r\n c\r\n\r\n", 400),
    "a header without a colon": (GET[:-2] + b"nonsense\r\n\r\n", 400),
    "a long target": (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
    "long headers": (GET[:-2] + b"A: " + b"a" * 17000 + b"\r\n\r\n", 431),
    "many headers": (GET[:-2] + b"A: b\r\n" * 101 + b"\r\n", 431),
    "a large body": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20000, 413),
    "large chunks": (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n"
        b"4000\r\n" + b"x" * 16384 + b"\r\n0\r\n\r\n",
        413,
    ),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a tunnel": (b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 404),
    "another expectation": (GET[:-2] + b"Expect: tea\r\n\r\n", 417),
}


@pytest.mark.parametrize(("octets", "status"), BAD.values(), ids=BAD)
def test_a_bad_request_gets_one_answer_and_the_end(server: Running, octets: bytes, status: int) -> None:
    with server.connect() as client:  # not half-closed: the server ends it, and the answer arrives whole
        client.sendall(octets + GET)
        got = read_all(client)
    [(found, _)] = answers(got)
    assert found == status
    assert b"\r\nConnection: close\r\n" in got


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (GET[:-2] + b"Content-Length: 3\r\n\r\nabc", 200),
        (GET[:-2] + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nIf-None-Match: *\r\n\r\n", 200),
        (f"POST {JWKS} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n".encode(), 405),
        (f"GET {JWKS} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".encode(), 200),
    ],
)
def test_after_a_body_or_with_http_1_0_it_ends_after_the_answer(server: Running, octets: bytes, status: int) -> None:
    with server.connect() as client:
        client.sendall(octets + GET)
        [(found, _)] = answers(read_all(client))
    assert found == status


def test_a_connection_stays_and_an_offer_of_another_protocol_changes_nothing(server: Running) -> None:
    upgrade = GET[:-2] + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
    last = GET[:-2] + b"Connection: close\r\n\r\n"
    with server.connect() as client:
        client.sendall(upgrade + GET + b"HEAD /keys HTTP/1.1\r\nHost: h\r\n\r\n")
        time.sleep(0.05)
        client.sendall(last)
        got = read_all(client)
    assert got.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert got.count(BODY) == 3


def test_a_pipelined_burst_is_answered_in_order_and_in_full(server: Running) -> None:
    missing = b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n"
    got = answers(server.exchange((GET + missing) * 500))
    assert [status for status, _ in got] == [200, 404] * 500
    assert all(body == BODY for status, body in got if status == 200)


def test_a_client_that_sends_without_reading_costs_no_memory(server: Running) -> None:
    before = server.rss()
    with server.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.sendall(GET * 500_000)
    assert server.rss() - before < 20_000_000


def test_a_client_above_its_rate_waits_and_loses_nothing(server: Running) -> None:
    began = time.monotonic()
    got = answers(server.exchange(GET * 8000))
    assert len(got) == 8000
    assert time.monotonic() - began > 0.3
    assert b"jwks_server_throttled_total 0\n" not in server.ask_admin("/metrics").body


@pytest.mark.parametrize("cut", [1, 10, len(GET) - 2])
def test_octets_that_come_one_by_one_are_one_request(server: Running, cut: int) -> None:
    with server.connect() as client:
        client.sendall(GET[:cut])
        time.sleep(0.02)
        client.sendall(GET[cut:])
        client.shutdown(socket.SHUT_WR)
        assert answers(read_all(client)) == [OK]


def test_a_half_closed_client_gets_its_answers_and_half_a_request_gets_none(server: Running) -> None:
    assert answers(server.exchange(GET + GET)) == [OK, OK]
    assert answers(server.exchange(GET + GET[:-3])) == [OK]
    assert server.exchange(b"") == b""


def test_a_slow_request_is_ended_however_busy_it_looks(server: Running) -> None:
    began = time.monotonic()
    with server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n")
        client.settimeout(0.05)
        with pytest.raises(ConnectionError):  # noqa: PT012 - the loop is one act: feeding a header for ever
            while time.monotonic() - began < 60:
                client.sendall(b"A: b\r\n")
                try:
                    if client.recv(1) == b"":
                        raise ConnectionResetError
                except TimeoutError:
                    continue


def test_an_idle_connection_is_ended(server: Running) -> None:
    with server.connect() as client:
        client.sendall(GET)
        began = time.monotonic()
        assert answers(read_all(client)) == [OK]
        assert 1 < time.monotonic() - began < 30, "and not after the 75 s that are the default"


def test_ten_thousand_idle_connections_hinder_nobody(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": BODY})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # both sides are on this machine
    with serving(tmp_path, "--admin-port=0") as server, contextlib.ExitStack() as crowd:
        before = server.rss()
        for _ in range(10_000):
            crowd.enter_context(server.connect())
        delays = []
        for _ in range(5):
            began = time.monotonic()
            assert server.ask().body == BODY
            delays.append(time.monotonic() - began)
        assert min(delays) < 0.5
        assert (server.rss() - before) / 10_000 < 6000
        until(lambda: b"jwks_server_connections 10000\n" in server.ask_admin("/metrics").body)
        crowd.close()
        until(lambda: b"jwks_server_connections 0\n" in server.ask_admin("/metrics").body)


def test_resets_are_nothing_special(server: Running) -> None:
    for octets in (b"", GET, GET[:10], GET * 100):
        client = server.connect()
        client.sendall(octets)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    assert server.ask().body == BODY


PIECES = [
    GET, GET[:-2], b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", b"\r\n", b": ", b"Content-Length: 5\r\n", b"\0", b"0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n", b"Connection: Upgrade\r\nUpgrade: x\r\n", b"Expect: 100-continue\r\n",
    b"If-None-Match: *\r\n", b"\r\n\r\n", b"HTTP/1.1", b"GET ",
]  # fmt: skip


@settings(max_examples=150)
@given(parts=st.lists(st.binary(max_size=200) | st.sampled_from(PIECES), max_size=8))
def test_any_octets_get_well_formed_answers_or_a_close(server: Running, parts: list[bytes]) -> None:
    got = server.exchange(b"".join(parts))
    while got:  # a HEAD among them leaves out its body, so only the heads are looked at
        assert re.match(rb"HTTP/1\.1 (200|204|304|4\d\d|505) [A-Z]", got)
        got = got[got.find(b"HTTP/1.1 ", 9) :] if b"HTTP/1.1 " in got[9:] else b""
    assert server.process.poll() is None


def test_fuzzing_leaves_no_memory_behind(server: Running) -> None:
    def round_() -> int:
        for number in range(300):
            server.exchange((b"GET /%d HTTP/1.1\r\nHost: h\r\nA: %d\r\n\r\nx" % (number, number)) + b"\xff" * 50)
        return server.rss()

    round_()
    before = round_()
    assert round_() - before < 1_000_000
