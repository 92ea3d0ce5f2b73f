"""What is published: the whole set, and the documents beside it with the keys of some entries.

A JWK Set is written here (RFC 7517 section 5). A PEM file needs cryptography, so its layout names the public keys, and
the room that may compute with keys writes them.
"""

from collections.abc import Iterable, Mapping, Sequence

from jwks_operator.api.documents_spec import DocumentFormat
from jwks_operator.api.names import OPENID_KEY
from jwks_operator.api.serving_spec import JWKS_PATH, OPENID_PATH
from jwks_operator.core.features.certificate_renewal import find_published_certificate
from jwks_operator.core.model.policy import Document, Policy, Publish
from jwks_operator.core.model.record import KeyRecord
from jwks_operator.core.outputs.serving_documents import compact_json, discovery_document
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.chain import x5t_s256

_RANK = {State.ACTIVE: 0, State.PENDING: 1, State.RETIRED: 2}
Keys = Sequence[KeyRecord]


def order_keys(policy: Policy, keys: Iterable[KeyRecord]) -> tuple[KeyRecord, ...]:
    """Return keys as a document lists them: active, pending, retired, each by the order of entries, the oldest first.

    A client that takes the first key of a set, whatever its kid, takes the active one of the first entry.
    """
    entries = {entry.name: place for place, entry in enumerate(policy.keys)}
    last = len(entries)

    def place(key: KeyRecord) -> tuple[object, ...]:
        return _RANK.get(key.state, len(_RANK)), entries.get(key.entry, last), key.created, key.kid

    return tuple(sorted(keys, key=place))


def render_set(policy: Policy, keys: Keys) -> str:
    """Return a JWK Set, one key on a line."""
    lines = ",\n".join(compact_json(find_members(policy, key)) for key in keys)
    return f'{{"keys":[\n{lines}\n]}}\n' if lines else '{"keys":[]}\n'


def render_documents(policy: Policy, keys: Keys) -> dict[str, str]:
    """Return the JWK Sets of documents and their discovery documents, by data key; `keys` are all published ones."""
    publish = policy.publish
    texts: dict[str, str] = {}
    for document in publish.documents:
        if document.format == DocumentFormat.JWK_SET:
            own = list_keys_of(document, keys)
            texts |= dict.fromkeys(list_data_keys(document), render_set(policy, own))
            discovery = discovery_document(publish, own, jwks_path(document))
            texts |= {} if discovery is None else {_discovery_key(document): discovery}
    return texts


def pem_layout(policy: Policy, keys: Keys) -> dict[str, tuple[Mapping[str, object], ...]]:
    """Return the public JWKs of each PEM document, by data key; `keys` are all published ones."""
    layout: dict[str, tuple[Mapping[str, object], ...]] = {}
    for document in policy.publish.documents:
        if document.format == DocumentFormat.PEM:
            layout |= dict.fromkeys(list_data_keys(document), tuple(key.public for key in list_keys_of(document, keys)))
    return layout


def document_hints(publish: Publish) -> list[dict[str, object]]:
    """Return what the server must know of documents: data key, format and paths of each file."""
    hints: list[dict[str, object]] = []
    for document in publish.documents:
        hints.append({"key": list_data_keys(document)[0], "format": str(document.format), "paths": _paths(document)})
        if document.format == DocumentFormat.JWK_SET and publish.issuer is not None:
            path = f"/{document.name}{OPENID_PATH}"
            hints.append({"key": _discovery_key(document), "format": "Discovery", "paths": [path]})
    return hints


def list_keys_of(document: Document, keys: Keys) -> Keys:
    """Return the keys that belong to a document."""
    return [key for key in keys if key.entry in document.entries]


def list_data_keys(document: Document) -> tuple[str, ...]:
    """Return the data keys of a document in the ConfigMap, its own first."""
    suffix = "pem" if document.format == DocumentFormat.PEM else "json"
    return f"{document.name}.{suffix}", *document.aliases


def jwks_path(document: Document) -> str:
    """Return the path below the issuer at which verifiers find a document."""
    return _paths(document)[0]


def _paths(document: Document) -> list[str]:
    own = "/keys.pem" if document.format == DocumentFormat.PEM else JWKS_PATH
    return [*document.paths, f"/{document.name}{own}"]


def _discovery_key(document: Document) -> str:
    return f"{document.name}.{OPENID_KEY}"


def find_members(policy: Policy, key: KeyRecord) -> Mapping[str, object]:
    """Return the members of a key's public JWK, those of its certificate included (RFC 7517 sections 4.7 and 4.9)."""
    certificate = find_published_certificate(policy, key)
    if certificate is None:
        return key.public
    return {**key.public, "x5c": list(certificate.x5c), "x5t#S256": x5t_s256(certificate.x5c)}
