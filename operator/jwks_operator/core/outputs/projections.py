"""The data of the ConfigMap, computed from the record, and the order in which a step writes its effects.

The layout of the consumer Secret is in `consumer_secret`.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from jwks_operator.api.names import HISTORICAL_KEY, OPENID_KEY, SERVE_KEY
from jwks_operator.core.features.certificate_renewal import find_published_certificate
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.outputs.serving_documents import compact_json, discovery_document, serve_hints
from jwks_operator.core.transitions.transition_table import ROWS, SIDES, Owned, Side, State
from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.chain import x5t_s256

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
    """Return the keys that stand in the ConfigMap, oldest first, so that a rotation moves no other key."""
    shown = [key for key in record.keys if key.state in _PUBLISHED[key.key_class]]
    return tuple(sorted(shown, key=lambda key: (key.created, key.kid)))


def configmap_data(record: Record) -> dict[str, str]:
    """Return the data of the ConfigMap: the JWK Set (RFC 7517 section 5), its aliases, and what stands beside it."""
    publish, keys = record.policy.publish, list_published(record)
    target = publish.config_map
    lines = ",\n".join(compact_json(public_members(record.policy, key)) for key in keys)
    text = f'{{"keys":[\n{lines}\n]}}\n' if lines else '{"keys":[]}\n'
    signed = record.historical.jwt if publish.historical and record.historical is not None else None
    beside = {
        OPENID_KEY: discovery_document(publish, keys),
        HISTORICAL_KEY: signed,
        SERVE_KEY: serve_hints(record.policy),
    }
    documents = dict.fromkeys((target.key, *target.aliases), text)
    return documents | {name: document for name, document in beside.items() if document is not None}


def public_members(policy: Policy, key: KeyRecord) -> Mapping[str, object]:
    """Return the members of a key's public JWK, those of its certificate included (RFC 7517 sections 4.7 and 4.9)."""
    certificate = find_published_certificate(policy, key)
    if certificate is None:
        return key.public
    return {**key.public, "x5c": list(certificate.x5c), "x5t#S256": x5t_s256(certificate.x5c)}


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


def without_unknown_keys(record: Record) -> Record:
    """Return the record as the Secret shows it ahead of the ConfigMap: without signature keys that nobody can know."""
    unknown = [k.kid for k in record.keys if k.key_class is KeyClass.SIGNATURE and _is_immediate(record, k)]
    return replace(record, keys=tuple(key for key in record.keys if key.kid not in unknown))


def _is_immediate(record: Record, key: KeyRecord) -> bool:
    """Tell whether the unfinished step uses a key before its check side is known to have it."""
    immediate = () if record.step is None else record.step.immediate
    return key.kid in immediate and key.state is State.ACTIVE and key.published is None
