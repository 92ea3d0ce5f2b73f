"""What becomes of the keys when the spec changes? They are planned anew, but the past keeps its bounds.

Tokens that were signed and documents that were cached under the former facts live by them: each key keeps the
longest waits in force during its life, and a lowered lead leaves a floor before which no successor is used.
"""

from dataclasses import replace
from datetime import datetime

from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.record import KeyRecord, Record
from jwks_operator.core.timing import bounds, entry_named, rotation_of
from jwks_operator.keys.algorithms import KeyClass


def accepted(record: Record, spec: JsonWebKeySetSpec, now: datetime) -> Record:
    """Return the record with this spec in force; the same record if it already is."""
    if spec == record.spec:
        return record
    return replace(
        record,
        spec=spec,
        keys=tuple(_bound(key, spec) for key in record.keys),
        lead_floor=_floors(record, spec, now),
        lost=tuple(name for name in record.lost if entry_named(spec, name) is not None),
    )


def _bound(key: KeyRecord, spec: JsonWebKeySetSpec) -> KeyRecord:
    rotation = rotation_of(spec, entry_named(spec, key.entry))
    return replace(key, bounds=key.bounds.largest(bounds(spec, rotation, key.key_class)))


def _floors(record: Record, spec: JsonWebKeySetSpec, now: datetime) -> dict[KeyClass, datetime]:
    """A document cached just now under the former, longer lead is believed for that long."""
    floors = {key_class: floor for key_class, floor in record.lead_floor.items() if floor > now}
    for key_class in {key.key_class for key in record.keys}:
        former = bounds(record.spec, record.spec.rotation, key_class).lead
        if bounds(spec, spec.rotation, key_class).lead < former:
            floors[key_class] = max(floors.get(key_class, now), now + former)
    return floors
