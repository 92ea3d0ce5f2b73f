"""What does the record look like to others? The data of the ConfigMap and the layout of the consumer Secret.

Public members come from the record; private ones are named here, never held: a layout says which key goes
where in which form, and the room that may touch private bytes fills it in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from jwks_operator.api.names import HISTORICAL_KEY, OPENID_KEY, SERVE_KEY
from jwks_operator.api.reasons import EventReason
from jwks_operator.api.serving_spec import JWKS_PATH
from jwks_operator.api.spec import Format
from jwks_operator.core.features.certificate_renewal import shown
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import KeyRecord, Record, State, StepKind
from jwks_operator.core.outputs.documents import (
    data_keys,
    document_hints,
    document_texts,
    jwks_text,
    keys_of,
    order_keys,
    pem_layout,
)
from jwks_operator.core.outputs.serving_documents import discovery_document, serve_hints
from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.chain import pem_chain

_PUBLISHED = {
    KeyClass.SIGNATURE: frozenset({State.PENDING, State.ACTIVE, State.RETIRED}),
    KeyClass.ENCRYPTION: frozenset({State.ACTIVE}),
    KeyClass.SYMMETRIC: frozenset[State](),
}
"""Which states stand in the ConfigMap, per class; a symmetric key never does."""

_CHECKING = frozenset({State.PENDING, State.ACTIVE, State.RETIRED})
"""The states in which whoever checks needs the key."""


class Owned(StrEnum):
    """The two projections that consumers read, as effects of a step."""

    PUBLIC = "ConfigMap"
    PRIVATE = "Secret"
    AHEAD = "Secret ahead of the ConfigMap"
    """The Secret without signature keys that the ConfigMap does not publish yet."""


class Form(StrEnum):
    """How one item of the consumer Secret is written."""

    JWK = "JWK"
    JWK_SET = "JWKSet"
    PEM = "PEM"
    TEXT = "Text"


@dataclass(frozen=True, slots=True)
class Item:
    """One data key of the consumer Secret: private keys by kid in a form, or a plain text."""

    form: Form
    kids: tuple[str, ...] = ()
    text: str = ""


def published(record: Record) -> tuple[KeyRecord, ...]:
    """Return the keys that stand in the ConfigMap, in the order of its documents."""
    return order_keys(record.policy, (key for key in record.keys if key.state in _PUBLISHED[key.key_class]))


def configmap_data(record: Record) -> dict[str, str]:
    """Return the data of the ConfigMap: the JWK Set, its aliases, the documents in JSON, and what is beside them."""
    publish, keys = record.policy.publish, published(record)
    target = publish.config_map
    text = jwks_text(record.policy, keys)
    signed = record.historical.jwt if publish.historical and record.historical is not None else None
    beside = {
        OPENID_KEY: discovery_document(publish, keys, next(iter(publish.paths), JWKS_PATH)),
        HISTORICAL_KEY: signed,
        SERVE_KEY: serve_hints(record.policy, document_hints(publish)),
    }
    documents = document_texts(record.policy, keys) | dict.fromkeys((target.key, *target.aliases), text)
    return documents | {name: document for name, document in beside.items() if document is not None}


def published_by_document(record: Record) -> dict[str, dict[str, Mapping[str, object]]]:
    """Return the published keys, public JWKs by kid, that stand under each data key of the ConfigMap."""
    publish, keys = record.policy.publish, published(record)
    known = {key.kid: key.public for key in keys}
    target = publish.config_map
    whole = dict.fromkeys((target.key, *target.aliases), known)
    parts = {
        name: {key.kid: key.public for key in keys_of(document, keys)}
        for document in publish.documents
        for name in data_keys(document)
    }
    return parts | whole


def public_pems(record: Record) -> Mapping[str, tuple[Mapping[str, object], ...]]:
    """Return the documents of the ConfigMap in PEM, by data key: the public JWKs of each, in order."""
    return pem_layout(record.policy, published(record))


def secret_layout(record: Record) -> Mapping[str, Item]:
    """Return what stands in the consumer Secret, by data key.

    The key in use of each entry, ready to use; and for encryption and symmetric keys every private half that
    may still be needed to open or verify, because the Secret is the side that checks.
    """
    layout: dict[str, Item] = {}
    for key in record.keys:
        if key.state is State.ACTIVE:
            layout |= _in_use(key, record.policy)
    for entry, kids in _openers(record).items():
        layout[f"{entry}.jwks"] = Item(Form.JWK_SET, kids)
    return layout


def effect_order(record: Record) -> tuple[Owned, ...]:
    """Return what is written in which order: the check side before the use side, the reverse to destroy.

    A step touches only one side of a key, but for keys that are used at once: first ones, and those in the place of a
    lost or revoked one. The sides of signature and encryption keys are each other's: where keys of both classes are
    used at once, the Secret is written twice, first without the signature keys.
    """
    at_once = {key.key_class for key in record.keys if _used_at_once(record, key)}
    if {KeyClass.SIGNATURE, KeyClass.ENCRYPTION} <= at_once:
        return Owned.AHEAD, Owned.PUBLIC, Owned.PRIVATE
    if KeyClass.ENCRYPTION in at_once:
        return Owned.PRIVATE, Owned.PUBLIC
    leaving = record.step is not None and record.step.kind in {StepKind.RETIRE, StepKind.DESTROY}
    signs = any(key.key_class is KeyClass.SIGNATURE for key in record.keys)
    return (Owned.PRIVATE, Owned.PUBLIC) if leaving is signs else (Owned.PUBLIC, Owned.PRIVATE)


def ahead(record: Record) -> Record:
    """Return the record as the Secret shows it ahead of the ConfigMap: without signature keys that nobody can know."""
    unknown = [k.kid for k in record.keys if k.key_class is KeyClass.SIGNATURE and _used_at_once(record, k)]
    return replace(record, keys=tuple(key for key in record.keys if key.kid not in unknown))


def _used_at_once(record: Record, key: KeyRecord) -> bool:
    """Whether the unfinished step puts a key in use that is not known to be on its check side."""
    told = () if record.step is None else record.step.happenings
    activated = any(one.event == EventReason.KEY_ACTIVATED and one.kid == key.kid for one in told)
    return activated and key.state is State.ACTIVE and key.published is None


def _in_use(key: KeyRecord, policy: Policy) -> dict[str, Item]:
    formats, certificate = policy.secret.formats, shown(policy, key)
    items = {
        f"{key.entry}.kid": Item(Form.TEXT, text=key.kid),
        f"{key.entry}.alg": Item(Form.TEXT, text=str(key.public.get("alg", key.algorithm))),
    }
    if Format.JWK in formats:
        items[f"{key.entry}.jwk"] = Item(Form.JWK, (key.kid,))
    if Format.JWK_SET in formats:
        items[f"{key.entry}.jwks"] = Item(Form.JWK_SET, (key.kid,))
    if Format.PEM in formats and key.key_class is not KeyClass.SYMMETRIC:
        items[f"{key.entry}.pem"] = Item(Form.PEM, (key.kid,))
    if Format.TLS in formats and certificate is not None:
        items[f"{key.entry}.tls.crt"] = Item(Form.TEXT, text=pem_chain(certificate.x5c).decode("ascii"))
        items[f"{key.entry}.tls.key"] = Item(Form.PEM, (key.kid,))
    return items


def _openers(record: Record) -> dict[str, tuple[str, ...]]:
    """Per entry, the kids of its encryption and symmetric keys: the one in use first, then the newest."""
    opening = [
        key
        for key in record.keys
        if key.key_class is not KeyClass.SIGNATURE and key.has_private and key.state in _CHECKING
    ]
    opening.sort(key=lambda key: (key.created, key.kid), reverse=True)
    opening.sort(key=lambda key: key.state is not State.ACTIVE)
    return {entry: tuple(k.kid for k in opening if k.entry == entry) for entry in {key.entry for key in opening}}
