"""TLS below a connection: a protocol for the socket, a transport for the `Connection` above.

OpenSSL does all the work over two buffers in memory (`ssl.SSLObject`); this only carries octets between them. The
event loop's own TLS would do too, but costs twice the CPU and memory of this for short requests and answers.

What comes in is buffered for each connection, because a record may be incomplete. What goes out is not: all connections
of a server encrypt into one buffer, and each one empties it to its own socket before it returns. A buffer in memory
never gives back what its largest answer took, and one that is used all the time is in the processor's cache.
"""

import asyncio
import contextlib
import ssl
from typing import Any, Final, cast

RECORD: Final = 16384
"""The most that one TLS record carries (RFC 8446 section 5.1)."""


class Secured(asyncio.Transport, asyncio.Protocol):
    """One TLS connection; the handshake has the time that a request has, by the deadline of the inner protocol."""

    __slots__ = ("_inner", "_loop", "_outgoing", "_paused", "_raw", "_received", "_shut", "_tls", "_up")

    def __init__(self, inner: asyncio.Protocol, context: ssl.SSLContext, outgoing: ssl.MemoryBIO) -> None:
        """`outgoing` is empty, and left empty by every method."""
        self._inner = inner
        self._loop = asyncio.get_running_loop()
        self._received, self._outgoing = ssl.MemoryBIO(), outgoing
        self._tls = context.wrap_bio(self._received, self._outgoing, server_side=True)
        self._raw: asyncio.Transport
        self._up = self._shut = self._paused = False

    # --- To the socket -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the inner protocol begins too, so that connections in their handshake count."""
        self._raw = cast(asyncio.Transport, transport)
        self._inner.connection_made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._shut = True
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Decrypt and pass on."""
        if self._shut:
            return
        self._received.write(data)
        self._pump()

    def eof_received(self) -> bool | None:
        """Let the inner protocol decide."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Tell the inner protocol that the client does not read."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Tell the inner protocol that the client reads again."""
        self._inner.resume_writing()

    def _pump(self) -> None:
        """Move what was received through the handshake or the decryption, as far as it goes."""
        try:
            if not self._up:
                self._tls.do_handshake()
                self._up = True
                self._flush()
            self._decrypt()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:  # not TLS, no version or cipher in common, a broken record
            self._flush()  # the alert
            self._shut = True
            self._raw.close()

    def _decrypt(self) -> None:
        while not self._paused and not self._shut:
            plain = self._tls.read(RECORD)
            self._flush()  # what the protocol itself answers, such as a new key
            if not plain:  # close_notify
                self._shut = True
                self._raw.close()
                return
            self._inner.data_received(plain)
            if not self._received.pending and not self._tls.pending():  # spares an exception for each request
                return

    def _flush(self) -> None:
        """Empty the outgoing buffer, to the socket if it is open."""
        if self._outgoing.pending:
            data = self._outgoing.read()
            if not self._raw.is_closing():
                self._raw.write(data)

    # --- To the inner protocol ---------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """Encrypt and send. Nothing is written before the handshake."""
        if self._up and not self._shut:
            try:
                self._tls.write(data)
            finally:
                self._flush()

    def can_write_eof(self) -> bool:
        """TCP can end in one direction, and close_notify does too (RFC 8446 section 6.1)."""
        return True

    def write_eof(self) -> None:
        """Send close_notify and FIN; what still comes is discarded."""
        if self._up and not self._shut:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
        self._flush()
        self._shut = True
        if not self._raw.is_closing():
            self._raw.write_eof()

    def pause_reading(self) -> None:
        """Decrypt no more for now."""
        self._paused = True
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Go on, with what is left in the buffers first."""
        self._paused = False
        self._raw.resume_reading()
        if not self._shut:
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if not self._shut and not self._paused:
            self._pump()

    def close(self) -> None:
        """Send what is encrypted, then end."""
        self.write_eof()
        self._raw.close()

    def abort(self) -> None:
        """End at once."""
        self._shut = True
        self._raw.abort()

    def is_closing(self) -> bool:
        """Tell whether the connection ends."""
        return self._raw.is_closing()

    def get_write_buffer_size(self) -> int:
        """Return how many octets wait for the socket."""
        return self._raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the socket's transport knows."""
        return self._raw.get_extra_info(name, default)
