"""What becomes of the keys when the spec changes? They are planned anew, but the past keeps its bounds.

Tokens that were signed and documents that were cached under the former facts live by them. Each key keeps the
longest waits in force during its life. A lowered fact is adopted in a step of its own: from the moment at which the
new cache hints are confirmed, no successor is used before the former lead has passed once more, and the former facts
count beside the new ones until nothing is left of what began under them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from jwks_operator.api.defaults import LEAD_TERMS
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.model.record import Bounds, KeyRecord, Record, Step, StepKind
from jwks_operator.core.timing.formulas import (
    EXCESS,
    NO_OTHERS,
    Facts,
    bounds,
    entry_named,
    facts_of,
    horizon,
    longest,
    rotation_of,
)
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass


def accepted(record: Record, spec: JsonWebKeySetSpec, now: datetime) -> Record:
    """Return the record with this spec in force; the same record if it already is."""
    if spec == record.spec:
        return record
    former = lately(record, now)
    lowered = _lowers(record.spec, spec)
    others = former if facts_of(spec) != facts_of(record.spec) else NO_OTHERS
    after = replace(
        record,
        spec=spec,
        keys=tuple(_witnessed_by(_bound(key, spec, others), record.spec, spec) for key in record.keys),
        longest=dict(former) if lowered or is_recent(record, now) else {},
        lead_floor={key_class: floor for key_class, floor in record.lead_floor.items() if floor > now},
        restart=record.restart if spec.secret.restart is not None else "",
        lost=tuple(name for name in record.lost if entry_named(spec, name) is not None),
    )
    if not lowered:
        return _lengthened(record, after)
    leads = _leads(record.spec, longest(former, facts_of(spec)))
    short = _leads(spec)
    owed = {key_class: lead for key_class, lead in leads.items() if lead > short[key_class]}
    return replace(after, former_leads=owed, longest_until=None, step=Step(StepKind.ADOPT, ()))


def with_brakes(in_force: JsonWebKeySetSpec, written: JsonWebKeySetSpec) -> JsonWebKeySetSpec:
    """Return the spec in force with the brakes of one that fails the checks: who pulls them must not wait for that."""
    held = dict.fromkeys((*in_force.held, *written.held))
    return in_force.model_copy(update={"suspend": in_force.suspend or written.suspend, "held": tuple(held)})


def lately(record: Record, now: datetime) -> Facts:
    """Return the longest of each fact that still counts: in force, or lowered so lately that it is still at work."""
    known = facts_of(record.spec)
    return longest(known, record.longest) if is_recent(record, now) else known


def is_recent(record: Record, now: datetime) -> bool:
    """Tell whether former facts still count."""
    return bool(record.longest) and (record.longest_until is None or record.longest_until > now)


def delayed(record: Record, since: datetime) -> Record:
    """Return the record in which former facts count as if they had been lowered at this time."""
    leads = _leads(record.spec, record.longest)
    until = record.longest_until
    return replace(
        record,
        lead_floor={kind: max(floor, since + leads[kind]) for kind, floor in record.lead_floor.items()},
        longest_until=None if until is None else max(until, since + horizon(record)),
    )


def waits_in_force(record: Record, now: datetime) -> Mapping[KeyClass, Bounds]:
    """Return the longest waits of every class that there are keys of, or that a former lead still counts for.

    A class without keys has one too: whoever cached the set cached that it has none.
    """
    found: dict[KeyClass, Bounds] = {}
    known = lately(record, now)
    for entry in record.spec.keys:
        kind = ALGORITHMS[entry.algorithm].key_class
        waits = bounds(record.spec, rotation_of(record.spec, entry), kind, known)
        found[kind] = waits.largest(found.get(kind, waits))
    for kind, lead in _leads(record.spec, known).items():
        if lead > bounds(record.spec, record.spec.rotation, kind).lead:
            found.setdefault(kind, bounds(record.spec, record.spec.rotation, kind, known))
    for key in record.keys:
        found[key.key_class] = key.bounds.largest(found.get(key.key_class, key.bounds))
    return found


def revocation_latency(record: Record, now: datetime) -> timedelta:
    """Return how long verifiers may trust a revoked key: what they cached under a former lead, they cached for it."""
    floor = record.lead_floor.get(KeyClass.SIGNATURE)
    former = KeyClass.SIGNATURE in record.former_leads or (floor is not None and floor > now)
    known = longest(facts_of(record.spec), record.longest if former else {})
    return sum((known.get(term, timedelta()) for term in (EXCESS, *LEAD_TERMS[KeyClass.SIGNATURE])), timedelta())


def fading(record: Record) -> Iterator[datetime]:
    """Yield the times from which on former facts no longer count, so that the status is looked at again then."""
    yield from record.lead_floor.values()
    if record.longest_until is not None:
        yield record.longest_until


def remembering(record: Record, waits: Mapping[KeyClass, Bounds]) -> Record:
    """Return the record after a loss: until all is over, the waits that were told in the status count as well.

    They tell no single facts, so the difference counts as one of its own. It all begins with the next witness.
    """
    former = longest(facts_of(record.spec), record.longest)
    excess = timedelta()
    for key_class, told in waits.items():
        known = bounds(record.spec, record.spec.rotation, key_class, former)
        excess = max(excess, told.lead - known.lead, told.retention - known.retention)
    if excess:
        former = {**former, EXCESS: former.get(EXCESS, timedelta()) + excess}
    leads = _leads(record.spec, former)
    return replace(
        record,
        keys=tuple(
            replace(key, bounds=key.bounds.largest(waits.get(key.key_class, key.bounds))) for key in record.keys
        ),
        longest=dict(former) if excess or record.longest else {},
        longest_until=None,
        former_leads=leads,
    )


def _bound(key: KeyRecord, spec: JsonWebKeySetSpec, others: Facts) -> KeyRecord:
    rotation = rotation_of(spec, entry_named(spec, key.entry))
    return replace(key, bounds=key.bounds.largest(bounds(spec, rotation, key.key_class, others)))


def _witnessed_by(key: KeyRecord, former: JsonWebKeySetSpec, spec: JsonWebKeySetSpec) -> KeyRecord:
    """What the endpoints of one Service served says nothing of another one's."""
    same = former.publish.service_name == spec.publish.service_name
    return key if same else replace(key, served=None, unserved=None)


def _lengthened(before: Record, after: Record) -> Record:
    """A fact that is raised while former ones still count makes what began under them last longer."""
    old, new = _leads(before.spec, after.longest), _leads(after.spec, after.longest)
    floors = {kind: floor + max(new[kind] - old[kind], timedelta()) for kind, floor in after.lead_floor.items()}
    until = after.longest_until if after.longest else None
    if until is not None:
        until += horizon(after) - horizon(replace(before, longest=after.longest))
    return replace(after, lead_floor=floors, longest_until=until)


def _lowers(former: JsonWebKeySetSpec, spec: JsonWebKeySetSpec) -> bool:
    """Whether a fact, or a lead that was stated longer, is shorter than before."""
    before, after = facts_of(former), facts_of(spec)
    leads = _leads(spec)
    return any(after[name] < fact for name, fact in before.items()) or any(
        leads[key_class] < lead for key_class, lead in _leads(former).items()
    )


def _leads(spec: JsonWebKeySetSpec, others: Facts = NO_OTHERS) -> dict[KeyClass, timedelta]:
    return {key_class: bounds(spec, spec.rotation, key_class, others).lead for key_class in KeyClass}
