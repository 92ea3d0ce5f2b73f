"""The record as far as everybody may know it: told from the status and the published set, without any Secret.

Tools for people forecast from this. What the status does not tell is taken to be as the planner leaves it: waits are
those of the spec as written, or those of the status where it tells of longer ones, and a request is honoured if its
entry changed keys since. It is for looking only: the operator never plans from it.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from jwks_operator.api.durations import parse_sum
from jwks_operator.api.names import SetRef
from jwks_operator.api.reasons import Wait
from jwks_operator.api.status_model import JsonWebKeySetStatus, KeyState, KeyStatus
from jwks_operator.core.forecast import shape_of
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import Bounds, HistoryEntry, KeyRecord, Record, RecordedEvent
from jwks_operator.core.planner.key_requests import need_of
from jwks_operator.core.planner.requests import list_answers
from jwks_operator.core.timing.formulas import LONG_AGO, bounds_of, entry_named, rollback_window, rotation_of
from jwks_operator.core.transitions.transition_table import State, Transition
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass

_LIVING = frozenset({KeyState.PENDING, KeyState.ACTIVE, KeyState.RETIRED})

Published = Mapping[str, Mapping[str, Any]]
"""Public JWKs by kid, as the ConfigMap shows them."""


def record_from_status(
    ref: SetRef, policy: Policy, status: JsonWebKeySetStatus, published: Published, now: datetime
) -> Record | None:
    """Return the record behind a status; None while the status tells of no key that this version knows."""
    waits = dict(_waits(status))
    known = (told for told in status.keys if told.state in _LIVING and told.algorithm in ALGORITHMS)
    keys = tuple(_key(told, policy, waits, now) for told in known)
    keys = tuple(replace(key, public=published.get(key.kid, key.public)) for key in keys)
    if not keys:
        return None
    return Record(
        set_name=ref.name,
        policy=policy,
        keys=tuple(sorted(keys, key=lambda key: (key.created, key.kid))),
        honoured=list_answers(status),
        lead_floor=_floor(keys, status),
        history=tuple(_history(status)),
    )


def _key(told: KeyStatus, policy: Policy, waits: Mapping[KeyClass, Bounds], now: datetime) -> KeyRecord:
    entry = entry_named(policy, told.name)
    key_class = ALGORITHMS[told.algorithm].key_class
    rotation = rotation_of(policy, entry)
    owed = bounds_of(policy, rotation, key_class).largest(Bounds(timedelta(), _kept(told)))
    owed = owed.largest(waits.get(key_class, owed))
    state = State(told.state.value)
    # Size and curve are not told; where they are not published either, they are what the entry asks for.
    asked = {} if entry is None else shape_of(need_of(entry, state))
    forgotten = (
        key_class is KeyClass.SIGNATURE
        and told.retired is not None
        and told.retired + rollback_window(rotation, owed.lead) <= now
    )
    return KeyRecord(
        kid=told.kid,
        entry=told.name,
        algorithm=told.algorithm,
        key_class=key_class,
        state=state,
        thumbprint=told.kid,
        public=asked,
        has_private=not forgotten,
        ref=told.ref or "",
        created=told.created or LONG_AGO,
        bounds=owed,
        published=told.published,
        in_use_since=told.in_use_since,
        retired=told.retired,
    )


def _waits(status: JsonWebKeySetStatus) -> Iterator[tuple[KeyClass, Bounds]]:
    """The waits in force, former ones included; what is no such thing tells nothing."""
    for told in status.waits:
        with suppress(ValueError):
            yield KeyClass(told.key_class), Bounds(parse_sum(told.lead), parse_sum(told.retention))


def _kept(told: KeyStatus) -> timedelta:
    """The retention that the status shows."""
    return timedelta() if told.remove_after is None or told.retired is None else told.remove_after - told.retired


def _floor(keys: tuple[KeyRecord, ...], status: JsonWebKeySetStatus) -> dict[KeyClass, datetime]:
    """A successor that waits for its lead waits as long as the status says, for whatever reasons."""
    following = status.next
    if following is None or following.time is None or following.action != Transition.ACTIVATE:
        return {}
    if following.waiting_for != Wait.LEAD:
        return {}
    return {key.key_class: following.time for key in keys if key.entry == following.name}


def _history(status: JsonWebKeySetStatus) -> Iterator[HistoryEntry]:
    for told in status.history:
        yield HistoryEntry(told.time, RecordedEvent(told.event, told.reason or "", told.kid or "", told.name or ""))
