"""The documents of a set in its ConfigMap: the whole set, and those of spec.publish.documents."""

from collections.abc import Iterator
from dataclasses import dataclass

from jwks_operator.api.documents_spec import DocumentFormat
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.outputs.documents import list_data_keys
from jwks_operator.plugin.cluster import ObservedSet
from jwks_operator.plugin.exit_codes import not_found_error

WHOLE_SET = ""
"""The name of the whole set among the documents."""


@dataclass(frozen=True, slots=True)
class PublishedDocument:
    """One document: `text` is None while it is not published, `entries` are those of whose keys it consists."""

    name: str
    format: DocumentFormat
    entries: tuple[str, ...]
    text: str | None

    def __str__(self) -> str:
        return f"document {self.name}" if self.name else "the set"


def list_documents(seen: ObservedSet) -> tuple[PublishedDocument, ...]:
    """Return the documents of a set, the whole set first; none of a spec that cannot be read."""
    return tuple(_documents(seen))


def find_document(seen: ObservedSet, name: str) -> PublishedDocument:
    """Return a document by name; raises Failure if the spec has none of that name."""
    found = {document.name: document for document in list_documents(seen)}
    if name not in found:
        names = ", ".join(filter(None, found)) or "none"
        raise not_found_error(f"{seen.ref} has no document {name!r}; spec.publish.documents has {names}")
    return found[name]


def _documents(seen: ObservedSet) -> Iterator[PublishedDocument]:
    if seen.spec is None:
        return
    publish = policy_from_spec(seen.spec).publish
    data = (seen.configmap or {}).get("data") or {}
    entries = tuple(entry.name for entry in seen.spec.keys)
    yield PublishedDocument(WHOLE_SET, DocumentFormat.JWK_SET, entries, data.get(publish.config_map.key))
    for document in publish.documents:
        text = data.get(list_data_keys(document)[0])
        yield PublishedDocument(document.name, DocumentFormat(document.format), document.entries, text)
