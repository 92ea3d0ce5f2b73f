"""The content to serve: the last good one of a set, and why a newer one is refused.

Content from a mounted directory (`mounted.py`) and from the API (`configmap.py`) takes the same path: files by name →
checked content → shelf. Bad content never replaces good content.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from jwks_operator.serve.check import SetRefused, check_discovery, check_historical, check_pem, check_set
from jwks_operator.serve.hints import CAPPED_AGE, HINTS, DocumentFormat, DocumentHint, Hints, parse_hints

DEFAULT_KEY: Final = "jwks.json"
"""The data key of the set, if neither the command line nor the hints name another."""

OPENID: Final = "openid-configuration"
HISTORICAL: Final = "historical.jwt"

_log = logging.getLogger(__name__)


class NothingThere(Exception):
    """There is no set; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Content:
    """Checked documents of one moment: `body` is the set, `etag` its hash, `keys` their number.

    `modified` is the Unix time of the change, for people and Last-Modified; it takes no part in comparisons of
    the set itself.
    """

    body: bytes
    etag: str
    keys: int
    hints: Hints
    modified: float
    openid: bytes | None = None
    historical: bytes | None = None
    documents: tuple[tuple[DocumentHint, bytes], ...] = ()


def key_of(files: Mapping[str, bytes], key: str | None) -> str:
    """Return the name of the set among the files: `key` if that is fixed, else what the hints say.

    Raise SetRefused if they make no sense.
    """
    return key or parse_hints(files.get(HINTS)).key or DEFAULT_KEY


def files_of(files: Mapping[str, bytes], key: str | None) -> tuple[str, ...]:
    """Return the names of the files that a set needs beside its hints; raise SetRefused if they make no sense."""
    return key_of(files, key), *(hint.key for hint in parse_hints(files.get(HINTS)).documents)


def content_of(files: Mapping[str, bytes], key: str | None, modified: float) -> Content:
    """Check the files of one volume or ConfigMap; `key` names the set, None leaves that to the hints.

    Raise NothingThere if there is no set, SetRefused if anything in it must not be published.
    """
    hints = parse_hints(files.get(HINTS))
    name = key_of(files, key)
    if name not in files:
        raise NothingThere(f"{name} is not there")
    body = files[name]
    keys = check_set(body)
    openid, historical = files.get(OPENID), files.get(HISTORICAL)
    for document, found, check in ((OPENID, openid, check_discovery), (HISTORICAL, historical, check_historical)):
        try:
            if found is not None:
                check(found)
        except SetRefused as refused:
            raise SetRefused(f"{document}: {refused}") from None
    documents = tuple((hint, _checked(hint, files)) for hint in hints.documents)
    return Content(body, hashlib.sha256(body).hexdigest(), keys, hints, modified, openid, historical, documents)


def _checked(hint: DocumentHint, files: Mapping[str, bytes]) -> bytes:
    if hint.key not in files:
        raise NothingThere(f"{hint.key} is not there")
    try:
        _CHECKS[hint.format](files[hint.key])
    except SetRefused as refused:
        raise SetRefused(f"{hint.key}: {refused}") from None
    return files[hint.key]


_CHECKS: Final[Mapping[DocumentFormat, Callable[[bytes], object]]] = {
    DocumentFormat.JWK_SET: check_set,
    DocumentFormat.PEM: check_pem,
    DocumentFormat.DISCOVERY: check_discovery,
}


class Shelf:
    """Holds the content of one set; used in one thread only.

    `content` is None until the first good one and never again. `trouble` is None while the newest there is, is
    what is served. `refused` counts. `changed` is the Unix time at which other documents were last taken over.
    `on_change` is called after `content` changed.
    """

    def __init__(self, name: str = "", longest_age: int = CAPPED_AGE) -> None:
        """`name` is "" for the only set of a server; `longest_age` is what caches are told at most, in seconds."""
        self.name = name
        self._longest_age = longest_age
        self.content: Content | None = None
        self.trouble: str | None = None
        self.refused = 0
        self.changed = 0.0
        self.on_change: Callable[[], None] = _nothing

    def take(self, found: Content) -> None:
        """Serve this from now on."""
        found = self.capped(found)
        former, self.content = self.content, found
        if former == found and self.trouble is None:
            return
        self.trouble = None
        if former is None or former.body != found.body:
            self.changed = time.time()
        age = found.hints.cache_max_age
        _log.info("%sserving %d keys, content %s, max-age %d s", self._prefix(), found.keys, found.etag[:12], age)
        self.on_change()

    def capped(self, found: Content) -> Content:
        """Return content as it would be served here: caches are told no longer times than are allowed."""
        return replace(found, hints=found.hints.capped(self._longest_age))

    def complain(self, trouble: NothingThere | SetRefused) -> None:
        """Keep the present content and log the reason once."""
        text = str(trouble)
        if text == self.trouble:
            return
        self.trouble = text
        refused = isinstance(trouble, SetRefused)
        self.refused += refused
        kept = "nothing to serve yet" if self.content is None else "still serving the last good set"
        # Waiting for the first set is normal at a start; refusing one or losing one never is.
        level = logging.ERROR if refused or self.content is not None else logging.WARNING
        _log.log(level, "%s%s: %s; %s", self._prefix(), "set refused" if refused else "no set", text, kept)

    def _prefix(self) -> str:
        return f"{self.name}: " if self.name else ""


def _nothing() -> None:
    """Do nothing until a listener is set."""
