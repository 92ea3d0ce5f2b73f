"""What becomes of the keys when the spec changes? They are planned anew, but the past keeps its bounds.

Tokens that were signed and documents that were cached under the former facts live by them. Each key keeps the
longest waits in force during its life. A lowered lead is adopted in a step of its own: from the moment at which
the new cache hints are confirmed, no successor is used before the former lead has passed once more.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.record import KeyRecord, Record, Step, StepKind
from jwks_operator.core.timing import bounds, entry_named, rotation_of
from jwks_operator.keys.algorithms import KeyClass


def accepted(record: Record, spec: JsonWebKeySetSpec, now: datetime) -> Record:
    """Return the record with this spec in force; the same record if it already is."""
    if spec == record.spec:
        return record
    lowered = _lowers_a_lead(record, spec)
    return replace(
        record,
        spec=spec,
        keys=tuple(_bound(key, spec) for key in record.keys),
        lead_floor={key_class: floor for key_class, floor in record.lead_floor.items() if floor > now},
        lost=tuple(name for name in record.lost if entry_named(spec, name) is not None),
        former_leads=_leads(record.spec) if lowered else {},
        step=Step(StepKind.ADOPT, ()) if lowered else None,
    )


def with_brakes(in_force: JsonWebKeySetSpec, written: JsonWebKeySetSpec) -> JsonWebKeySetSpec:
    """Return the spec in force with the brakes of one that fails the checks: who pulls them must not wait for that."""
    held = dict.fromkeys((*in_force.held, *written.held))
    return in_force.model_copy(update={"suspend": in_force.suspend or written.suspend, "held": tuple(held)})


def _bound(key: KeyRecord, spec: JsonWebKeySetSpec) -> KeyRecord:
    rotation = rotation_of(spec, entry_named(spec, key.entry))
    return replace(key, bounds=key.bounds.largest(bounds(spec, rotation, key.key_class)))


def _lowers_a_lead(record: Record, spec: JsonWebKeySetSpec) -> bool:
    former = _leads(record.spec)
    return any(lead < former[key_class] for key_class, lead in _leads(spec).items())


def _leads(spec: JsonWebKeySetSpec) -> dict[KeyClass, timedelta]:
    return {key_class: bounds(spec, spec.rotation, key_class).lead for key_class in KeyClass}
