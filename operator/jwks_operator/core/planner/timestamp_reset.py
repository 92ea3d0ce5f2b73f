"""Resets the timestamps that drift, a restored backup or a step of the clock makes doubtful.

A wait is only as good as its witness. Where the witness may be untrue (the object was gone or edited, the
record comes from a backup, its stamp lies in the future, all clocks stepped ahead since) it is taken back before
anything is repaired, so that a crash between the two cannot leave an old stamp over a new effect. What one operator
knows of its clock the next one cannot, so this is written down too.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

from jwks_operator.api.reasons import EventReason
from jwks_operator.core.features import copies_plan
from jwks_operator.core.features.imports import settle_sources
from jwks_operator.core.model.key_states import add_tombstones
from jwks_operator.core.model.observed_state import DriftState, ObservedState, Reading
from jwks_operator.core.model.record import KeyRecord, Record, RecordedEvent, Step
from jwks_operator.core.planner import recovery
from jwks_operator.core.planner.causes import Cause
from jwks_operator.core.planner.requests import Requests, Verb, list_outstanding_times, mark_honoured
from jwks_operator.core.timing.policy_change import delay_former_facts, remember_waits
from jwks_operator.core.transitions.transition_table import SIDES, Owned, Side, State, Transition

_NOISE = timedelta(seconds=5)
"""Right clocks differ by less: a stamp that is so little in the future is true, and its wait a moment longer."""


def reset_doubtful(observed: ObservedState, record: Record, reading: Reading, asked: Requests) -> Record:
    """Return the record with every timestamp reset that a restore or a time in the future makes doubtful."""
    if record.uid and record.uid != observed.keyring_uid:
        return _restored(observed, record, reading, asked)
    if not record.uid:
        record = replace(record, uid=observed.keyring_uid)
    if not reading.trusted:
        return record
    if any(_from_the_future(key, reading.latest) for key in record.keys):
        told = RecordedEvent(EventReason.OBJECT_REPAIRED, Cause.CLOCK_WENT_BACK)
        return _retold(_anew(record, lambda key: _from_the_future(key, reading.latest)), (told,))
    return record if reading.since is None else _after_a_step(record, reading.since)


def _after_a_step(record: Record, since: datetime) -> Record:
    """What waited while all clocks stepped ahead waits its whole time from then."""
    waiting = [doubted for key in record.keys for doubted in (_outrun(key, since),) if doubted != key]
    after = delay_former_facts(record.with_keys(*waiting), since)
    if after == record:
        return record
    return _retold(after, (RecordedEvent(EventReason.OBJECT_REPAIRED, Cause.CLOCK_WENT_AHEAD),))


def reset_drifted(observed: ObservedState, record: Record) -> Record:
    """Return the record with a step that repairs every drifted object, its waits taken back; same if none did."""
    seen = ((Owned.PUBLIC, observed.configmap), (Owned.PRIVATE, observed.secret), (Owned.KEYRING, observed.keyring))
    told = tuple(
        RecordedEvent(EventReason.OBJECT_REPAIRED, f"{what} {_story(drift)}") for what, drift in seen if drift.drifted
    )
    record, edited = copies_plan.reset_doubted_copies(observed, record)
    told = (*told, *edited)
    if not told:
        return record
    stale = {what for what, drift in seen if drift.restarts_clocks}
    record = record.with_keys(*(_doubted(key, stale) for key in record.keys))
    return _retold(record, told) if record.step is None or record.step.transition is Transition.REPAIR else record


def _restored(observed: ObservedState, record: Record, reading: Reading, asked: Requests) -> Record:
    """A backup knows neither what was published since nor what was asked.

    Every wait and floor begins now. What was asked and is not known to be answered is refused. A key that is in use and
    published stays so, whatever the backup says; what else is published beyond it stays published as retired.
    """
    refused = tuple(_refusals(observed, record, asked, reading.now))
    record = mark_honoured(record, asked, Verb, (entry.name for entry in record.policy.keys), reading.now)
    record = add_tombstones(settle_sources(record, observed.imports, record.import_states), observed.recoverable.buried)
    record = recovery.restore_keys_in_use(observed, record, reading.now)
    found = recovery.list_unknown_keys(observed, record, reading.now)
    after = replace(record.with_keys(*(_of_backup(key) for key in record.keys), *found), uid=observed.keyring_uid)
    missing = {**after.missing, **recovery.list_missing(observed, after, reading.now)}
    after = remember_waits(replace(after, missing=missing), observed.waits_before)
    return _retold(after, (RecordedEvent(EventReason.RECORD_RESTORED, "the record comes from a backup"), *refused))


def _refusals(observed: ObservedState, record: Record, asked: Requests, now: datetime) -> Iterator[RecordedEvent]:
    """Yield an event for each request that a backup does not know to be answered, nor the status: it is not made."""
    refusals = {Verb.ROTATE: EventReason.ROTATION_REFUSED, Verb.ROLLBACK: EventReason.ROLLBACK_REFUSED}
    for entry, (verb, event) in product(record.policy.keys, refusals.items()):
        answered = observed.answered_before.get(f"{verb}/{entry.name}")
        times = list_outstanding_times(record, asked, verb, entry.name)
        if any(time <= now and (answered is None or answered < time) for time in times):
            yield RecordedEvent(event, Cause.RESTORED, entry=entry.name)


def _anew(record: Record, which: Callable[[KeyRecord], bool]) -> Record:
    return record.with_keys(*(_unwitnessed(key) for key in record.keys if which(key)))


def _of_backup(key: KeyRecord) -> KeyRecord:
    """A key that was pending when the backup was made may have been used since: what is not known counts as used."""
    return replace(_unwitnessed(key), possibly_used=key.possibly_used or key.state is State.PENDING)


def _unwitnessed(key: KeyRecord) -> KeyRecord:
    return replace(key, published=None, in_use_since=None, retired=None, served=None, unserved=None, urls={})


def _doubted(key: KeyRecord, stale: set[Owned]) -> KeyRecord:
    """The key without the stamps that these objects no longer prove; one in use waits for nothing but its turn."""
    if key.state not in {State.PENDING, State.RETIRED}:
        return key
    sides = SIDES[key.key_class]
    if sides[Side.CHECK] in stale:
        key = replace(key, published=None, served=None, urls={})
    if sides[Side.USE] in stale and key.state is State.RETIRED:
        key = replace(key, in_use_since=None, retired=None, unserved=None, urls={})
    return key


def _from_the_future(key: KeyRecord, now: datetime) -> bool:
    seen = (one.last for one in key.urls.values())
    stamps = (key.published, key.in_use_since, key.retired, key.served, key.unserved, *seen)
    return any(stamp is not None and stamp > now + _NOISE for stamp in stamps)


def _outrun(key: KeyRecord, since: datetime) -> KeyRecord:
    """The key without the stamps of waits that began before the clock stepped."""
    if key.state not in {State.PENDING, State.RETIRED}:
        return key

    def true(stamp: datetime | None) -> datetime | None:
        return None if stamp is None or stamp < since else stamp

    return replace(
        key,
        published=true(key.published),
        retired=true(key.retired),
        served=true(key.served),
        unserved=true(key.unserved),
        urls={url: one for url, one in key.urls.items() if one.since >= since},
    )


def _retold(record: Record, told: Iterable[RecordedEvent]) -> Record:
    step = record.step or Step(Transition.REPAIR)
    news = tuple(recorded for recorded in told if recorded not in step.events)
    return replace(record, step=replace(step, events=(*step.events, *news)))


def _story(drift: DriftState) -> str:
    return {DriftState.GONE: "was deleted", DriftState.DIFFERS: "was edited"}.get(
        drift, "had lost labels or annotations"
    )
