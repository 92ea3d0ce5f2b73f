"""Which keys must be made? The needs of a first pass and of the moves that bring a new key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from jwks_operator.api.reasons import EventReason
from jwks_operator.api.spec import Prepublish
from jwks_operator.core.features.imports import NO_OFFER, Offer, Offers, list_offers, remember_offer
from jwks_operator.core.model.key_states import FreshKey, IllegalMoveError, is_buried, new_key_record
from jwks_operator.core.model.observed_state import ObservedState
from jwks_operator.core.model.policy import EntryPolicy, Policy
from jwks_operator.core.model.record import KeyRecord, Record, RecordedEvent, Step
from jwks_operator.core.planner.candidate import Candidate
from jwks_operator.core.planner.causes import Cause
from jwks_operator.core.planner.key_choice import name_to_publish
from jwks_operator.core.planner.requests import Verb, mark_honoured, read_requests
from jwks_operator.core.timing.formulas import bounds_of, entry_named, rotation_of
from jwks_operator.core.transitions.transition_table import State, Transition
from jwks_operator.keys.algorithms import ALGORITHMS

_MADE_FOR = {Transition.PUBLISH: State.PENDING, Transition.REPLACE: State.ACTIVE}
"""The transitions that bring a new key, and its first state."""


@dataclass(frozen=True, slots=True)
class Need:
    """One key to be generated: for which entry, of which shape, and the first state it is meant for."""

    entry: str
    algorithm: str
    modulus_length: int | None
    crv: str | None
    state: State


def need_of(entry: EntryPolicy, state: State) -> Need:
    """Return the need of an entry for a key in this first state."""
    return Need(entry.name, entry.algorithm, entry.modulus_length, entry.crv, state)


def list_bootstrap_needs(policy: Policy, offers: Offers) -> tuple[Need, ...]:
    """Return the keys to be generated for a set that never existed: one to use per entry, and its standby."""
    return tuple(
        need_of(entry, state)
        for entry in policy.keys
        for state in _first_states(policy, entry, offers.get(entry.name, NO_OFFER))
    )


def list_first_offers(observed: ObservedState, policy: Policy) -> Offers:
    """Return what a set that never existed may take from its sources."""
    asked = read_requests(observed.annotations, frozenset(entry.name for entry in policy.keys))
    return list_offers(Record(observed.ref.name, policy), observed.imports, asked.revoked)


def create_record(observed: ObservedState, policy: Policy, now: datetime, fresh: Mapping[Need, FreshKey]) -> Record:
    """Return the first record of a set; its keys are active at once, because nobody can have cached it."""
    record = Record(set_name=observed.ref.name, policy=policy)
    found = list_first_offers(observed, policy)
    generated = tuple(make_key(policy, need, now, fresh[need]) for need in list_bootstrap_needs(policy, found))
    told = tuple(_first_told(key) for key in generated)
    for entry in policy.keys:
        if entry.name in found:
            record, joined = join_offer(record, entry, found[entry.name], State.ACTIVE, now)
            told += joined
    record = record.with_keys(*generated)
    immediate = tuple(key.kid for key in record.keys if key.state is State.ACTIVE)
    # A request that is older than the set is answered by its first keys.
    requests = read_requests(observed.annotations, frozenset(entry.name for entry in policy.keys))
    record = mark_honoured(record, requests, Verb, (entry.name for entry in policy.keys), now)
    return replace(record, step=Step(Transition.BOOTSTRAP, told, immediate))


def join_offer(
    record: Record, entry: EntryPolicy, offer: Offer, state: State, now: datetime
) -> tuple[Record, tuple[RecordedEvent, ...]]:
    """Return the record in which an entry has taken an offer, its private key in this first state, and the news."""
    states = ((offer.key, state), *((key, State.RETIRED) for key in offer.former))
    keys = [
        make_key(record.policy, need_of(entry, first), now, refuse_buried(record, key))
        for key, first in states
        if key is not None
    ]
    told = [RecordedEvent(EventReason.KEY_IMPORTED, f"{key.state}", key.kid, key.entry) for key in keys]
    told += [
        RecordedEvent(EventReason.KEY_ACTIVATED, Cause.IMPORT, key.kid, key.entry)
        for key in keys
        if key.state is State.ACTIVE
    ]
    return remember_offer(record.with_keys(*keys), entry.name, offer), tuple(told)


def list_needs(record: Record, chosen: Iterable[Candidate]) -> tuple[Need, ...]:
    """Return the keys that must be generated for these candidates."""
    found = []
    for candidate in chosen:
        entry = entry_named(record.policy, candidate.entry)
        if entry is not None and not candidate.kid and candidate.offer is None:
            state = _MADE_FOR.get(candidate.transition)
            found += [] if state is None else [need_of(entry, state)]
    return tuple(found)


def make_key(policy: Policy, need: Need, now: datetime, fresh: FreshKey) -> KeyRecord:
    """Return the record of a generated key under the waits of its spec."""
    entry = entry_named(policy, need.entry)
    waits = bounds_of(policy, rotation_of(policy, entry), ALGORITHMS[need.algorithm].key_class)
    return new_key_record(name_algorithm(policy, fresh), need.entry, need.state, now, waits)


def name_algorithm(policy: Policy, fresh: FreshKey) -> FreshKey:
    """Return the key with its algorithm name_algorithm as this spec has it published."""
    name = name_to_publish(policy, fresh.algorithm)
    return fresh if fresh.public.get("alg", name) == name else replace(fresh, public={**fresh.public, "alg": name})


def refuse_buried(record: Record, fresh: FreshKey) -> FreshKey:
    """Return the key if it may live; raises IllegalMoveError if it was destroyed or revoked before."""
    if is_buried(record, fresh):
        raise IllegalMoveError(f"{fresh.kid} was destroyed or revoked and must not come back")
    return fresh


def _first_told(key: KeyRecord) -> RecordedEvent:
    if key.state is State.ACTIVE:
        return RecordedEvent(EventReason.KEY_ACTIVATED, Cause.BOOTSTRAP, key.kid, key.entry)
    return RecordedEvent(EventReason.KEY_PUBLISHED, Cause.PREPUBLISH, key.kid, key.entry)


def _first_states(policy: Policy, entry: EntryPolicy, offer: Offer) -> tuple[State, ...]:
    if offer.current is not None:
        return ()
    keeps_standby = rotation_of(policy, entry).prepublish is Prepublish.ALWAYS and not policy.suspend
    first = () if offer.key is not None else (State.ACTIVE,)
    return (*first, State.PENDING) if keeps_standby else first
