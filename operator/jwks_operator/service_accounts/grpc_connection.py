"""One client of the gRPC server: unary calls over HTTP/2, with bounds.

A request is at most `MOST_OCTETS` long, which is below HTTP/2's first window: the window of a stream is never opened
again, only that of the connection. A client that does not read is not read from. Times are watched by the server's
sweep. A call is answered in one go when it is whole; what does not fit into the client's window waits for it.
"""

import asyncio
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from http import HTTPStatus
from typing import Final, Protocol, cast
from urllib.parse import quote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from jwks_operator.sign.caller import peer_uid

MOST_OCTETS: Final = 32768
STREAMS: Final = 64
HEADER_OCTETS: Final = 8192
_PREFIX: Final = 5
"""Octets before a message: whether it is compressed, and its length."""
_PRINTABLE: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_GOAWAY: Final = struct.pack(">BHBBIII", 0, 8, 7, 0, 0, (1 << 31) - 1, 0)
"""A GOAWAY that refuses no stream (RFC 9113 section 6.8); that of h2 would refuse the calls on their way."""

Headers = list[tuple[bytes, bytes]]


class Status(IntEnum):
    """The gRPC status codes that are used."""

    OK = 0
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    UNAVAILABLE = 14


class CallRefused(Exception):
    """A call is answered with a status and a text."""

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(text)
        self.status = status


class Hub(Protocol):
    """What connections share; the deadlines are of the loop's clock and begin now."""

    call_until: float
    write_until: float

    def is_full(self) -> bool:
        """Tell whether there are too many connections to tell one more why it may not call."""
        ...

    def enter(self, connection: "GrpcConnection") -> None:
        """Register a new connection; raises CallRefused if it may not call."""
        ...

    def leave(self, connection: "GrpcConnection") -> None:
        """Forget a connection that has ended."""
        ...

    def call(self, path: bytes, message: bytes, uid: int) -> bytes:
        """Carry out a call and return the answer's message; raises CallRefused."""
        ...


@dataclass(slots=True)
class Incoming:
    """A call that is not whole yet."""

    path: bytes
    deadline: float
    body: bytearray = field(default_factory=bytearray)


class GrpcConnection(asyncio.Protocol):
    """The protocol of one client."""

    def __init__(self, hub: Hub) -> None:
        self.uid = -1
        self.deadline = hub.call_until  # until the client has introduced itself, and until it reads
        self._hub = hub
        self._transport: asyncio.Transport
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS,
                SettingCodes.MAX_HEADER_LIST_SIZE: HEADER_OCTETS,
                SettingCodes.ENABLE_PUSH: 0,
            },
        )
        self._refusal: CallRefused | None = None
        self._incoming: dict[int, Incoming] = {}
        self._outgoing: dict[int, memoryview] = {}
        self._stuck = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the connection; a client that may not call is told so at each call."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports do not inherit from it
        if self._hub.is_full():
            self._transport.abort()
            return
        self.uid = peer_uid(transport.get_extra_info("socket"))
        try:
            self._hub.enter(self)
        except CallRefused as refused:
            self._refusal = refused
        self._h2.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._hub.leave(self)
        self._incoming.clear()
        self._outgoing.clear()

    def data_received(self, data: bytes) -> None:
        """Answer the calls that are whole."""
        try:
            for event in self._h2.receive_data(data):
                self._handle(event)
        except ProtocolError:  # the GOAWAY that says so is in the buffer
            self._flush()
            self._transport.close()
            return
        self._flush()

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read its answers."""
        self._stuck = True
        self.deadline = self._hub.write_until
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._stuck = False
        self.deadline = float("inf")
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def sweep(self, now: float) -> None:
        """End what takes too long."""
        if now >= self.deadline:
            self._transport.abort()
            return
        late = [stream for stream, call in self._incoming.items() if now >= call.deadline]
        for stream in late:
            self._refuse(stream, Status.DEADLINE_EXCEEDED, "the request did not come to its end")
        if late:
            self._flush()

    def finish(self) -> None:
        """Ask the client to send its next calls elsewhere; it closes the connection behind those that are under way."""
        if not self._transport.is_closing():
            self._transport.write(_GOAWAY)

    def abort(self) -> None:
        """End at once."""
        self._transport.abort()

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._begin(event.stream_id, dict(event.headers))
            case DataReceived():
                self._take(event.stream_id, event)
            case StreamEnded():
                self._answer(event.stream_id)
            case StreamReset():
                self._incoming.pop(event.stream_id, None)
                self._outgoing.pop(event.stream_id, None)
            case WindowUpdated() | RemoteSettingsChanged():
                if not self._stuck and self._refusal is None:
                    self.deadline = float("inf")  # the client has introduced itself, and may stay idle
                for stream in list(self._outgoing):
                    self._send(stream)
            case ConnectionTerminated():
                self._transport.close()

    def _begin(self, stream: int, headers: dict[bytes, bytes]) -> None:
        if headers.get(b":method") != b"POST" or not headers.get(b"content-type", b"").startswith(b"application/grpc"):
            status = str(HTTPStatus.UNSUPPORTED_MEDIA_TYPE.value).encode()
            self._respond(stream, [(b":status", status)], end=True)
        elif self._refusal is not None:
            self._refuse(stream, self._refusal.status, str(self._refusal))
        else:
            self._incoming[stream] = Incoming(headers.get(b":path", b""), self._hub.call_until)

    def _take(self, stream: int, event: DataReceived) -> None:
        if event.flow_controlled_length:
            self._h2.increment_flow_control_window(event.flow_controlled_length)  # the connection's alone
        call = self._incoming.get(stream)
        if call is None:
            return
        call.body += event.data or b""
        announced = struct.unpack_from(">I", call.body, 1)[0] if len(call.body) >= _PREFIX else 0
        if max(announced, len(call.body) - _PREFIX) > MOST_OCTETS:
            self._refuse(stream, Status.RESOURCE_EXHAUSTED, f"a request has at most {MOST_OCTETS} octets")

    def _answer(self, stream: int) -> None:
        call = self._incoming.pop(stream, None)
        if call is None:
            return
        try:
            message = self._hub.call(call.path, _message_in(bytes(call.body)), self.uid)
        except CallRefused as refused:
            self._refuse(stream, refused.status, str(refused))
            return
        self._respond(stream, [(b":status", b"200"), (b"content-type", b"application/grpc")])
        self._outgoing[stream] = memoryview(struct.pack(">BI", 0, len(message)) + message)
        self._send(stream)

    def _send(self, stream: int) -> None:
        """Send what the client's window has room for, and the trailers behind the last octet."""
        rest = self._outgoing.pop(stream)
        try:
            while rest:
                room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
                if room <= 0:
                    self._outgoing[stream] = rest
                    return
                self._h2.send_data(stream, bytes(rest[:room]))
                rest = rest[room:]
            self._h2.send_headers(stream, [(b"grpc-status", b"0")], end_stream=True)
        except ProtocolError:  # the client has reset the stream meanwhile
            return

    def _refuse(self, stream: int, status: Status, text: str) -> None:
        """Answer with a status alone; the rest of the request is not read."""
        told = quote(text, safe=_PRINTABLE).encode("ascii")
        head = [(b":status", b"200"), (b"content-type", b"application/grpc")]
        self._respond(stream, [*head, (b"grpc-status", b"%d" % status), (b"grpc-message", told)], end=True)

    def _respond(self, stream: int, headers: Headers, *, end: bool = False) -> None:
        incomplete = self._incoming.pop(stream, None) is not None
        try:
            self._h2.send_headers(stream, headers, end_stream=end)
            if incomplete:
                self._h2.reset_stream(stream, ErrorCodes.NO_ERROR)
        except ProtocolError:  # the client has reset the stream meanwhile
            return

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._transport.write(data)


def _message_in(body: bytes) -> bytes:
    """Return the one message of a request; raises CallRefused."""
    if len(body) < _PREFIX or body[0] or int.from_bytes(body[1:_PREFIX], "big") != len(body) - _PREFIX:
        raise CallRefused(Status.UNIMPLEMENTED, "a call is one message, not compressed")
    return body[_PREFIX:]
