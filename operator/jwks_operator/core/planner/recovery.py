"""What can be saved when the record is gone? Its projections hold what clients depend on.

A private half counts only if it belongs to a published key (or nothing is published any more). Public keys
found without one stay published as retired, for their full retention from now; where the status tells of longer
waits than the spec, those count. Only an entry for which no
private half is left has lost its key; `spec.recovery` then decides whether a new one is made at once.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

from jwks_operator.api.reasons import EventReason
from jwks_operator.api.spec import Recovery
from jwks_operator.core.features.imports import find_key_in_source as source_key
from jwks_operator.core.features.imports import mark_revoked, settle_sources
from jwks_operator.core.features.source_content import private_holding
from jwks_operator.core.model.key_states import (
    FreshKey,
    add_tombstones,
    enter_state,
    is_buried,
    is_kid_buried,
    new_key_record,
    tombstone_of_kid,
)
from jwks_operator.core.model.observed_state import ObservedState
from jwks_operator.core.model.policy import EntryPolicy, Policy
from jwks_operator.core.model.record import Bounds, KeyRecord, Record, RecordedEvent, Step
from jwks_operator.core.planner.causes import Cause
from jwks_operator.core.planner.key_choice import fits_entry
from jwks_operator.core.planner.key_requests import Need, make_key, need_of
from jwks_operator.core.planner.requests import Verb, mark_honoured, read_requests
from jwks_operator.core.timing.formulas import bounds_of, entry_named, rotation_of
from jwks_operator.core.timing.policy_change import remember_waits
from jwks_operator.core.transitions.transition_table import State, Transition
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass


def list_needs(observed: ObservedState, policy: Policy) -> tuple[Need, ...]:
    """Return the keys to be generated for entries whose key is lost, if the spec wants that."""
    if policy.recovery is not Recovery.REGENERATE:
        return ()
    return tuple(need_of(entry, State.ACTIVE) for entry in _lost(observed, policy) if not _follows(observed, entry))


def rebuild_record(observed: ObservedState, policy: Policy, now: datetime, fresh: Mapping[Need, FreshKey]) -> Record:
    """Return a record rebuilt from what is left; every wait in it begins now.

    A request is repeated only if it is younger than the active key of its entry and than the last one that was refused,
    as far as the status knows that; the key that is made for a lost one answers all.
    """
    saved = tuple(_saved(observed, policy, now))
    lost = tuple(entry.name for entry in _lost(observed, policy))
    record = Record(set_name=observed.ref.name, policy=policy, keys=saved, lost=lost)
    revoked = (tombstone_of_kid(kid, now) for kid in sorted(observed.revoked_before))
    record = add_tombstones(record, (*observed.recoverable.buried, *revoked))
    for entry in _lacking(observed, policy):
        record = mark_revoked(record, entry.name, lacking=True)
    found = list_unknown_keys(observed, record, now)
    record = settle_sources(record, observed.imports, _settled_entries(observed, policy, (*saved, *found)))
    made = tuple(make_key(policy, need, now, fresh[need]) for need in list_needs(observed, policy))
    record = record.with_keys(*found, *made)
    asked = read_requests(observed.annotations, frozenset(entry.name for entry in policy.keys))
    told = (
        RecordedEvent(EventReason.KEYRING_REBUILT, f"kept {len(saved)} keys in use and {len(found)} others"),
        *(RecordedEvent(EventReason.KEYS_LOST, f"recovery: {policy.recovery}", entry=name) for name in lost),
        *(RecordedEvent(EventReason.KEY_ACTIVATED, Cause.KEY_LOST, key.kid, key.entry) for key in made),
    )
    record = replace(record, missing=list_missing(observed, record, now))
    answered = dict(observed.answered_before) | {f"{verb}/{key.entry}": now for key in made for verb in Verb}
    for entry, verb in product(policy.keys, Verb):
        record = mark_honoured(record, asked, (verb,), (entry.name,), answered.get(f"{verb}/{entry.name}", now))
    return replace(
        remember_waits(record, observed.waits_before),
        step=Step(Transition.RECOVER, told, tuple(key.kid for key in made)),
    )


def restore_keys_in_use(observed: ObservedState, record: Record, now: datetime) -> Record:
    """Return the record of a backup with the keys in use that are: everybody has what the Secret and the set show."""
    for entry, key in observed.recoverable.usable.items():
        known = next((one for one in record.keys if one.kid == key.kid), None)
        if not _wanted(observed, record, entry) or is_buried(record, key):
            continue
        if known is None:
            successor = new_key_record(
                key, entry, State.ACTIVE, _made_at(observed, key, now), _waits(record.policy, entry, key)
            )
        elif known.entry == entry and known.has_private and known.state in {State.PENDING, State.RETIRED}:
            successor = enter_state(known, State.ACTIVE)
        else:
            continue
        former = record.active(entry)
        if former is not None:
            record = record.with_keys(enter_state(former, State.RETIRED))
        record = record.with_keys(successor)
    return record


def list_unknown_keys(observed: ObservedState, record: Record, now: datetime) -> tuple[KeyRecord, ...]:
    """Return every key on the check side that the record does not know, as retired from now; the buried stay buried.

    A key that was pending in an entry without an active one is pending again, and its lead begins now.
    """
    whole = (*observed.recoverable.usable.items(), *observed.recoverable.openers)
    openers = {
        key.kid: (entry, key) for entry, key in whole if ALGORITHMS[key.algorithm].key_class is not KeyClass.SIGNATURE
    }
    published = {key.kid: (observed.entries_before.get(key.kid), key) for key in observed.recoverable.published}
    known = {key.kid for key in record.keys}
    return tuple(
        _remembered(observed, record, entry, key, now)
        for kid, (entry, key) in (published | openers).items()
        if kid not in known and not is_buried(record, key)
    )


def list_missing(observed: ObservedState, record: Record, now: datetime) -> dict[str, datetime]:
    """Return the kids of tokens that the status names and of which nothing is left, with the end of their retention."""
    known = {key.kid for key in record.keys}
    retentions = (told.retention for told in (*observed.waits_before.values(), *(key.bounds for key in record.keys)))
    until = now + max(retentions, default=timedelta())
    return {kid: until for kid in sorted(observed.tokens_before - known) if not is_kid_buried(record, kid)}


def _wanted(observed: ObservedState, record: Record, entry: str) -> bool:
    """Whether an entry is in the spec in force, or in the one as written, which a backup may not know yet."""
    return any(
        policy is not None and entry_named(policy, entry) is not None for policy in (record.policy, observed.written)
    )


def _saved(observed: ObservedState, policy: Policy, now: datetime) -> list[KeyRecord]:
    """Every usable key once, also if it was copied to a second name; names of the spec come first."""
    usable = sorted(_usable(observed, policy).items(), key=lambda found: entry_named(policy, found[0]) is None)
    names = {key.kid: name for name, key in reversed(usable)}
    return [
        new_key_record(
            key, name, _state_of(observed, policy, name), _made_at(observed, key, now), _waits(policy, name, key)
        )
        for name, key in usable
        if names[key.kid] == name
    ]


def _state_of(observed: ObservedState, policy: Policy, entry: str) -> State:
    """The state of the usable key of an entry: one that only its source still holds may not have been used yet."""
    if entry_named(policy, entry) is None:
        return State.RETIRED
    waiting = entry in _waiting_entries(observed) and entry not in observed.recoverable.usable
    return State.PENDING if waiting else State.ACTIVE


def _usable(observed: ObservedState, policy: Policy) -> dict[str, FreshKey]:
    """Per entry, the key whose private half is left: in the consumer Secret, else in the source it came from."""
    imported = {
        entry.name: source_key(observed.imports, entry, observed.recoverable.published) for entry in policy.keys
    }
    return {name: key for name, key in imported.items() if key is not None} | dict(observed.recoverable.usable)


def _remembered(observed: ObservedState, record: Record, entry: str | None, key: FreshKey, now: datetime) -> KeyRecord:
    policy = record.policy
    name = entry or _likely_entry(policy, key)
    made = _made_at(observed, key, now)
    found = new_key_record(key, name, State.PENDING, made, _waits(policy, name, key))
    wanted = entry_named(policy, name)
    opens = found.key_class is not KeyClass.SIGNATURE and key.has_private
    waiting = key.kid in observed.waiting_before and opens and record.active(name) is None
    if waiting and wanted is not None and fits_entry(found, wanted, policy):
        return found
    return new_key_record(key, name, State.RETIRED, made, found.bounds)


def _made_at(observed: ObservedState, key: FreshKey, now: datetime) -> datetime:
    """Return when a key was made, as far as the status knows it."""
    return observed.created_before.get(key.kid, now)


def _likely_entry(policy: Policy, public: FreshKey) -> str:
    alike = [entry.name for entry in policy.keys if entry.algorithm == public.algorithm]
    return alike[0] if alike else policy.keys[0].name


def _waits(policy: Policy, entry: str, key: FreshKey) -> Bounds:
    rotation = rotation_of(policy, entry_named(policy, entry))
    return bounds_of(policy, rotation, ALGORITHMS[key.algorithm].key_class)


def _lost(observed: ObservedState, policy: Policy) -> tuple[EntryPolicy, ...]:
    """Entries that lived before and have no private half left; an entry never seen is simply new."""
    usable, revoked = _usable(observed, policy), _lacking(observed, policy)
    return tuple(
        entry for entry in policy.keys if entry.name not in usable and entry not in revoked and _lived(observed, entry)
    )


def _lacking(observed: ObservedState, policy: Policy) -> tuple[EntryPolicy, ...]:
    """Entries whose key was revoked and taken out of the objects before there was a record again."""
    usable, revoked = _usable(observed, policy), {observed.entries_before[kid] for kid in observed.revoked_before}
    return tuple(entry for entry in policy.keys if entry.name in revoked and entry.name not in usable)


def _lived(observed: ObservedState, entry: EntryPolicy) -> bool:
    """Whether an entry had a key in use before, as far as the status tells; without a status, as the Secret tells."""
    known = set(observed.entries_before.values())
    if known:
        return entry.name in known - _waiting_entries(observed)
    unused = {name for name, _ in observed.recoverable.openers} - observed.recoverable.usable.keys()
    return entry.name not in unused


def _waiting_entries(observed: ObservedState) -> set[str]:
    """The entries whose first key was pending when the status was written."""
    return {observed.entries_before[kid] for kid in observed.waiting_before}


def _settled_entries(observed: ObservedState, policy: Policy, keys: tuple[KeyRecord, ...]) -> set[str]:
    """The entries whose private source was taken from: they had a key in use, or the source holds their pending key."""
    pending = {key.thumbprint: key.entry for key in keys if key.state is State.PENDING}
    holdings = ((entry, private_holding(observed.imports.get(entry.name), entry)) for entry in policy.keys)
    taken = {pending.get(held.keys[0].thumbprint) for _, held in holdings if held is not None} - {None}
    return {entry.name for entry in policy.keys if entry.name in taken or _lived(observed, entry)}


def _follows(observed: ObservedState, entry: EntryPolicy) -> bool:
    """Whether the source of an entry brings its keys, also after a loss."""
    held = private_holding(observed.imports.get(entry.name), entry)
    return held is not None and held.followed
