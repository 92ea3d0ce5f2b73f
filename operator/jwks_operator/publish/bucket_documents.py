"""The objects of a set in a bucket: names, octets and headers. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from jwks_operator.serve.hints import HISTORICAL_PATHS, JWKS_PATHS, METADATA_PATHS, Hints
from jwks_operator.serve.shelf import Content
from jwks_operator.serve.site import HISTORICAL_TYPE, OPENID_TYPE

_BESIDE: Final = frozenset({*METADATA_PATHS, *HISTORICAL_PATHS})


@dataclass(frozen=True, slots=True)
class Document:
    """One object: `name` is its path below the prefix of the bucket, without a slash in front."""

    name: str
    body: bytes
    content_type: str
    cache_control: str


def list_documents(content: Content) -> list[Document]:
    """Return the documents in the order in which they are written: what discovery names is there before it.

    The set has the first path of the server and those that the hints add.
    """
    control = cache_control(content.hints)
    wanted = dict.fromkeys((JWKS_PATHS[0], *content.hints.jwks_paths))
    paths = [path for path in wanted if path not in _BESIDE and _is_name(path)]
    found = [Document(path[1:], content.body, content.hints.media_type, control) for path in paths]
    for path, body, media_type in (
        (HISTORICAL_PATHS[0], content.historical, HISTORICAL_TYPE),
        (METADATA_PATHS[0], content.openid, OPENID_TYPE),
    ):
        if body is not None:
            found.append(Document(path[1:], body, media_type, control))
    return found


def list_refused_paths(content: Content) -> Iterator[str]:
    """Yield the paths of the hints that no object gets: of another document, or with an empty segment."""
    return (path for path in content.hints.jwks_paths if path in _BESIDE or not _is_name(path))


def cache_control(hints: Hints) -> str:
    """Return Cache-Control (RFC 9111 section 5.2, RFC 5861) as the facts of the set allow it, in seconds."""
    window = hints.stale_window
    stale = f", stale-while-revalidate={window}, stale-if-error={window}" if window else ""
    return f"public, max-age={hints.cache_max_age}{stale}"


def _is_name(path: str) -> bool:
    return all(path[1:].split("/"))
