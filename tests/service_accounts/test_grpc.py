"""The gRPC server beside clients that are right, wrong, slow and hostile."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hyperframe.frame import GoAwayFrame

from jwks_operator.service_accounts import grpc_server
from jwks_operator.service_accounts.grpc_connection import MOST_OCTETS, STREAMS, CallRefused, Status
from jwks_operator.service_accounts.grpc_server import CONNECTIONS, GrpcServer
from jwks_operator.sign.unix_socket import bind_unix_socket
from serve.running import read_all, until
from service_accounts.raw_client import SIGN, RawClient, framed

LONG = b"x" * 1_200_000


def answer(path: bytes, message: bytes, _: int) -> bytes:
    """Echo; long answers and refusals on demand."""
    if path == b"/long":
        return LONG
    if path == b"/no":
        raise CallRefused(Status.UNAVAILABLE, "50 % – später")
    return message


class Running:
    """The server in a thread of its own."""

    def __init__(self, path: Path, uids: frozenset[int]) -> None:
        self.path = path
        self.server: GrpcServer
        self.sweeps = 0
        self._uids = uids
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))
        self._thread.start()
        assert self._ready.wait(60)

    async def _serve(self) -> None:
        with bind_unix_socket(self.path, 0o600) as bound:
            self.server = GrpcServer(answer, self._uids.__contains__, self._swept)
            await self.server.listen(bound.sock)
            self._ready.set()
            await self._end.wait()
            await self.server.drain(30)

    def _swept(self) -> None:
        self.sweeps += 1

    def tell_to_end(self) -> None:
        """As SIGTERM does."""
        self._loop.call_soon_threadsafe(self._end.set)

    def stop(self) -> None:
        self.tell_to_end()
        self._thread.join()
        self._loop.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "s", frozenset({os.geteuid()}))
    yield running
    running.stop()


def connected(running: Running) -> RawClient:
    client = RawClient(running.path)
    client.open()
    return client


def test_a_call_is_answered(running: Running) -> None:
    with closing(connected(running)) as client:
        stream = client.call(framed(b"hello"))
        assert client.status(stream) == "0"
        assert client.headers_of(stream)[":status"] == "200"
        assert client.headers_of(stream)["content-type"] == "application/grpc"
        assert client.body(stream) == b"hello"


def test_a_refusal_is_a_status_and_a_text_that_any_header_can_hold(running: Running) -> None:
    with closing(connected(running)) as client:
        stream = client.call(framed(b""), b"/no")
        assert client.status(stream) == str(Status.UNAVAILABLE.value)
        assert client.headers_of(stream)["grpc-message"] == "50 %25 %E2%80%93 sp%C3%A4ter"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", Status.UNIMPLEMENTED),
        (b"\0\0", Status.UNIMPLEMENTED),
        (framed(b"x", compressed=1), Status.UNIMPLEMENTED),
        (framed(b"x") + framed(b"y"), Status.UNIMPLEMENTED),
        (framed(b"xy", length=1), Status.UNIMPLEMENTED),
        (framed(b"x", length=MOST_OCTETS + 1), Status.RESOURCE_EXHAUSTED),
        (framed(b"x" * MOST_OCTETS), Status.OK),
    ],
)
def test_a_request_is_one_message_of_a_bounded_length(running: Running, body: bytes, status: Status) -> None:
    with closing(connected(running)) as client:
        stream = client.begin()
        for at in range(0, len(body), 16384):
            client.h2.send_data(stream, body[at : at + 16384])
        client.h2.end_stream(stream)
        client.flush()
        assert client.status(stream) == str(status.value)
        assert client.status(client.call(framed(b"next"))) == "0"


def test_a_request_that_is_too_long_is_refused_before_it_is_whole(running: Running) -> None:
    with closing(connected(running)) as client:
        stream = client.begin()
        client.h2.send_data(stream, framed(b"x" * 100, length=200 * 2**20))
        client.flush()
        assert client.status(stream) == str(Status.RESOURCE_EXHAUSTED.value)
        client.until(lambda: client.was_reset(stream))
        assert client.status(client.call(framed(b"next"))) == "0"


def test_what_is_not_grpc_is_told_so(running: Running) -> None:
    with closing(connected(running)) as client:
        stream = client.begin(kind=b"text/plain")
        client.h2.end_stream(stream)
        client.flush()
        client.until(lambda: client.headers_of(stream))
        assert client.headers_of(stream)[":status"] == "415"


def test_a_long_answer_waits_for_the_window_of_the_client(running: Running) -> None:
    with closing(connected(running)) as client:
        stream = client.call(framed(b""), b"/long")
        other = client.call(framed(b""), b"/no")
        assert client.status(other) == str(Status.UNAVAILABLE.value)
        read = 0
        while "grpc-status" not in client.headers_of(stream):
            client.until(lambda read=read: len(client.events) > read)  # type: ignore[misc]
            for event in client.events[read:]:
                if length := getattr(event, "flow_controlled_length", 0):
                    client.h2.acknowledge_received_data(length, stream)
            read = len(client.events)
            client.flush()
        assert client.body(stream) == LONG


def test_a_call_that_is_reset_in_the_same_breath_harms_no_other(running: Running) -> None:
    with closing(connected(running)) as client:
        for path in (SIGN, b"/long", b"/no"):
            stream = client.begin(path)
            client.h2.send_data(stream, framed(b"x"), end_stream=True)
            client.h2.reset_stream(stream)
        client.flush()
        assert client.status(client.call(framed(b"next"))) == "0"


def test_what_is_not_http_2_ends_the_connection_and_no_other(running: Running) -> None:
    with closing(connected(running)) as good, closing(RawClient(running.path)) as bad:
        bad.sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        bad.sock.settimeout(60)
        read_all(bad.sock)
        assert good.status(good.call(framed(b"next"))) == "0"


def test_more_streams_than_allowed_are_refused_by_the_settings(running: Running) -> None:
    with closing(connected(running)) as client:
        client.until(lambda: client.h2.remote_settings.max_concurrent_streams == STREAMS)
        assert client.h2.remote_settings.max_concurrent_streams == STREAMS


def test_connections_beyond_the_limit_are_told_so(running: Running) -> None:
    clients = [connected(running) for _ in range(CONNECTIONS)]
    for client in clients:
        assert client.status(client.call(framed(b"x"))) == "0"
    with closing(connected(running)) as late:
        assert late.status(late.call(framed(b"x"))) == str(Status.RESOURCE_EXHAUSTED.value)
    clients.pop().close()
    with closing(connected(running)) as next_one:
        stream = next_one.call(framed(b"x"))
        assert next_one.status(stream) in {"0", str(Status.RESOURCE_EXHAUSTED.value)}
    for client in clients:
        client.close()


def test_a_flood_of_connections_is_ended_without_a_word(running: Running) -> None:
    clients = [connected(running) for _ in range(2 * CONNECTIONS)]
    until(running.server.is_full)
    with closing(RawClient(running.path)) as late:
        late.sock.settimeout(60)
        assert read_all(late.sock) == b""
    for client in clients:
        client.close()


def test_a_user_that_may_not_call_is_told_so(tmp_path: Path) -> None:
    running = Running(tmp_path / "s", frozenset({4711}))
    with closing(connected(running)) as client:
        stream = client.call(framed(b"x"))
        assert client.status(stream) == str(Status.PERMISSION_DENIED.value)
        assert "--allow-uid" in client.headers_of(stream)["grpc-message"]
    running.stop()


def test_a_client_that_may_not_call_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_server, "CALL_SECONDS", 0.3)
    monkeypatch.setattr(grpc_server, "SWEEP_SECONDS", 0.05)
    running = Running(tmp_path / "s", frozenset({4711}))
    with closing(connected(running)) as client:
        client.until(lambda: False)
        assert client.ended
    running.stop()


def test_a_client_that_never_introduces_itself_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_server, "CALL_SECONDS", 0.3)
    running = Running(tmp_path / "s", frozenset({os.geteuid()}))
    with closing(RawClient(running.path)) as client:
        client.sock.settimeout(60)
        read_all(client.sock)
    running.stop()


def test_a_request_that_does_not_come_to_its_end_is_refused(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(connected(running)) as client:
        assert client.status(client.call(framed(b"x"))) == "0"
        sweeps = running.sweeps
        monkeypatch.setattr(grpc_server, "CALL_SECONDS", 0.3)
        until(lambda: running.sweeps > sweeps + 1)  # the deadlines that begin now are near
        stream = client.begin()
        client.h2.send_data(stream, framed(b"x", length=100))
        client.flush()
        assert client.status(stream) == str(Status.DEADLINE_EXCEEDED.value)
        assert client.status(client.call(framed(b"next"))) == "0"


def test_a_client_that_does_not_read_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_server, "WRITE_SECONDS", 0.3)
    monkeypatch.setattr(grpc_server, "SWEEP_SECONDS", 0.05)
    running = Running(tmp_path / "s", frozenset({os.geteuid()}))
    with closing(connected(running)) as client:
        client.sock.settimeout(60)
        pings = (bytes.fromhex("000008060000000000") + b"12345678") * 100_000
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sock.sendall(pings * 100)
    with closing(connected(running)) as other:
        assert other.status(other.call(framed(b"next"))) == "0"
    running.stop()


def test_the_end_says_goaway_and_answers_what_is_on_its_way(running: Running) -> None:
    with closing(connected(running)) as client:
        begun = client.begin()
        client.h2.send_data(begun, framed(b"hello")[:7])
        client.flush()
        assert client.status(client.call(framed(b"x"))) == "0"  # so the server has what was begun
        running.tell_to_end()
        until(lambda: running.server.draining)
        client.h2.send_data(begun, framed(b"hello")[7:], end_stream=True)
        client.flush()
        on_its_way = client.call(framed(b"sent before the GOAWAY was read"))
        answered: set[int] = set()
        for frame in client.frames():
            if isinstance(frame, GoAwayFrame):
                assert (frame.last_stream_id, frame.error_code) == (2**31 - 1, 0)
                answered.add(0)
            if "END_STREAM" in frame.flags:
                answered.add(frame.stream_id)
            if answered == {0, begun, on_its_way}:
                break
        assert answered == {0, begun, on_its_way}
