"""Applies one row of the table to a record: the intent of a step, which is written before any effect."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from jwks_operator.api.reasons import EventReason
from jwks_operator.core.features.imports import mark_revoked
from jwks_operator.core.model.key_states import FreshKey, enter_state, without_private_half
from jwks_operator.core.model.record import KeyRecord, Record, RecordedEvent, Step
from jwks_operator.core.planner.candidate import Candidate, Candidates
from jwks_operator.core.planner.key_requests import Need, join_offer, make_key, need_of, refuse_buried
from jwks_operator.core.planner.requests import Requests, mark_honoured, verbs_answered_by
from jwks_operator.core.timing.formulas import entry_named
from jwks_operator.core.transitions.transition_table import ROWS, Row, State, Transition

Fresh = Mapping[Need, FreshKey]


def apply_transition(record: Record, chosen: Candidates, now: datetime, fresh: Fresh) -> Record:
    """Return the record with the step that makes these candidates, all of one transition; there is at least one.

    `fresh` are the generated keys that they need. Raises IllegalMoveError if the table does not permit it.
    """
    row = ROWS[chosen[0].transition]
    events: tuple[RecordedEvent, ...] = ()
    before = record
    for candidate in chosen:
        record, told = _apply_row(row, record, candidate, now, fresh)
        events += told
    return replace(record, step=Step(row.transition, events, list_immediate(before, record)))


def answer_requests(record: Record, chosen: Candidates, requests: Requests, now: datetime) -> Record:
    """Return the record that remembers which requests these candidates answer."""
    for candidate in chosen:
        record = mark_honoured(record, requests, verbs_answered_by(candidate.transition), (candidate.entry,), now)
    return record


def list_immediate(before: Record, after: Record) -> tuple[str, ...]:
    """Return the kids that become active from one record to the other before their check side is known to have them."""
    active = {key.kid for key in before.keys if key.state is State.ACTIVE}
    return tuple(
        key.kid for key in after.keys if key.state is State.ACTIVE and key.published is None and key.kid not in active
    )


def _apply_row(
    row: Row, record: Record, candidate: Candidate, now: datetime, fresh: Fresh
) -> tuple[Record, tuple[RecordedEvent, ...]]:
    entry = entry_named(record.policy, candidate.entry)
    if candidate.offer is not None and entry is not None:
        return join_offer(record, entry, candidate.offer, row.target, now)
    if not row.moves:
        return _without_new_state(row, record, candidate)
    if candidate.kid:
        key = enter_state(_key(record, candidate), row.target)
    elif entry is not None:
        need = need_of(entry, row.target)
        key = make_key(record.policy, need, now, refuse_buried(record, fresh[need]))
    else:
        raise LookupError(f"no entry {candidate.entry} to make a key for")
    events: tuple[RecordedEvent, ...] = (_event(row, key.kid, candidate),)
    replaced = record.active(candidate.entry) if row.replaces_active else None
    if replaced is not None:
        record = record.with_keys(enter_state(replaced, State.RETIRED))
        events += (RecordedEvent(EventReason.KEY_RETIRED, candidate.cause, replaced.kid, replaced.entry),)
    if row.replaces_active:
        record = replace(record, lost=tuple(name for name in record.lost if name != candidate.entry))
    if row.target is State.ACTIVE:
        record = mark_revoked(record, candidate.entry, lacking=False)
    return record.with_keys(key), events


def _without_new_state(row: Row, record: Record, candidate: Candidate) -> tuple[Record, tuple[RecordedEvent, ...]]:
    if row.transition is Transition.DESTROY_PRIVATE_HALF:
        record = record.with_keys(without_private_half(_key(record, candidate)))
    return record, (_event(row, candidate.kid, candidate),)


def _event(row: Row, kid: str, candidate: Candidate) -> RecordedEvent:
    if row.event is None:
        raise LookupError(f"{row.transition} has no Event")
    return RecordedEvent(row.event, candidate.cause, kid, candidate.entry)


def _key(record: Record, candidate: Candidate) -> KeyRecord:
    return next(key for key in record.keys if key.kid == candidate.kid)
