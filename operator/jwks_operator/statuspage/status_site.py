"""The status page over HTTP: paths and headers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from jwks_operator.api.names import SetRef
from jwks_operator.statuspage.board import Health
from jwks_operator.statuspage.pages import ROOT, STYLE, Choice, Writer

_STYLE_TEXT: Final = files("jwks_operator.statuspage").joinpath("style.css").read_bytes()
_HTML, _CSS = "text/html; charset=utf-8", "text/css; charset=utf-8"

SAFETY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every response: no scripts, no frames, nothing from or for other origins."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Site:
    """Answers requests for paths below /status."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def answer(self, path: str, query: Mapping[str, str], known: str = "") -> Answer:
        """Answer a GET; `path` is decoded, `known` the header If-None-Match."""
        status, content_type, body = self._find(path, query)
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {**SAFETY, "ETag": tag, "Cache-Control": "private, no-cache"}
        if status == 200 and tag in (each.strip().removeprefix("W/") for each in known.split(",")):
            return Answer(304, headers, b"")
        return Answer(status, {**headers, "Content-Type": content_type}, body)

    def _find(self, path: str, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        if path == STYLE:
            return 200, _CSS, _STYLE_TEXT
        if path in {ROOT, f"{ROOT}/"}:
            return self._list(query)
        parts = path.removeprefix(f"{ROOT}/").split("/")
        shown = self._writer.board.sets.get(SetRef(*parts)) if len(parts) == 2 else None
        if shown is None:
            return 404, _HTML, self._writer.unknown().encode()
        return 200, _HTML, self._writer.details(shown).encode()

    def _list(self, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        state, page = query.get("state", ""), query.get("page", "1")
        if (state and state not in set(Health)) or not (page.isascii() and page.isdigit() and len(page) < 8):
            return 404, _HTML, self._writer.unknown().encode()
        choice = Choice(query.get("namespace", ""), state, query.get("search", ""), int(page))
        return 200, _HTML, self._writer.overview(choice).encode()
