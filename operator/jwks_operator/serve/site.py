"""What there is under which path: the documents of all sets, the probes, and nothing else.

Each set has its paths below its prefix ("" for the only one, "/NAME" otherwise):

* `/.well-known/jwks.json`, `/keys` and what the hints add: the set;
* `/.well-known/openid-configuration` and two more: the metadata of the issuer, if there is a discovery document; of an
  issuer with a path the two also with this path behind them (RFC 8414 section 3.1);
* `/historical.jwt`: the signed historical keys, if there are any;
* the paths of its documents, none of which takes one of these.

What a set asks for stays below its prefix. A set without a prefix gets neither a path of the probes nor one below the
prefix of another set, whatever it asks for and whether or not the other one is loaded.
"""

import json
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from jwks_operator.httpd.probe_pages import Probe, probe_reply
from jwks_operator.httpd.reply import Reply, plain_reply, without_body
from jwks_operator.httpd.request import Request
from jwks_operator.serve.hints import HISTORICAL_PATHS, INSERTED_PATHS, JWKS_PATHS, METADATA_PATHS, DocumentFormat
from jwks_operator.serve.reply_pages import Page
from jwks_operator.serve.shelf import Content, Shelf
from jwks_operator.serve.stats import SetState

RETRY_AFTER: Final = 5
"""Seconds; a set that is not there yet usually comes with the next sync of the kubelet."""

HISTORICAL_TYPE: Final = "application/jwk-set+jwt"
OPENID_TYPE: Final = "application/json"
PEM_TYPE: Final = "application/x-pem-file"
_MEDIA_TYPES: Final = {DocumentFormat.PEM: PEM_TYPE, DocumentFormat.DISCOVERY: OPENID_TYPE}

RESERVED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths of the probes and the metrics, on whichever port they are: no set is served there."""

_log = logging.getLogger(__name__)


class Site:
    """Answers well-formed requests from what is on the shelves."""

    def __init__(self, shelves: Iterable[Shelf], probes: Mapping[str, Probe]) -> None:
        """`probes` are paths below the root that are answered afresh each time."""
        self.shelves = tuple(shelves)
        self._names = {shelf.name for shelf in self.shelves if shelf.name}
        self._reserved = RESERVED | probes.keys()
        self._told: dict[str, tuple[str, ...]] = {}
        self._probes = {path.encode(): probe for path, probe in probes.items()}
        self._pages: dict[bytes, Page] = {}
        self._missing: frozenset[bytes] = frozenset()
        self.rebuild()

    def rebuild(self) -> None:
        """Take over what is on the shelves now."""
        pages: dict[bytes, Page] = {}
        missing: set[bytes] = set()
        for shelf in self.shelves:
            prefix = f"/{shelf.name}" if shelf.name else ""
            if shelf.content is None:
                missing |= {(prefix + path).encode() for path in (*JWKS_PATHS, *METADATA_PATHS, *HISTORICAL_PATHS)}
                continue
            wanted = _pages(shelf.content)
            granted = {path: page for path, page in wanted.items() if self._may_have(shelf, prefix + path)}
            self._tell_of(shelf, tuple(path for path in wanted if path not in granted))
            pages |= {(prefix + path).encode(): page for path, page in granted.items()}
            pages |= {path.encode(): page for path, page in self._inserted(shelf, shelf.content, granted).items()}
        self._pages, self._missing = pages, frozenset(missing)

    def _inserted(self, shelf: Shelf, content: Content, granted: Mapping[str, Page]) -> dict[str, Page]:
        """The pages whose paths end with that of the issuer: of a named set its name, which is no other set's."""
        behind = f"/{shelf.name}" if shelf.name else _issuer_path(content)
        if not behind or (not shelf.name and behind.split("/")[1] in self._names):
            return {}
        return {path + behind: granted[path] for path in INSERTED_PATHS if path in granted}

    def _may_have(self, shelf: Shelf, path: str) -> bool:
        """Tell whether a whole path is this set's own: not a probe's, and below no prefix of another set."""
        first = path.split("/")[1]
        return path not in self._reserved and (first == shelf.name or first not in self._names)

    def _tell_of(self, shelf: Shelf, refused: tuple[str, ...]) -> None:
        """Log once which of its paths a set does not get."""
        if refused and self._told.get(shelf.name) != refused:
            where = f"{shelf.name}: " if shelf.name else ""
            _log.error("%snot served at %s: the path is another set's or a probe's", where, ", ".join(refused))
        self._told[shelf.name] = refused

    def forget(self) -> None:
        """Drop what was rendered for a second that has passed."""
        for page in self._pages.values():
            page.forget()

    def answer(self, request: Request, date: bytes) -> Reply:
        """Return the reply to a request at this second."""
        page = self._pages.get(request.path)
        if page is not None:
            return page.answer(request, date)
        reply = self._other(request, date)
        return without_body(reply) if request.method == b"HEAD" else reply

    def _other(self, request: Request, date: bytes) -> Reply:
        path, final = request.path, request.last
        probe = self._probes.get(path)
        if probe is not None:
            return probe_reply(probe, request, date)
        if path in self._missing:
            return plain_reply(503, date, "no set yet\n", [("Retry-After", str(RETRY_AFTER))], final=final)
        if path == b"*" and request.method == b"OPTIONS":
            return plain_reply(204, date, "", [("Allow", "GET, HEAD, OPTIONS")], final=final)
        return plain_reply(404, date, "there is nothing here\n", final=final)


def _issuer_path(content: Content) -> str:
    """The path of the issuer, empty if it has none."""
    issuer = json.loads(content.openid)["issuer"] if content.openid is not None else ""
    return urlsplit(issuer).path.rstrip("/")


def _pages(content: Content) -> dict[str, Page]:
    hints = content.hints
    modified = content.modified if 0 < content.modified <= time.time() else None
    page = Page(content.body, hints.media_type, hints, modified)
    pages: dict[str, Page] = {}
    for hint, document in content.documents:
        media_type = _MEDIA_TYPES.get(hint.format, hints.media_type)
        pages |= dict.fromkeys(hint.paths, Page(document, media_type, hints, modified))
    pages |= dict.fromkeys((*hints.jwks_paths, *JWKS_PATHS), page)
    others = ((METADATA_PATHS, content.openid, OPENID_TYPE), (HISTORICAL_PATHS, content.historical, HISTORICAL_TYPE))
    for paths, body, media_type in others:
        if body is not None:
            pages |= dict.fromkeys(paths, Page(body, media_type, hints, modified))
    return pages


def list_states(shelves: Iterable[Shelf]) -> tuple[SetState, ...]:
    """Return how the sets are served now."""
    return tuple(_state(shelf) for shelf in shelves)


def _state(shelf: Shelf) -> SetState:
    content = shelf.content
    return SetState(
        name=shelf.name,
        loaded=content is not None,
        etag=content.etag if content else "",
        keys=content.keys if content else 0,
        changed=shelf.changed,
        refused=shelf.refused,
        trouble=shelf.trouble,
    )
