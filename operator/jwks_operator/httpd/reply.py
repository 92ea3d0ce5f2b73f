"""Complete HTTP/1.1 messages, rendered before they are requested.

A reply is a ring of messages that differ in their jitter only; each use takes the next one. Rendered messages
hold the Date of one second (RFC 9110 section 6.6.1), so none is kept for longer than that.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from itertools import cycle

Headers = Sequence[tuple[str, str]]
"""Header fields in the order in which they are sent."""


@dataclass(slots=True)
class Reply:
    """`ring` yields complete messages without end; `size` is the length of one body in octets.

    `lasting` replies may be given again to the same octets within the same second; `final` ones end the
    connection.
    """

    status: int
    ring: Iterator[bytes]
    size: int = 0
    lasting: bool = False
    final: bool = False


def http_date(seconds: float) -> str:
    """Return a time as an IMF-fixdate (RFC 9110 section 5.6.7)."""
    return formatdate(int(seconds), usegmt=True)


def header_lines(headers: Headers) -> bytes:
    """Return the header lines of a message."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")


def render_message(status: int, date: bytes, head: bytes, body: bytes) -> bytes:
    """Return one message; `head` are ready header lines, `body` what follows them, if anything."""
    return b"HTTP/1.1 %d %s\r\nDate: %s\r\n%s\r\n%s" % (status, _REASONS[status], date, head, body)


def cycle_messages(messages: Iterable[bytes]) -> Iterator[bytes]:
    """Return an endless iterator over the messages."""
    return cycle(messages)


def plain_reply(status: int, date: bytes, text: str, headers: Headers = (), *, final: bool = False) -> Reply:
    """Return a reply with plain text; caches must not store errors (RFC 9111 section 4.2.2)."""
    body = text.encode() if status not in {204, 304} else b""
    about = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))] if body else []
    rest = [("Connection", "close")] if final else []
    head = header_lines([*about, ("Cache-Control", "no-cache"), ("X-Content-Type-Options", "nosniff"), *headers, *rest])
    return Reply(status, cycle_messages([render_message(status, date, head, body)]), len(body), final=final)


def without_body(reply: Reply) -> Reply:
    """Return the answer to HEAD: the same message up to the end of its headers (RFC 9110 section 9.3.2)."""
    first = next(reply.ring)
    end = first.index(b"\r\n\r\n") + 4
    return Reply(reply.status, cycle_messages([first[:end]]), lasting=reply.lasting, final=reply.final)


_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
