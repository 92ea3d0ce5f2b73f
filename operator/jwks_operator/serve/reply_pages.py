"""One served document: its representations and their headers, complete except for the date.

Cache-Control is true and jittered: every `max-age` lies within the last tenth below `cacheMaxAge`, never above
it, because the operator waits for exactly that long (RFC 9111 section 5.2.2.1), and the stale windows of RFC
5861 reach no further than the spec says. The ETag is strong, the hash of the content; each coding has its own
(RFC 9110 section 8.8.3.3).
"""

import gzip
import hashlib
import math
from dataclasses import dataclass, replace
from typing import Final

from jwks_operator.httpd.reply import (
    Headers,
    Reply,
    cycle_messages,
    header_lines,
    http_date,
    plain_reply,
    render_message,
)
from jwks_operator.httpd.request import Request
from jwks_operator.serve.conditions import accepts_gzip, has_tag
from jwks_operator.serve.hints import Hints

RING: Final = 16
"""Messages that differ in max-age, so that clients spread over its last tenth."""

_STEP: Final = 7  # has no divisor in common with RING: neighbours in time are far apart in age
_WORTH: Final = 0.9
_PREFLIGHT_SECONDS: Final = 7200
_METHODS: Final = "GET, HEAD, OPTIONS"


def max_ages(cache_max_age: int) -> list[int]:
    """Return the values of max-age in the order of their use: from 90 to 100 % of what the spec allows."""
    least = math.ceil(cache_max_age * 0.9)
    spread = (cache_max_age - least) / (RING - 1)
    return [least + round(spread * (step * _STEP % RING)) for step in range(RING)]


@dataclass(frozen=True, slots=True)
class Form:
    """One representation: its body, its ETag with quotes, and the headers that a 304 leaves out."""

    body: bytes
    etag: bytes
    about: Headers


class Page:
    """Answers requests for one document; `modified` is the time of its last change, if that may be told."""

    def __init__(self, body: bytes, media_type: str, hints: Hints, modified: float | None) -> None:
        self._hints = hints
        self._any_origin = "*" in hints.allow_origins
        self._modified = b"" if modified is None else http_date(modified).encode()
        digest = hashlib.sha256(body).hexdigest()[:32]
        kind = [("Content-Type", media_type)]
        self._identity = _form(body, digest, kind)
        packed = gzip.compress(body, 9, mtime=0)
        pays = len(packed) < len(body) * _WORTH
        self._gzip = _form(packed, f"{digest}-gzip", [*kind, ("Content-Encoding", "gzip")]) if pays else None
        by_origin = bool(hints.allow_origins) and not self._any_origin
        vary = [name for name, varies in (("Accept-Encoding", pays), ("Origin", by_origin)) if varies]
        self._vary: Headers = [("Vary", ", ".join(vary))] if vary else []
        self._ready: dict[object, Reply] = {}

    def forget(self) -> None:
        """Drop what was rendered: the date has changed."""
        self._ready.clear()

    def answer(self, request: Request, date: bytes) -> Reply:
        """Return the reply to any request for this document; `date` is the present second."""
        if request.method == b"OPTIONS":
            return self._options(request, date)
        if request.method not in {b"GET", b"HEAD"}:
            return plain_reply(405, date, "only GET, HEAD and OPTIONS\n", [("Allow", _METHODS)], final=request.last)
        headers = request.headers
        form = self._identity
        if self._gzip is not None and accepts_gzip(headers.get(b"accept-encoding", b"identity")):
            form = self._gzip
        fresh = self._has(headers, form)
        origin = self._allowed(headers.get(b"origin"))
        what = (form.etag, fresh, request.method, origin, request.last)
        reply = self._ready.get(what)
        if reply is None:
            common = [*self._cross_origin(origin), *([("Connection", "close")] if request.last else [])]
            reply = self._render(form, date, common, fresh=fresh)
            if request.method == b"HEAD":
                reply = self._headers_only(reply)
            self._ready[what] = reply = replace(reply, final=request.last)
        return reply

    def _has(self, headers: dict[bytes, bytes], form: Form) -> bool:
        if b"if-none-match" in headers:  # then If-Modified-Since does not count (RFC 9110 section 13.1.3)
            return has_tag(headers[b"if-none-match"], form.etag)
        # Exactly that time, no other: replicas change at different times, and "not newer than yours" from one that
        # changed early would keep the old set of one that changed late.
        return bool(self._modified) and headers.get(b"if-modified-since") == self._modified

    def _render(self, form: Form, date: bytes, common: Headers, *, fresh: bool) -> Reply:
        status, about, body = (304, (), b"") if fresh else (200, form.about, form.body)
        tag, safe = ("ETag", form.etag.decode()), ("X-Content-Type-Options", "nosniff")
        head = header_lines([*about, tag, *self._dated(date), *self._vary, safe, *common])
        messages = [
            render_message(status, date, head + header_lines([("Cache-Control", control)]), body)
            for control in self._controls()
        ]
        return Reply(status, cycle_messages(messages), len(body), lasting=True)

    def _headers_only(self, reply: Reply) -> Reply:
        heads = [next(reply.ring).partition(b"\r\n\r\n")[0] + b"\r\n\r\n" for _ in range(RING)]
        return Reply(reply.status, cycle_messages(heads), lasting=True)

    def _controls(self) -> list[str]:
        window = self._hints.stale_window
        stale = f", stale-while-revalidate={window}, stale-if-error={window}" if window else ""
        return [f"public, max-age={age}{stale}" for age in max_ages(self._hints.cache_max_age)]

    def _dated(self, date: bytes) -> Headers:
        # A second that has not passed may still see another change (RFC 9110 section 8.8.2.2).
        tells = self._modified and self._modified != date
        return [("Last-Modified", self._modified.decode())] if tells else []

    def _allowed(self, origin: bytes | None) -> bytes | None:
        if self._any_origin:
            return b"*"
        return origin if origin is not None and origin.decode("latin-1") in self._hints.allow_origins else None

    def _cross_origin(self, origin: bytes | None) -> Headers:
        if origin is None:
            return ()
        return [
            ("Access-Control-Allow-Origin", origin.decode("latin-1")),
            ("Access-Control-Expose-Headers", "ETag"),
            ("Cross-Origin-Resource-Policy", "cross-origin"),
        ]

    def _options(self, request: Request, date: bytes) -> Reply:
        origin = self._allowed(request.headers.get(b"origin"))
        granted: Headers = [("Allow", _METHODS), *self._vary, *self._cross_origin(origin)]
        if origin is not None:
            granted = [
                *granted,
                ("Access-Control-Allow-Methods", _METHODS),
                ("Access-Control-Allow-Headers", "*"),
                ("Access-Control-Max-Age", str(_PREFLIGHT_SECONDS)),
            ]
        return plain_reply(204, date, "", granted, final=request.last)


def _form(body: bytes, tag: str, about: Headers) -> Form:
    etag = f'"{tag}"'
    return Form(body, etag.encode(), [*about, ("Content-Length", str(len(body)))])
