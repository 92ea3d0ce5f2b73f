"""What does a person see? The status as a projection of the record, the plan and the troubles found.

Nothing in here counts down: every time is absolute, so that a status that says the same is the same, and is
not written again.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from jwks_operator.api.durations import format_duration
from jwks_operator.api.reasons import ConditionType, Reason, Wait
from jwks_operator.api.status_model import (
    MESSAGE_MAX,
    SHORT_KID,
    TROUBLE_ABOUT,
    TROUBLES,
    Condition,
    HistoryEntry,
    JsonWebKeySetStatus,
    KeyState,
    KeyStatus,
    NextTransition,
    Trouble,
    Waits,
    format_time_up,
    merge_conditions,
    truncate,
)
from jwks_operator.core.features.imports import was_revoked
from jwks_operator.core.model.observed_state import ObservedState, Reading
from jwks_operator.core.model.record import HistoryEntry as RecordedEntry
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.model.trouble import Trouble as FoundTrouble
from jwks_operator.core.planner.candidate import Candidate
from jwks_operator.core.planner.candidates import held_kids, removal_time
from jwks_operator.core.planner.endpoint_gate import Lag
from jwks_operator.core.planner.gated_keys import list_unconfirmed_urls, list_urls
from jwks_operator.core.planner.plan import Plan
from jwks_operator.core.planner.url_gate import UrlLag
from jwks_operator.core.timing.formulas import LONG_AGO
from jwks_operator.core.timing.policy_change import revocation_latency, waits_in_force
from jwks_operator.core.transitions.transition_table import Hold, State, Transition, is_held_by
from jwks_operator.keys.algorithms import KeyClass

_ORDER = {State.ACTIVE: 0, State.PENDING: 1, State.RETIRED: 2, State.COMPROMISED: 3, State.DESTROYED: 4}

_WAITING = {
    Wait.SCHEDULE: "the schedule",
    Wait.LEAD: "verifiers to have the key (lead)",
    Wait.WINDOW: "a rotation window to open, or a freeze to end",
    Wait.REQUESTED_TIME: "the requested time",
    Wait.RETENTION: "the last token signed with the key to expire (retention)",
    Wait.ROLLBACK_WINDOW: "the roll-back window to pass",
    Wait.RENEWAL: "the certificate to come near its end",
    Wait.SUCCESSOR: "the next key in its source",
    Wait.SUSPEND: "spec.suspend to be removed",
}


def render_status(
    observed: ObservedState, plan: Plan, record: Record | None, before: JsonWebKeySetStatus, reading: Reading
) -> JsonWebKeySetStatus:
    """Return the status to be; `record` is the one confirmed in the cluster now, None if there is none.

    Of the status before, only the transition times of unchanged conditions survive, and, while nothing can
    be known of the keys, what the status said of them last.
    """
    now = reading.now
    conditions = merge_conditions(before.conditions, _conditions(observed, plan, record, now), now)
    if record is None:
        told = tuple(_trouble(trouble) for trouble in plan.troubles[:TROUBLES])
        return before.model_copy(
            update={"observed_generation": observed.generation, "conditions": conditions, "troubles": told}
        )
    policy = record.policy
    first = record.active(policy.keys[0].name)
    return JsonWebKeySetStatus(
        observed_generation=observed.generation,
        conditions=conditions,
        algorithms=",".join(dict.fromkeys(entry.algorithm for entry in policy.keys)),
        active_kid=None if first is None else first.kid[:SHORT_KID],
        keys=tuple(_key(record, key, held_kids(record, plan.requests)) for key in sorted(record.keys, key=_position)),
        next=_next(plan, now, suspended=policy.suspend),
        troubles=tuple(_trouble(trouble) for trouble in plan.troubles[:TROUBLES]),
        waits=_waits(record, reading.earliest),
        revocation_latency=format_duration(revocation_latency(record, reading.earliest)),
        history=tuple(_told(entry) for entry in record.history),
    )


def _conditions(observed: ObservedState, plan: Plan, record: Record | None, now: datetime) -> Iterable[Condition]:
    def condition(kind: ConditionType, holds: bool, reason: Reason, message: str) -> Condition:
        return Condition(
            type=kind,
            status="True" if holds else "False",
            reason=reason,
            message=truncate(message, MESSAGE_MAX),
            last_transition_time=now,
            observed_generation=observed.generation,
        )

    yield condition(ConditionType.READY, *_ready(observed, plan, record))
    yield condition(ConditionType.DEGRADED, *_degraded(plan.troubles))
    yield condition(ConditionType.ROTATING, *_rotating(plan, record, now))


_Verdict = tuple[bool, Reason, str]

_UNUSABLE = {
    Reason.NAME_CONFLICT, Reason.UNKNOWN_RECORD_FORMAT, Reason.REVOKED_KEY_REMAINS, Reason.READ_REFUSED,
}  # fmt: skip
"""Troubles under which it cannot be told that the outputs are right."""


def _ready(observed: ObservedState, plan: Plan, record: Record | None) -> _Verdict:
    """Ready means: every output exists as the record wants it and was confirmed, and every entry has an active key."""
    grave = next((trouble for trouble in plan.troubles if trouble.reason in _UNUSABLE or record is None), None)
    if grave is not None:
        return False, grave.reason, grave.message
    if record is None:
        return False, Reason.PROGRESSING, "the first keys are being made"
    unfinished = _unfinished(observed, plan, record)
    if unfinished is not None:
        why = next(iter(plan.troubles), None)
        return (False, why.reason, why.message) if why else (False, Reason.PROGRESSING, unfinished)
    without = [entry.name for entry in record.policy.keys if record.active(entry.name) is None]
    if without:
        return _ready_without_active(plan, record, without)
    return True, Reason.KEYS_IN_USE, "every entry has an active key, and every output is confirmed"


def _ready_without_active(plan: Plan, record: Record, without: list[str]) -> _Verdict:
    lost = [name for name in without if name in record.lost]
    if lost:
        cure = "set spec.recovery to Regenerate to have a new one made"
        return False, Reason.KEYS_LOST, f"the key of {', '.join(lost)} was lost; {cure}"
    refused = next((trouble for trouble in plan.troubles if trouble.reason is Reason.IMPORT_REFUSED), None)
    if refused is not None and any(not record.of(name, State.PENDING) for name in without):
        return False, refused.reason, refused.message
    revoked = [entry.name for entry in record.policy.keys if entry.name in without and was_revoked(record, entry)]
    if revoked:
        told = f"the key of {', '.join(revoked)} was revoked; the next one is used as soon as it is there"
        return False, Reason.PROGRESSING, told
    move = next((m for m in plan.candidates if m.entry in without and m.transition is Transition.ACTIVATE), None)
    until = "" if move is None or move.time == LONG_AGO else f", not before {format_time_up(move.time)}"
    return (
        False,
        Reason.WAITING_FOR_LEAD,
        f"the first key of {', '.join(without)} is used once everybody who checks can have it{until}",
    )


def _unfinished(observed: ObservedState, plan: Plan, record: Record) -> str | None:
    """Return what of the outputs is not yet as the record wants it, in words; None if all of it is confirmed."""
    step = record.step or (None if plan.record is None else plan.record.step)
    if step is not None:
        return f"step {step.transition} is not confirmed yet"
    seen = (
        (f"ConfigMap {observed.configmap_name}", observed.configmap),
        (f"Secret {observed.secret_name}", observed.secret),
    )
    wrong = [what for what, drift in seen if drift.restarts_clocks]
    return f"{' and '.join(wrong)} is not yet as it should be" if wrong else None


def _degraded(troubles: tuple[FoundTrouble, ...]) -> _Verdict:
    if not troubles:
        return False, Reason.AS_EXPECTED, "nothing needs attention"
    return True, troubles[0].reason, "; ".join(trouble.message for trouble in troubles)


def _rotating(plan: Plan, record: Record | None, now: datetime) -> _Verdict:
    if record is not None and record.step is not None:
        return True, Reason.STEP_IN_PROGRESS, f"step {record.step.transition} is under way"
    if record is not None and record.policy.suspend:
        return (
            False,
            Reason.SUSPENDED,
            "spec.suspend withholds every rotation; repair and the removal of expired keys go on",
        )
    changes = [m for m in plan.candidates if m.transition is Transition.ACTIVATE]
    for move in changes:
        lag = _lag(plan, move)
        if lag is not None and move.time <= now:
            told = f"{move.entry} changes to key {move.kid} ({move.cause}) after {lag.text}"
            return True, lag.reason, told
    waiting = [move for move in changes if move.waiting_for is Wait.LEAD]
    if waiting:
        move = waiting[0]
        return (
            True,
            Reason.NEXT_KEY_PUBLISHED,
            f"{move.entry} changes to key {move.kid} ({move.cause}) after its lead",
        )
    return False, Reason.NOTHING_DUE, "no key is due for replacement"


def _seen_since(record: Record, key: KeyRecord) -> datetime | None:
    """Return when the slowest URL agreed about a key; None without URLs, or while one has not."""
    if list_unconfirmed_urls(record, key):
        return None
    return max((key.urls[url].since for url in list_urls(record, key.entry)), default=None)


def _key(record: Record, key: KeyRecord, held: frozenset[str]) -> KeyStatus:
    seen = _seen_since(record, key)
    return KeyStatus(
        kid=key.kid,
        name=key.entry,
        algorithm=key.algorithm,
        state=KeyState(key.state.value),
        ref=key.ref or None,
        created=key.created,
        published=key.published,
        in_use_since=key.in_use_since,
        retired=key.retired,
        remove_after=removal_time(record, key, held),
        served=key.served,
        unserved=key.unserved,
        seen=seen if key.state is not State.RETIRED else None,
        unseen=seen if key.state is State.RETIRED else None,
        held=key.kid in held,
    )


def _next(plan: Plan, now: datetime, *, suspended: bool) -> NextTransition | None:
    candidate = next(iter(plan.candidates), None)
    if candidate is None:
        return None
    lag = _lag(plan, candidate)
    if suspended and is_held_by(candidate.transition, Hold.SUSPEND):
        candidate, lag = replace(candidate, waiting_for=Wait.SUSPEND), None
    waiting_for, message = _wait(candidate, lag, now)
    return NextTransition(
        time=None if candidate.time <= LONG_AGO else candidate.time,
        name=candidate.entry,
        action=candidate.transition,
        waiting_for=waiting_for,
        message=None if message is None else truncate(message),
    )


def _wait(candidate: Candidate, lag: Lag | UrlLag | None, now: datetime) -> tuple[Wait | None, str | None]:
    """Return what a candidate waits for, as a code and in words: a time that is still to come goes first."""
    timed = candidate.waiting_for
    words = None if timed is None else _WAITING[timed]
    if lag is None:
        return timed, words
    if words is None or candidate.time <= now:
        return lag.wait, lag.text
    return timed, f"{words} and {lag.text}"


def _trouble(found: FoundTrouble) -> Trouble:
    return Trouble(reason=found.reason, about=found.about[:TROUBLE_ABOUT] or None, message=truncate(found.message))


def _lag(plan: Plan, move: Candidate) -> Lag | UrlLag | None:
    """What endpoints or URLs have to do with a candidate, if it waits for them."""
    lags: tuple[Lag | UrlLag, ...] = (*plan.waiting, *plan.unseen)
    return next((lag for lag in lags if lag.kid == move.kid), None)


def _waits(record: Record, now: datetime) -> tuple[Waits, ...]:
    found = waits_in_force(record, now)
    return tuple(
        Waits(
            key_class=kind.value,
            lead=format_duration(found[kind].lead),
            retention=format_duration(found[kind].retention),
        )
        for kind in KeyClass
        if kind in found
    )


def _told(entry: RecordedEntry) -> HistoryEntry:
    told = entry.recorded
    return HistoryEntry(
        time=entry.time,
        kid=told.kid or None,
        name=told.entry or None,
        event=told.event,
        reason=told.reason or None,
    )


def _position(key: KeyRecord) -> tuple[str, int, datetime, str]:
    return key.entry, _ORDER[key.state], key.created, key.kid
