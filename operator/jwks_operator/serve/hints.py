"""What the operator tells the server: the data key `zz-serve.json`, every member optional.

docs/serving.md describes the form. Members that are not known are left alone, so that a newer operator can
talk to an older server; known ones that make no sense are refused rather than guessed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from jwks_operator.serve.check import SetRefused, parse_object

HINTS: Final = "zz-serve.json"
MEDIA_TYPES: Final = ("application/jwk-set+json", "application/json")
JWKS_PATHS: Final = ("/.well-known/jwks.json", "/keys")
METADATA_PATHS: Final = (
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwt-vc-issuer",
)
"""Paths of the issuer's metadata: one document has the members of OpenID Connect Discovery, of RFC 8414 section 2
(section 5 allows that) and of a JWT VC issuer (issuer, jwks_uri); readers ignore members that they do not know."""
INSERTED_PATHS: Final = METADATA_PATHS[1:]
"""Those of an issuer with a path of its own that stand before it, not behind it (RFC 8414 section 3.1)."""
HISTORICAL_PATHS: Final = ("/historical.jwt",)

LONGEST_LIST: Final = 32
LONGEST_AGE: Final = 366 * 24 * 3600
CAPPED_AGE: Final = 24 * 3600
"""Seconds that caches are told at most, whatever `zz-serve.json` says: what caches were told cannot be taken back."""

_PATH: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]{0,255}")
_ORIGIN: Final = re.compile(r"\*|[a-z][a-z0-9+.-]*://[A-Za-z0-9.\[\]:_-]{1,255}")


class DocumentFormat(StrEnum):
    """What a document beside the set is."""

    JWK_SET = "JWKSet"
    PEM = "PEM"
    DISCOVERY = "Discovery"


@dataclass(frozen=True, slots=True)
class DocumentHint:
    """A document beside the set: its data key, what it is, and its paths."""

    key: str
    format: DocumentFormat
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hints:
    """How a set is served: times in seconds, `jwks_paths` beside the two that always are, origins for CORS."""

    cache_max_age: int = 300
    stale_window: int = 0
    key: str | None = None
    media_type: str = MEDIA_TYPES[0]
    jwks_paths: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ("*",)
    documents: tuple[DocumentHint, ...] = ()

    def capped(self, longest: int) -> "Hints":
        """Return them with no time longer than `longest` seconds; a shorter one never breaks the operator's waits."""
        ages = min(self.cache_max_age, longest), min(self.stale_window, longest)
        return replace(self, cache_max_age=ages[0], stale_window=ages[1])


DEFAULTS: Final = Hints()


def parse_hints(raw: bytes | None) -> Hints:
    """Read `zz-serve.json`, None if there is none; raise SetRefused, which names the member."""
    if raw is None:
        return DEFAULTS
    try:
        told = parse_object(raw)
        return Hints(
            cache_max_age=_seconds(told, "cacheMaxAge", DEFAULTS.cache_max_age),
            stale_window=_seconds(told, "staleWindow", DEFAULTS.stale_window),
            key=_key(told),
            media_type=_media_type(told),
            jwks_paths=_strings(_object(told, "paths"), "jwks", (), _is_path),
            allow_origins=_strings(_object(told, "cors"), "allowOrigins", DEFAULTS.allow_origins, _is_origin),
            documents=_documents(told),
        )
    except SetRefused as refused:
        raise SetRefused(f"{HINTS}: {refused}") from None


def _seconds(told: dict[str, object], name: str, default: int) -> int:
    value = told.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LONGEST_AGE:
        raise SetRefused(f"{name} is not a number of seconds")
    return value


def _key(told: dict[str, object]) -> str | None:
    value = told.get("key")
    if value is not None and not (isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,253}", value)):
        raise SetRefused("key is not a data key of a ConfigMap")
    return value


def _documents(told: dict[str, object]) -> tuple[DocumentHint, ...]:
    """Return the documents that this version knows how to check; those of other formats are not served."""
    value = told.get("documents")
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise SetRefused("documents is not a list of JSON objects")
    if len(value) > LONGEST_LIST:
        raise SetRefused("documents is too long")
    known = [item for item in value if item.get("format") in list(DocumentFormat)]
    return tuple(_document(item) for item in known)


def _document(item: dict[str, object]) -> DocumentHint:
    key = _key(item)
    if key is None:
        raise SetRefused("a document has no key")
    return DocumentHint(key, DocumentFormat(str(item["format"])), _strings(item, "paths", (), _is_path))


def _media_type(told: dict[str, object]) -> str:
    value = told.get("mediaType", MEDIA_TYPES[0])
    if value not in MEDIA_TYPES:
        raise SetRefused(f"mediaType is not {' or '.join(MEDIA_TYPES)}")
    return str(value)


def _object(told: dict[str, object], name: str) -> dict[str, object]:
    value = told.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SetRefused(f"{name} is not a JSON object")
    return value


def _strings(
    told: dict[str, object], name: str, default: tuple[str, ...], fits: Callable[[str], object]
) -> tuple[str, ...]:
    value = told.get(name)
    if value is None:
        return default
    if not isinstance(value, list) or not all(isinstance(item, str) and fits(item) for item in value):
        raise SetRefused(f"{name} is not a list of what it should hold")
    if len(value) > LONGEST_LIST:
        raise SetRefused(f"{name} is too long")
    return tuple(value)


def _is_path(text: str) -> bool:
    return bool(_PATH.fullmatch(text)) and not {".", ".."} & {*text.split("/")}


def _is_origin(text: str) -> bool:
    return bool(_ORIGIN.fullmatch(text))
