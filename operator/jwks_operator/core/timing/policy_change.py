"""Puts another spec in force: keys are planned by it, but the past keeps its bounds.

Tokens that were signed and documents that were cached under the former facts live by them. Each key keeps the
longest waits in force during its life. A lowered fact is adopted in a step of its own: from the moment at which the
new cache hints are confirmed, no successor is used before the former lead has passed once more, and the former facts
count beside the new ones until nothing is left of what began under them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from jwks_operator.api.defaults import LEAD_TERMS
from jwks_operator.api.reasons import EventReason
from jwks_operator.api.spec import DeletionPolicy
from jwks_operator.core.model.policy import Facts, Policy, SafetyFields
from jwks_operator.core.model.record import Bounds, KeyRecord, Record, RecordedEvent, Step, Withdrawn
from jwks_operator.core.timing.formulas import bounds_of, entry_named, horizon_of, rotation_of
from jwks_operator.core.transitions.transition_table import Transition
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass


def accept_policy(record: Record, policy: Policy, now: datetime) -> Record:
    """Return the record with this spec in force; the same record if it already is."""
    if policy == record.policy:
        return record
    former = longest_facts(record, now)
    lowered = _lowers(record.policy, policy)
    others = former if policy.facts != record.policy.facts else None
    after = replace(
        record,
        policy=policy,
        keys=tuple(_witnessed_by(_bound(key, policy, others), record.policy, policy) for key in record.keys),
        longest=former if lowered or is_recent(record, now) else None,
        lead_floor={key_class: floor for key_class, floor in record.lead_floor.items() if floor > now},
        withdrawn=tuple(_shown_by(record, policy)),
        restart=record.restart if policy.secret.restart is not None else "",
        lost=tuple(name for name in record.lost if entry_named(policy, name) is not None),
    )
    if not lowered:
        return _lengthened(record, after)
    leads = _leads(record.policy, former.longest(policy.facts))
    short = _leads(policy)
    owed = {key_class: lead for key_class, lead in leads.items() if lead > short[key_class]}
    return replace(after, former_leads=owed, longest_until=None, step=Step(Transition.APPLY_SPEC))


def add_safety_fields(in_force: Policy, safety_fields: SafetyFields) -> Policy:
    """Return the policy in force with the safety fields of a refused spec; what it revokes needs no place in it."""
    held = dict.fromkeys((*in_force.held, *safety_fields.held))
    suspend = in_force.suspend or safety_fields.suspend
    deletion = DeletionPolicy.RETAIN if safety_fields.retains else in_force.deletion_policy
    return replace(in_force, suspend=suspend, held=tuple(held), deletion_policy=deletion)


def replace_unread_policy(record: Record, policy: Policy, waits: Mapping[KeyClass, Bounds], now: datetime) -> Record:
    """Return the record with this policy in the place of one that could not be read.

    Nobody knows the former facts, so the waits that the status told count as after a loss, beside those of each key.
    """
    after = remember_waits(replace(accept_policy(record, policy, now), unread=None, step=None), waits)
    told = RecordedEvent(EventReason.RECORD_RESTORED, "the policy could not be read; the spec as written is in force")
    return replace(after, step=Step(Transition.APPLY_SPEC, (told,)))


def longest_facts(record: Record, now: datetime) -> Facts:
    """Return the longest of each fact that still counts: in force, or lowered so lately that it is still at work."""
    return record.policy.facts.longest(record.longest if is_recent(record, now) else None)


def is_recent(record: Record, now: datetime) -> bool:
    """Tell whether former facts still count."""
    return record.longest is not None and (record.longest_until is None or record.longest_until > now)


def delay_former_facts(record: Record, since: datetime) -> Record:
    """Return the record in which former facts count as if they had been lowered at this time."""
    leads = _leads(record.policy, record.longest)
    until = record.longest_until
    return replace(
        record,
        lead_floor={kind: max(floor, since + leads[kind]) for kind, floor in record.lead_floor.items()},
        longest_until=None if until is None else max(until, since + horizon_of(record)),
    )


def waits_in_force(record: Record, now: datetime) -> Mapping[KeyClass, Bounds]:
    """Return the longest waits of every class that there are keys of, or that a former lead still counts for.

    A class without keys has one too: a cached set says that it has none.
    """
    found: dict[KeyClass, Bounds] = {}
    known = longest_facts(record, now)
    for entry in record.policy.keys:
        kind = ALGORITHMS[entry.algorithm].key_class
        waits = bounds_of(record.policy, rotation_of(record.policy, entry), kind, known)
        found[kind] = waits.largest(found.get(kind, waits))
    for kind, lead in _leads(record.policy, known).items():
        if lead > bounds_of(record.policy, record.policy.rotation, kind).lead:
            found.setdefault(kind, bounds_of(record.policy, record.policy.rotation, kind, known))
    for key in record.keys:
        found[key.key_class] = key.bounds.largest(found.get(key.key_class, key.bounds))
    return found


def revocation_latency(record: Record, now: datetime) -> timedelta:
    """Return how long verifiers may trust a revoked key: what they cached under a former lead, they cached for it."""
    floor, until = record.lead_floor.get(KeyClass.SIGNATURE), _cached_until(record)
    unconfirmed = record.longest is not None and record.longest_until is None
    former = unconfirmed or any(end is not None and end > now for end in (floor, until))
    known = record.policy.facts.longest(record.longest if former else None)
    return known.excess + known.total(LEAD_TERMS[KeyClass.SIGNATURE])


def list_former_ends(record: Record) -> Iterator[datetime]:
    """Yield the times from which on former facts and objects no longer count, so that a pass looks again then."""
    yield from record.lead_floor.values()
    yield from record.missing.values()
    cached = _cached_until(record)
    if cached is not None:
        yield cached
    if record.longest_until is not None:
        yield record.longest_until
    yield from (former.until for former in record.former.values() if former.until is not None)


def _cached_until(record: Record) -> datetime | None:
    """Return when what was cached under former facts has expired; None if there are none, or it is not confirmed."""
    if record.longest is None or record.longest_until is None:
        return None
    lead = record.policy.facts.longest(record.longest).total(LEAD_TERMS[KeyClass.SIGNATURE])
    return record.longest_until - horizon_of(record) + lead


def remember_waits(record: Record, waits: Mapping[KeyClass, Bounds]) -> Record:
    """Return the record after a loss: until all is over, the waits that were told in the status count as well.

    They tell no single facts, so the difference counts as one of its own. It all begins with the next witness.
    """
    former = record.policy.facts.longest(record.longest)
    excess = timedelta()
    for key_class, told in waits.items():
        known = bounds_of(record.policy, record.policy.rotation, key_class, former)
        excess = max(excess, told.lead - known.lead, told.retention - known.retention)
    if excess:
        former = replace(former, excess=former.excess + excess)
    leads = _leads(record.policy, former)
    return replace(
        record,
        keys=tuple(
            replace(key, bounds=key.bounds.largest(waits.get(key.key_class, key.bounds))) for key in record.keys
        ),
        longest=former if excess or record.longest is not None else None,
        longest_until=None,
        former_leads=leads,
    )


def _bound(key: KeyRecord, policy: Policy, others: Facts | None) -> KeyRecord:
    rotation = rotation_of(policy, entry_named(policy, key.entry))
    return replace(key, bounds=key.bounds.largest(bounds_of(policy, rotation, key.key_class, others)))


def _witnessed_by(key: KeyRecord, former: Policy, policy: Policy) -> KeyRecord:
    """What the endpoints of one Service served, or one URL showed, says nothing of another one's."""
    named = {one.url for one in policy.publish.seen_at}
    if not key.urls.keys() <= named:
        key = replace(key, urls={url: one for url, one in key.urls.items() if url in named})
    same = former.publish.service_name == policy.publish.service_name
    return key if same else replace(key, served=None, unserved=None)


def _shown_by(record: Record, policy: Policy) -> Iterator[Withdrawn]:
    """The revoked keys that a URL of this policy may still show."""
    named = {one.url for one in policy.publish.seen_at}
    for one in record.withdrawn:
        urls = tuple(url for url in one.urls if url in named)
        if urls:
            yield replace(one, urls=urls)


def _lengthened(before: Record, after: Record) -> Record:
    """A fact that is raised while former ones still count makes what began under them last longer."""
    old, new = _leads(before.policy, after.longest), _leads(after.policy, after.longest)
    floors = {kind: floor + max(new[kind] - old[kind], timedelta()) for kind, floor in after.lead_floor.items()}
    until = after.longest_until if after.longest is not None else None
    if until is not None:
        until += horizon_of(after) - horizon_of(replace(before, longest=after.longest))
    return replace(after, lead_floor=floors, longest_until=until)


def _lowers(former: Policy, policy: Policy) -> bool:
    """Whether a fact, or a lead that was stated longer, is shorter than before."""
    leads = _leads(policy)
    return policy.facts.any_below(former.facts) or any(
        leads[key_class] < lead for key_class, lead in _leads(former).items()
    )


def _leads(policy: Policy, others: Facts | None = None) -> dict[KeyClass, timedelta]:
    return {key_class: bounds_of(policy, policy.rotation, key_class, others).lead for key_class in KeyClass}
