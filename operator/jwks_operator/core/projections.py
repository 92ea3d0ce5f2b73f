"""What does the record look like to others? The data of the ConfigMap and the layout of the consumer Secret.

Public members come from the record; private ones are named here, never held: a layout says which key goes
where in which form, and the room that may touch private bytes fills it in.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from jwks_operator.api.names import SERVE_KEY
from jwks_operator.api.spec import Format, JsonWebKeySetSpec
from jwks_operator.core.record import KeyRecord, Record, State, StepKind
from jwks_operator.core.timing import facts
from jwks_operator.keys.algorithms import KeyClass

_PUBLISHED = {
    KeyClass.SIGNATURE: frozenset({State.PENDING, State.ACTIVE, State.RETIRED}),
    KeyClass.ENCRYPTION: frozenset({State.ACTIVE}),
    KeyClass.SYMMETRIC: frozenset[State](),
}
"""Which states stand in the ConfigMap, per class; a symmetric key never does."""


class Owned(StrEnum):
    """The two projections that consumers read."""

    PUBLIC = "ConfigMap"
    PRIVATE = "Secret"


class Form(StrEnum):
    """How one item of the consumer Secret is written."""

    JWK = "JWK"
    PEM = "PEM"
    TEXT = "Text"


@dataclass(frozen=True, slots=True)
class Item:
    """One data key of the consumer Secret: the private key `kid` in a form, or a plain text."""

    form: Form
    kid: str
    text: str = ""


def published(record: Record) -> tuple[KeyRecord, ...]:
    """Return the keys that stand in the ConfigMap, oldest first, so that a rotation moves no other key."""
    shown = [key for key in record.keys if key.state in _PUBLISHED[key.key_class]]
    return tuple(sorted(shown, key=lambda key: (key.created, key.kid)))


def configmap_data(record: Record) -> dict[str, str]:
    """Return the data of the ConfigMap: the JWK Set (RFC 7517 section 5), its aliases, hints for the server."""
    target = record.spec.publish.config_map
    lines = ",\n".join(_compact(key.public) for key in published(record))
    text = f'{{"keys":[\n{lines}\n]}}\n' if lines else '{"keys":[]}\n'
    return {**dict.fromkeys((target.key, *target.aliases), text), SERVE_KEY: _serve_hints(record.spec)}


def secret_layout(record: Record) -> Mapping[str, Item]:
    """Return what stands in the consumer Secret, by data key: the active key of each entry, ready to use."""
    layout: dict[str, Item] = {}
    for key in record.keys:
        if key.state is State.ACTIVE:
            layout |= _layout_of(key, record.spec.secret.formats)
    return layout


def effect_order(record: Record) -> tuple[Owned, Owned]:
    """Return which projection is written first: the check side before the use side, the reverse to destroy."""
    leaving = record.step is not None and record.step.kind in {StepKind.RETIRE, StepKind.DESTROY}
    return (Owned.PRIVATE, Owned.PUBLIC) if leaving else (Owned.PUBLIC, Owned.PRIVATE)


def _layout_of(key: KeyRecord, formats: tuple[Format, ...]) -> dict[str, Item]:
    items = {
        f"{key.entry}.kid": Item(Form.TEXT, key.kid, key.kid),
        f"{key.entry}.alg": Item(Form.TEXT, key.kid, key.algorithm),
    }
    if Format.JWK in formats:
        items[f"{key.entry}.jwk"] = Item(Form.JWK, key.kid)
    if Format.PEM in formats:
        items[f"{key.entry}.pem"] = Item(Form.PEM, key.kid)
    return items


def _serve_hints(spec: JsonWebKeySetSpec) -> str:
    known = facts(spec.timing)
    return (
        _compact(
            {
                "cacheMaxAge": int(known["cache_max_age"].total_seconds()),
                "staleWindow": int(known["stale_window"].total_seconds()),
            }
        )
        + "\n"
    )


def _compact(value: Mapping[str, object]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
