"""A client of HTTP/2 that also does what no library would."""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamReset, TrailersReceived
from hyperframe.frame import Frame

SIGN = b"/v1.ExternalJWTSigner/Sign"
PATIENCE = 60.0


def framed(message: bytes, *, compressed: int = 0, length: int | None = None) -> bytes:
    """Return a message as gRPC sends it."""
    return struct.pack(">BI", compressed, len(message) if length is None else length) + message


class RawClient:
    """One connection; what comes back is in `events`."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))  # with a timeout it would not wait for room in the backlog: EAGAIN, unix(7)
        self.sock.settimeout(0.2)
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.events: list[Event] = []
        self.ended = False

    def open(self) -> None:
        """Begin to speak HTTP/2."""
        self.h2.initiate_connection()
        self.flush()

    def begin(self, path: bytes = SIGN, method: bytes = b"POST", kind: bytes = b"application/grpc") -> int:
        """Send the headers of a call; return its stream."""
        stream = self.h2.get_next_available_stream_id()
        headers = [(b":method", method), (b":scheme", b"http"), (b":path", path), (b":authority", b"localhost")]
        self.h2.send_headers(stream, [*headers, (b"content-type", kind), (b"te", b"trailers")])
        return stream

    def call(self, body: bytes, path: bytes = SIGN) -> int:
        """Send a whole call; return its stream."""
        stream = self.begin(path)
        self.h2.send_data(stream, body, end_stream=True)
        self.flush()
        return stream

    def flush(self) -> None:
        self.sock.sendall(self.h2.data_to_send())

    def until(self, check: Callable[[], object]) -> None:
        """Read until something is so, or the connection has ended."""
        end = time.monotonic() + PATIENCE
        while not check() and not self.ended:
            assert time.monotonic() < end, self.events
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                continue
            except ConnectionResetError:
                data = b""
            self.ended = not data
            self.events += self.h2.receive_data(data) if data else []
            if not self.ended:
                with suppress(BrokenPipeError):  # the server has closed; what it sent last is still to be read
                    self.flush()

    def headers_of(self, stream: int) -> dict[str, str]:
        """Return headers and trailers of an answer so far."""
        found: dict[str, str] = {}
        for event in self.events:
            if isinstance(event, ResponseReceived | TrailersReceived) and event.stream_id == stream:
                found |= {str(name): str(value) for name, value in event.headers}
        return found

    def status(self, stream: int) -> str:
        """Wait for the gRPC status of a call."""
        self.until(lambda: "grpc-status" in self.headers_of(stream))
        return self.headers_of(stream)["grpc-status"]

    def body(self, stream: int) -> bytes:
        """Return the message of a call that was answered."""
        received = [each.data or b"" for each in self.events if isinstance(each, DataReceived)]
        return b"".join(received)[5:] if stream else b""

    def was_reset(self, stream: int) -> bool:
        return any(isinstance(each, StreamReset) and each.stream_id == stream for each in self.events)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames that come, as they are."""
        self.sock.settimeout(PATIENCE)
        while head := self.sock.recv(9, socket.MSG_WAITALL):
            frame, length = Frame.parse_frame_header(memoryview(head))
            frame.parse_body(memoryview(self.sock.recv(length, socket.MSG_WAITALL) if length else b""))
            yield frame

    def close(self) -> None:
        self.sock.close()
