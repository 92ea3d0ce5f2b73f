"""The data of the ConfigMap, computed from the record, and the order in which a step writes its effects.

The layout of the consumer Secret is in `consumer_secret`.
"""

from collections.abc import Mapping, Set
from dataclasses import replace
from enum import StrEnum

from jwks_operator.api.names import HISTORICAL_KEY, OPENID_KEY, SERVE_KEY
from jwks_operator.api.serving_spec import JWKS_PATH
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.outputs.documents import (
    document_hints,
    list_data_keys,
    list_keys_of,
    order_keys,
    pem_layout,
    render_documents,
    render_set,
)
from jwks_operator.core.outputs.serving_documents import discovery_document, serve_hints
from jwks_operator.core.transitions.transition_table import ROWS, SIDES, Owned, Side, State
from jwks_operator.keys.algorithms import KeyClass

_PUBLISHED = {
    KeyClass.SIGNATURE: frozenset({State.PENDING, State.ACTIVE, State.RETIRED}),
    KeyClass.ENCRYPTION: frozenset({State.ACTIVE}),
    KeyClass.SYMMETRIC: frozenset[State](),
}
"""Which states stand in the ConfigMap, per class; a symmetric key never does."""


class Effect(StrEnum):
    """One write of a step to a projection."""

    PUBLIC = Owned.PUBLIC.value
    PRIVATE = Owned.PRIVATE.value
    PRIVATE_AHEAD = "Secret ahead of the ConfigMap"
    """The Secret without signature keys that the ConfigMap does not publish yet."""


_WRITES = {Owned.PUBLIC: Effect.PUBLIC, Owned.PRIVATE: Effect.PRIVATE}


def list_published(record: Record) -> tuple[KeyRecord, ...]:
    """Return the keys that stand in the ConfigMap, in the order of its documents."""
    return order_keys(record.policy, (key for key in record.keys if key.state in _PUBLISHED[key.key_class]))


def configmap_data(record: Record) -> dict[str, str]:
    """Return the data of the ConfigMap: the JWK Set, its aliases, the documents in JSON, and what is beside them."""
    publish, keys = record.policy.publish, list_published(record)
    target = publish.config_map
    text = render_set(record.policy, keys)
    signed = record.historical.jwt if publish.historical and record.historical is not None else None
    beside = {
        OPENID_KEY: discovery_document(publish, keys, next(iter(publish.paths), JWKS_PATH), publish.jwks_uri),
        HISTORICAL_KEY: signed,
        SERVE_KEY: serve_hints(record.policy, document_hints(publish)),
    }
    documents = render_documents(record.policy, keys) | dict.fromkeys((target.key, *target.aliases), text)
    return documents | {name: document for name, document in beside.items() if document is not None}


def list_published_by_document(record: Record) -> dict[str, dict[str, Mapping[str, object]]]:
    """Return the published keys, public JWKs by kid, that stand under each data key of the ConfigMap."""
    publish, keys = record.policy.publish, list_published(record)
    known = {key.kid: key.public for key in keys}
    target = publish.config_map
    whole = dict.fromkeys((target.key, *target.aliases), known)
    parts = {
        name: {key.kid: key.public for key in list_keys_of(document, keys)}
        for document in publish.documents
        for name in list_data_keys(document)
    }
    return parts | whole


def list_pem_documents(record: Record) -> Mapping[str, tuple[Mapping[str, object], ...]]:
    """Return the documents of the ConfigMap in PEM, by data key: the public JWKs of each, in order."""
    return pem_layout(record.policy, list_published(record))


def effect_order(record: Record) -> tuple[Effect, ...]:
    """Return what is written in which order: the side of the keys that the row of the step names goes first.

    A step touches only one side of a key, except keys that are used at once: first keys, and those in the place of a
    lost or revoked one. The sides of signature and encryption keys are each other's: where keys of both classes are
    used at once, the Secret is written twice, first without the signature keys.
    """
    immediate = {key.key_class for key in record.keys if _is_immediate(record, key)}
    if {KeyClass.SIGNATURE, KeyClass.ENCRYPTION} <= immediate:
        return Effect.PRIVATE_AHEAD, Effect.PUBLIC, Effect.PRIVATE
    classes = immediate & {KeyClass.ENCRYPTION} or {key.key_class for key in record.keys}
    leading = KeyClass.SIGNATURE if KeyClass.SIGNATURE in classes else KeyClass.ENCRYPTION
    side = Side.CHECK if record.step is None else ROWS[record.step.transition].first
    first = _WRITES[SIDES[leading][side]]
    return first, Effect.PRIVATE if first is Effect.PUBLIC else Effect.PUBLIC


def without_unknown_keys(record: Record, written: Set[Owned]) -> Record:
    """Return the record as an object shows it while only `written` objects are: without keys that nobody can check.

    These are the keys that come into use in this step and whose check side is not written.
    """
    unknown = {
        key.kid for key in record.keys if _is_immediate(record, key) and SIDES[key.key_class][Side.CHECK] not in written
    }
    return replace(record, keys=tuple(key for key in record.keys if key.kid not in unknown))


def _is_immediate(record: Record, key: KeyRecord) -> bool:
    """Tell whether the unfinished step uses a key before its check side is known to have it."""
    immediate = () if record.step is None else record.step.immediate
    return key.kid in immediate and key.state is State.ACTIVE and key.published is None
