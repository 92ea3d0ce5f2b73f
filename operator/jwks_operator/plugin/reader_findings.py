"""What known readers make of a published set: for `lint --reader`, for `lint` without it, and for `doctor`."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from jwks_operator.api.documents_spec import DocumentFormat
from jwks_operator.api.reader_row import Reader
from jwks_operator.api.reader_table import READERS
from jwks_operator.api.readers import NEWER_NAME, find_refused_member
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.members import parse_json_strict
from jwks_operator.plugin.cluster import ObservedSet
from jwks_operator.plugin.findings import Finding, Verdict, error_finding, ok_finding, warning_finding
from jwks_operator.plugin.published import PublishedDocument, list_documents

_ALONE = "give this reader a set of its own without the key (publish.documents)"
Keys = Sequence[tuple[int, Mapping[str, Any]]]


def reader_findings(data: bytes, reader: Reader) -> Iterator[Finding]:
    """Yield what a reader cannot read of a JWK Set; one finding that it can read it, if that is so."""
    keys = _keys(data)
    refusals = list(_refusals(keys, reader))
    yield from (error_finding("readers", f"{reader} refuses the whole set for {why}", _ALONE) for why in refusals)
    most = READERS[reader].max_bytes
    too_large = most is not None and len(data) > most
    if too_large:
        yield error_finding("readers", f"{reader} reads at most {most} bytes, and the set has {len(data)}", _ALONE)
    if NEWER_NAME not in READERS[reader].names:
        for position, key in keys:
            if key.get("alg") == NEWER_NAME:
                message = f"{reader} does not know {NEWER_NAME} as the alg of keys[{position}]"
                yield warning_finding("readers", message, "publish it as EdDSA (publish.eddsaName) for this reader")
    if not refusals and not too_large:
        yield ok_finding("readers", f"{reader} can read the set")


def refusal_warnings(data: bytes) -> Iterator[Finding]:
    """Yield one warning for each key of a JWK Set for which known readers refuse the whole set."""
    for position, key in _keys(data):
        readers = [reader for reader in Reader if find_refused_member(reader, key) is not None]
        if readers:
            what = " ".join(key[name] for name in ("kty", "crv", "alg") if name in key)
            refuse = "refuses" if len(readers) == 1 else "refuse"
            message = f"{', '.join(readers)} {refuse} the whole set for keys[{position}] ({what})"
            yield warning_finding("readers", message, "name your readers with --reader, or give these another set")


async def check_readers(sets: Sequence[ObservedSet]) -> AsyncIterator[Finding]:
    """Can each named reader read a document of what is published, imported keys included?"""
    for seen in sets:
        documents = [d for d in list_documents(seen) if d.format is DocumentFormat.JWK_SET and d.text is not None]
        for reader in seen.spec.readers if seen.spec is not None and documents else ():
            for one in _best_of(documents, reader):
                yield Finding(one.verdict, one.check, f"{seen.ref}: {one.message}", one.cure)


def _best_of(documents: Sequence[PublishedDocument], reader: Reader) -> list[Finding]:
    """The findings of the first document that a reader can read, else those of the whole set."""
    found = [list(reader_findings((document.text or "").encode(), reader)) for document in documents]
    for document, findings in zip(documents, found, strict=True):
        if not any(one.verdict is Verdict.ERROR for one in findings):
            return findings if not document.name else [ok_finding("readers", f"{reader} can read {document}")]
    return found[0]


def _refusals(keys: Keys, reader: Reader) -> Iterator[str]:
    for position, key in keys:
        member = find_refused_member(reader, key)
        if member is not None:
            yield f"keys[{position}] ({member})"


def _keys(data: bytes) -> Keys:
    """Return the keys of a JWK Set with their positions; none of what is no set, which has findings of its own."""
    try:
        document = parse_json_strict(data)
    except JwkError:
        return ()
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        return ()
    return [(position, _plain(key)) for position, key in enumerate(keys) if isinstance(key, dict)]


def _plain(key: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in key.items() if isinstance(value, str) or name == "x5c"}
