"""Which keys must nobody trust any more? Revocation comes before everything, also before a clock in doubt.

A revoked key leaves both sides in one pass and its private half is destroyed; what it leaves is a tombstone
that is never trimmed. If it was in use, the longest published pending takes its place at once, else a new
key. Nothing waits for the generation of that key: the revoked one goes, and the next one follows once it is there.
The list in the spec works as soon as it can be read, even if the rest of the spec fails its checks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from jwks_operator.api.reasons import EventReason, Wait
from jwks_operator.core.features.imports import is_followed, mark_revoked, was_revoked
from jwks_operator.core.model.key_states import LIVING, FreshKey, enter_state
from jwks_operator.core.model.policy import EntryPolicy, Revocation, SafetyFields
from jwks_operator.core.model.record import KeyRecord, Record, RecordedEvent, Step, Withdrawn
from jwks_operator.core.planner.candidate import Candidate, Candidates
from jwks_operator.core.planner.causes import Cause
from jwks_operator.core.planner.gated_keys import list_urls
from jwks_operator.core.planner.key_choice import find_next_key
from jwks_operator.core.planner.key_requests import Need, make_key, need_of, refuse_buried
from jwks_operator.core.planner.requests import Requests, mark_honoured, verbs_answered_by
from jwks_operator.core.transitions.apply_transition import list_immediate
from jwks_operator.core.transitions.transition_table import State, Transition
from jwks_operator.keys.algorithms import KeyClass


@dataclass(frozen=True, slots=True)
class Revoked:
    """One key to be revoked, and why."""

    kid: str
    reason: str


def list_revoked(record: Record, written: SafetyFields, asked: Requests, now: datetime) -> tuple[Revoked, ...]:
    """Return the living keys that the spec as written, the spec in force or an annotation revokes."""
    listed = (*written.revoked, *record.policy.revoked)
    found = {
        key.kid: reason
        for key in record.keys
        if key.state in LIVING
        for reason in (_reason(key, listed, asked, now),)
        if reason is not None
    }
    return tuple(Revoked(kid, reason) for kid, reason in found.items())


def is_under_way(record: Record, written: SafetyFields, asked: Requests, now: datetime) -> bool:
    """Tell whether keys are to be revoked now, or an unfinished step revokes some."""
    unfinished = any(key.state is State.COMPROMISED for key in record.keys)
    return unfinished or bool(list_revoked(record, written, asked, now))


def list_coming(record: Record, written: SafetyFields, now: datetime) -> Candidates:
    """Return the revocations by age whose moment is still to come, so that the operator acts at it."""
    found = (
        Candidate(item.created_before, Transition.REVOKE, key.entry, key.kid, Cause.CREATED_BEFORE, Wait.REQUESTED_TIME)
        for item in (*written.revoked, *record.policy.revoked)
        for key in record.keys
        if item.created_before is not None and key.created < item.created_before and item.created_before > now
    )
    return tuple(dict.fromkeys(found))


def list_needs(record: Record, revoked: tuple[Revoked, ...]) -> tuple[Need, ...]:
    """Return the keys to be generated for entries whose key in use is revoked and that have no pending."""
    return tuple(_needs(_without(record, revoked), record))


def lacks_keys(record: Record) -> bool:
    """Tell whether an unfinished step left an entry without a key, because its next one was not generated yet."""
    return record.step is not None and any(_needs(record, record))


def apply_revocation(
    record: Record, revoked: tuple[Revoked, ...], now: datetime, fresh: Mapping[Need, FreshKey], asked: Requests
) -> Record:
    """Return the record with the step that revokes these keys, joined to a step that is unfinished.

    An entry whose next key is neither pending nor generated yet goes without. The key that takes the place of a revoked
    one answers the requests in `asked` to rotate its entry.
    """
    rest = _without(record, revoked)
    told = [
        RecordedEvent(EventReason.KEY_REVOKED, one.reason, one.kid, key.entry)
        for one in revoked
        for key in record.keys
        if key.kid == one.kid
    ]
    for entry in _without_active(rest, record):
        pending, need = find_next_key(rest, entry), need_of(entry, State.ACTIVE)
        if pending is not None:
            successor = enter_state(pending, State.ACTIVE)
        elif need in fresh and not is_followed(rest, entry):
            successor = make_key(record.policy, need, now, refuse_buried(rest, fresh[need]))
        else:
            rest = mark_revoked(rest, entry.name, lacking=True)
            continue
        rest = mark_revoked(rest.with_keys(successor), entry.name, lacking=False)
        rest = mark_honoured(rest, asked, verbs_answered_by(Transition.REPLACE), (entry.name,), now)
        told.append(RecordedEvent(EventReason.KEY_ACTIVATED, Cause.REVOCATION, successor.kid, successor.entry))
    rest = replace(rest, withdrawn=(*rest.withdrawn, *_withdrawn(record, revoked, now)))
    before = record.step or Step(Transition.REVOKE)
    immediate = (*before.immediate, *list_immediate(record, rest))
    # While a spec is being put in force, caches may still follow the former one: the step goes on being that.
    transition = before.transition if before.transition is Transition.APPLY_SPEC else Transition.REVOKE
    return replace(rest, step=Step(transition, (*before.events, *told), immediate))


def _reason(key: KeyRecord, listed: tuple[Revocation, ...], asked: Requests, now: datetime) -> str | None:
    for item in listed:
        by_kid = item.kid == key.kid
        # A moment that is still to come would revoke each successor as soon as it is made.
        by_age = item.created_before is not None and key.created < item.created_before <= now
        if by_kid or by_age:
            return item.reason
    return (asked.revoked[key.kid] or Cause.REQUEST.value) if key.kid in asked.revoked else None


def _without(record: Record, revoked: tuple[Revoked, ...]) -> Record:
    kids = {one.kid for one in revoked}
    return record.with_keys(*(enter_state(key, State.COMPROMISED) for key in record.keys if key.kid in kids))


def _withdrawn(record: Record, revoked: tuple[Revoked, ...], now: datetime) -> Iterator[Withdrawn]:
    """The revoked keys that a URL may still show."""
    kids = {one.kid for one in revoked}
    for key in record.keys:
        urls = list_urls(record, key.entry)
        if key.kid in kids and urls and key.key_class is not KeyClass.SYMMETRIC:
            yield Withdrawn(key.kid, now, urls)


def _without_active(rest: Record, record: Record) -> Iterator[EntryPolicy]:
    """Entries that had a key in use and have none now, or have had none since an earlier revocation."""
    for entry in rest.policy.keys:
        had = record.active(entry.name) is not None or was_revoked(record, entry)
        if had and rest.active(entry.name) is None:
            yield entry


def _needs(rest: Record, record: Record) -> Iterator[Need]:
    for entry in _without_active(rest, record):
        if find_next_key(rest, entry) is None and not is_followed(rest, entry):
            yield need_of(entry, State.ACTIVE)
