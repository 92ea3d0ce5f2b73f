"""Which keys must nobody trust any more? Revocation comes before everything, also before a clock in doubt.

A revoked key leaves both sides in one pass and its private half is destroyed; what it leaves is a tombstone
that is never trimmed. If it was in use, the longest published standby takes its place at once, else a new
key. The list in the spec works as soon as it can be read, even if the rest of the spec fails its checks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from jwks_operator.api.reasons import EventReason
from jwks_operator.core.features.imports import bereft, is_followed
from jwks_operator.core.model.key_states import LIVING, FreshKey, moved
from jwks_operator.core.model.policy import Brakes, EntryPolicy, Revocation
from jwks_operator.core.model.record import Happening, KeyRecord, Record, State, Step, StepKind
from jwks_operator.core.planner.key_choice import longest_published
from jwks_operator.core.planner.key_requests import Need, need_of, new_key, unburied
from jwks_operator.core.planner.requests import Requests


@dataclass(frozen=True, slots=True)
class Revoked:
    """One key to be revoked, and why."""

    kid: str
    reason: str


def revoked(record: Record, written: Brakes, asked: Requests, now: datetime) -> tuple[Revoked, ...]:
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


def needs(record: Record, condemned: tuple[Revoked, ...]) -> tuple[Need, ...]:
    """Return the keys to be generated for entries whose key in use is revoked and that have no standby."""
    return tuple(_needs(_without(record, condemned), record))


def revoke(record: Record, condemned: tuple[Revoked, ...], now: datetime, fresh: Mapping[Need, FreshKey]) -> Record:
    """Return the record with the step that revokes these keys, joined to a step that is unfinished."""
    rest = _without(record, condemned)
    told = [
        Happening(EventReason.KEY_REVOKED, one.reason, one.kid, key.entry)
        for one in condemned
        for key in record.keys
        if key.kid == one.kid
    ]
    for entry in _bereft(rest, record):
        standby = longest_published(rest, entry)
        if standby is None and is_followed(rest, entry):
            rest = bereft(rest, entry)
            continue
        need = need_of(entry, State.ACTIVE)
        successor = (
            moved(standby, State.ACTIVE)
            if standby is not None
            else new_key(record.policy, need, now, unburied(rest, fresh[need]))
        )
        rest = rest.with_keys(successor)
        told.append(Happening(EventReason.KEY_ACTIVATED, "Revocation", successor.kid, successor.entry))
    before = record.step or Step(StepKind.REVOKE, ())
    # An unfinished adoption still owes its floor under leads; any other step has said all it has to say.
    kind = before.kind if before.kind is StepKind.ADOPT else StepKind.REVOKE
    return replace(rest, step=Step(kind, (*before.happenings, *told)))


def _reason(key: KeyRecord, listed: tuple[Revocation, ...], asked: Requests, now: datetime) -> str | None:
    for item in listed:
        by_kid = item.kid == key.kid
        # A moment that is still to come would revoke each successor as soon as it is made.
        by_age = item.created_before is not None and key.created < item.created_before <= now
        if by_kid or by_age:
            return item.reason
    return asked.reasons.get(key.kid, "Request") if key.kid in asked.revoked else None


def _without(record: Record, condemned: tuple[Revoked, ...]) -> Record:
    kids = {one.kid for one in condemned}
    return record.with_keys(*(moved(key, State.COMPROMISED) for key in record.keys if key.kid in kids))


def _bereft(rest: Record, record: Record) -> Iterator[EntryPolicy]:
    """Entries that had a key in use and have none now."""
    for entry in rest.policy.keys:
        if record.active(entry.name) is not None and rest.active(entry.name) is None:
            yield entry


def _needs(rest: Record, record: Record) -> Iterator[Need]:
    for entry in _bereft(rest, record):
        if longest_published(rest, entry) is None and not is_followed(rest, entry):
            yield need_of(entry, State.ACTIVE)
