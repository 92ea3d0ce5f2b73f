"""Parses octets into requests with httptools (llhttp), with a limit on everything that it collects.

llhttp enforces the grammar strictly; what it leaves to the application is decided here (RFC 9112 sections 2
and 3): versions, Host, the forms of the target, sizes. Where no body is expected, a request with one is answered and
then the connection ends, so no trailer and no left-over of a body can be taken for part of the next request.
"""

from dataclasses import dataclass, field
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url

WANTED: Final = frozenset(
    {
        b"host", b"expect", b"origin", b"if-none-match", b"if-modified-since", b"accept-encoding",
        b"content-length", b"transfer-encoding",
    }
)  # fmt: skip
"""The header fields in use; all others are dropped."""

_SINGLE: Final = frozenset({b"host", b"expect", b"origin", b"if-modified-since", b"content-length"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets of target, of all headers and of a body, and the number of headers of one request.

    `takes_body` keeps the body for the site and the connection open behind it.
    """

    target: int = 4096
    headers: int = 16384
    header_count: int = 100
    body: int = 16384
    takes_body: bool = False


@dataclass(slots=True)
class Request:
    """One request: `path` without query, `headers` as far as WANTED, `last` if the connection ends after it.

    `verbose` is the one query that is understood. `problem` is the status of the error that it is, or 0. `body` is
    empty unless the limits take one; `uid` is that of the client of a Unix socket, else -1.
    """

    method: bytes = b""
    path: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    last: bool = False
    verbose: bool = False
    problem: int = 0
    body: bytes = b""
    uid: int = -1


class Incoming:
    """Turns what one connection sends into requests; the methods `on_…` are called by httptools.

    `open` tells that a request has begun and is not whole yet; `ended` that nothing more is understood, after a
    problem or the last request.
    """

    __slots__ = (
        "_body", "_count", "_fresh", "_headers_done", "_limits", "_parser", "_ready", "_request", "_size", "_url",
        "_waiting", "ended", "open",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser = HttpRequestParser(self)
        self._ready: list[Request] = []
        self.ended = False
        self.open = False
        self._waiting = 0
        self._fresh = False
        self._reset()

    def feed(self, data: bytes) -> list[Request]:
        """Return the requests that `data` completes, in their order; the last may be a problem."""
        size, self._fresh = len(data), False
        while data and not self.ended:
            data = self._parse(data)
        # A header without an end reaches no callback: what is waiting inside the parser is counted here.
        headers_wait = self.open and not self._headers_done
        self._waiting = self._waiting + size if headers_wait and not self._fresh else 0
        if headers_wait and self._waiting > self._limits.headers + self._limits.target:
            self._fail(431)
        ready, self._ready = self._ready, []
        return ready

    def _parse(self, data: bytes) -> bytes:
        """Feed the parser; return what it left because it took the rest for another protocol."""
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            # "Upgrade: h2c" is an offer (RFC 9110 section 7.8): it is not taken, HTTP/1.1 goes on.
            self._parser = HttpRequestParser(self)
            return data[upgrade.args[0] :]
        except HttpParserError:
            self._fail(400)
        return b""

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._reset()
        self.open = self._fresh = True

    def on_url(self, part: bytes) -> None:
        """Take a part of the target."""
        self._url += part
        if len(self._url) > self._limits.target:
            self._fail(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; trailers come here too and are dropped."""
        if self.ended or self._headers_done:
            return
        self._size += len(name) + len(value) + 4
        self._count += 1
        if self._size > self._limits.headers or self._count > self._limits.header_count:
            self._fail(431)
            return
        name = name.lower()
        if name not in WANTED:
            return
        headers = self._request.headers
        if name not in headers:
            headers[name] = value
        elif name in _SINGLE:
            self._fail(400)
        else:
            headers[name] += b", " + value

    def on_headers_complete(self) -> None:
        """Validate the request before its body."""
        if self.ended:
            return
        self._headers_done = True
        request, version = self._request, self._parser.get_http_version()
        headers = request.headers
        if version not in {"1.0", "1.1"}:
            self._fail(505)
        elif version == "1.1" and b"host" not in headers:
            self._fail(400)
        request.method = bytes(self._parser.get_method())
        request.path, request.verbose = _path(self._url), self._url.endswith(b"?verbose")
        has_body = headers.get(b"content-length", b"0").strip(b"0") != b"" or b"transfer-encoding" in headers
        request.last = (has_body and not self._limits.takes_body) or version == "1.0" or request.method == b"CONNECT"
        if b"expect" in headers and not self.ended:  # the answer itself instead of "100 Continue"
            request.last = True
            answered = headers[b"expect"].lower() == b"100-continue" and not self._limits.takes_body
            self._emit(problem=0 if answered else 417)
            self.ended = True

    def on_body(self, part: bytes) -> None:
        """Count the octets of the body, and keep them if they are used."""
        self._body += len(part)
        if self._body > self._limits.body:
            self._fail(413)
        elif self._limits.takes_body:
            self._request.body += part

    def on_message_complete(self) -> None:
        """Emit the request."""
        if self.ended:
            return
        self._request.last = self._request.last or not self._parser.should_keep_alive()
        self._emit(problem=0)
        self.ended = self._request.last  # octets behind the last request mean nothing

    def _fail(self, problem: int) -> None:
        if not self.ended:
            self.ended = self._request.last = True
            self._emit(problem)

    def _emit(self, problem: int) -> None:
        self._request.problem = problem
        self._ready.append(self._request)
        self.open = False

    def _reset(self) -> None:
        self._request = Request()
        self._url = b""
        self._size = self._count = self._body = 0
        self._headers_done = False


def _path(target: bytes) -> bytes:
    """Return the path of a target in any of its forms (RFC 9112 section 3.2); empty if it has none."""
    if target[:1] in {b"/", b"*"}:
        return target.partition(b"?")[0]
    try:
        return parse_url(target).path or b"/"
    except HttpParserError:
        return b""
