"""What comes next, and when? Every move that the record and the spec in force hold in store.

A prospect says the earliest permitted time of one move and what it waits for. The plan carries out those
whose time has come; status and tools show the others. A wait that began before the clock stepped counts from
the step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from jwks_operator.api.spec import JsonWebKeySetSpec, KeyEntry, Prepublish, Recovery
from jwks_operator.core.record import KeyRecord, Record, State
from jwks_operator.core.requests import Requests, outstanding
from jwks_operator.core.schedule import due as scheduled_due
from jwks_operator.core.timing import bounds, entry_named, rollback_window, rotation_of
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
"""The time of a move that waits for nothing."""


class Action(StrEnum):
    """The moves a set can have in store, in the order in which they take precedence."""

    REPLACE = "Replace"
    ACTIVATE = "Activate"
    RETIRE = "Retire"
    PUBLISH = "Publish"
    DESTROY = "Destroy"
    FORGET = "Forget"


PRECEDENCE = {action: rank for rank, action in enumerate(Action)}
"""Rank of each action: the lowest goes first where several are due."""


class Wait(StrEnum):
    """What a move waits for."""

    NOTHING = ""
    SCHEDULE = "Schedule"
    LEAD = "Lead"
    REQUEST = "RequestedTime"
    RETENTION = "Retention"
    ROLLBACK_WINDOW = "RollbackWindow"


@dataclass(frozen=True, slots=True)
class Prospect:
    """One move, permitted from `time` on; `why` is its cause in one word for Events and history."""

    time: datetime
    action: Action
    entry: str
    kid: str = ""
    waiting_for: Wait = Wait.NOTHING
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Due:
    """When and why an active key is to be replaced."""

    time: datetime
    why: str
    emergency: bool = False

    @property
    def wait(self) -> Wait:
        return Wait.REQUEST if self.why in {"Request", "Emergency"} else Wait.SCHEDULE


def prospects(record: Record, requests: Requests, since: datetime | None) -> tuple[Prospect, ...]:
    """Return every move in store, first come first; `since` is when the clock last stepped, if it did."""
    found = [
        *_of_entries(record, requests, since or LONG_AGO),
        *_of_leavers(record),
        *_of_retired(record, since or LONG_AGO),
    ]
    return tuple(sorted(found, key=lambda prospect: (prospect.time, PRECEDENCE[prospect.action])))


def _of_entries(record: Record, requests: Requests, since: datetime) -> Iterator[Prospect]:
    for entry in record.spec.keys:
        unwanted = [key for key in record.of(entry.name, State.PENDING) if not fits(key, entry)]
        for key in unwanted:
            yield Prospect(LONG_AGO, Action.DESTROY, entry.name, key.kid, why="AlgorithmChanged")
        yield from _succession(record, entry, requests, since)


def _succession(record: Record, entry: KeyEntry, requests: Requests, since: datetime) -> Iterator[Prospect]:
    """The next step towards the successor of an entry's active key."""
    active = record.active(entry.name)
    pending = longest_published(record, entry)
    if active is None and entry.name in record.lost:
        if record.spec.recovery is Recovery.REGENERATE:
            kid = pending.kid if pending else ""
            yield Prospect(LONG_AGO, Action.REPLACE, entry.name, kid, why="KeyLost")
    elif active is None:
        yield from _first_of_entry(record, entry, pending, since)
    else:
        causes = _causes(record, entry, active, requests)
        if pending is not None:
            yield from _activation(record, pending, causes, since)
        elif rotation_of(record.spec, entry).prepublish is Prepublish.ALWAYS:
            yield Prospect(LONG_AGO, Action.PUBLISH, entry.name, why="Standby")
        elif causes:
            due = min(causes, key=lambda cause: cause.time)
            when = _before(due.time, _lead(record.spec, entry))
            yield Prospect(when, Action.PUBLISH, entry.name, waiting_for=due.wait, why=due.why)


def _first_of_entry(record: Record, entry: KeyEntry, pending: KeyRecord | None, since: datetime) -> Iterator[Prospect]:
    """An entry added to a living set waits its lead, whatever its schedule says."""
    if pending is None:
        yield Prospect(LONG_AGO, Action.PUBLISH, entry.name, why="EntryAdded")
    else:
        yield from _activation(record, pending, [_Due(LONG_AGO, "EntryAdded")], since)


def _activation(record: Record, pending: KeyRecord, causes: list[_Due], since: datetime) -> Iterator[Prospect]:
    """The soonest permitted use of a pending key; none without a cause or a confirmed publication."""
    if pending.published is None or not causes:
        return
    known = _known_everywhere(record, pending, pending.published, since)
    time, due = min(
        ((due.time if due.emergency else max(due.time, known), due) for due in causes),
        key=lambda permitted: (permitted[0], permitted[1].time),
    )
    yield Prospect(
        time=time,
        action=Action.ACTIVATE,
        entry=pending.entry,
        kid=pending.kid,
        waiting_for=Wait.LEAD if time > due.time else due.wait,
        why=due.why,
    )


def _known_everywhere(record: Record, pending: KeyRecord, published: datetime, since: datetime) -> datetime:
    """When everybody who checks has the key: its lead after publication, and after any longer former lead."""
    known = max(published, since) + pending.bounds.lead
    floor = record.lead_floor.get(pending.key_class)
    if floor is None:
        return known
    # Whoever lived when the lead was lowered carries the former one, which a step of the clock starts anew.
    longest = max(key.bounds.lead for key in record.keys if key.key_class is pending.key_class)
    return max(known, floor, since + longest)


def _causes(record: Record, entry: KeyEntry, active: KeyRecord, requests: Requests) -> list[_Due]:
    """Every cause to replace the active key; only an emergency need not wait for the lead."""
    causes = [
        _Due(request.time, "Emergency" if request.emergency else "Request", request.emergency)
        for request in outstanding(record, requests, entry.name)
    ]
    if not fits(active, entry):
        causes.append(_Due(LONG_AGO, "AlgorithmChanged"))
    if active.in_use_since is not None:
        planned = scheduled_due(rotation_of(record.spec, entry), active.in_use_since)
        if planned is not None:
            causes.append(_Due(planned, "Schedule"))
    return causes


def _of_leavers(record: Record) -> Iterator[Prospect]:
    """Keys whose entry left the spec: in use → retired with its retention, never used → destroyed."""
    for key in record.keys:
        if entry_named(record.spec, key.entry) is None:
            if key.state is State.ACTIVE:
                yield Prospect(LONG_AGO, Action.RETIRE, key.entry, key.kid, why="EntryRemoved")
            elif key.state is State.PENDING:
                yield Prospect(LONG_AGO, Action.DESTROY, key.entry, key.kid, why="EntryRemoved")


def _of_retired(record: Record, since: datetime) -> Iterator[Prospect]:
    for key in record.keys:
        if key.state is not State.RETIRED or key.retired is None:
            continue
        retired = max(key.retired, since)
        if key.has_private and key.key_class is KeyClass.SIGNATURE:
            rotation = rotation_of(record.spec, entry_named(record.spec, key.entry))
            window = rollback_window(rotation, key.bounds.lead)
            yield Prospect(
                retired + window,
                Action.FORGET,
                key.entry,
                key.kid,
                Wait.ROLLBACK_WINDOW,
                "RollbackWindowPassed",
            )
        removal = removable(key, record, since)
        if removal is not None:
            yield Prospect(removal, Action.DESTROY, key.entry, key.kid, Wait.RETENTION, "RetentionPassed")


def removable(key: KeyRecord, record: Record, since: datetime | None = None) -> datetime | None:
    """Return when a retired key may be destroyed; None while it is held or its retirement is unconfirmed."""
    if key.state is not State.RETIRED or key.retired is None or key.kid in record.spec.held:
        return None
    return max(key.retired, since or LONG_AGO) + key.bounds.retention


def fits(key: KeyRecord, entry: KeyEntry) -> bool:
    """Tell whether a key is what its entry asks for now: algorithm, and size where the entry fixes one."""
    if key.algorithm != entry.algorithm:
        return False
    wanted = modulus_length(entry)
    return wanted is None or wanted == _bits(key)


def modulus_length(entry: KeyEntry) -> int | None:
    """Return the bits of an entry's RSA modulus, its default where the entry is silent; None for other keys."""
    return entry.modulus_length or ALGORITHMS[entry.algorithm].default_modulus_length


def longest_published(record: Record, entry: KeyEntry) -> KeyRecord | None:
    """Return the pending key of an entry that fits it and has been published longest."""
    fitting = [key for key in record.of(entry.name, State.PENDING) if fits(key, entry)]
    return min(fitting, key=lambda key: (key.published or _forever(), key.created, key.kid), default=None)


def _bits(key: KeyRecord) -> int:
    """The modulus length of an RSA key from its base64url `n`: whole octets, no leading zero (RFC 7518 6.3.1.1)."""
    return len(str(key.public["n"])) * 6 // 8 * 8


def _lead(spec: JsonWebKeySetSpec, entry: KeyEntry) -> timedelta:
    return bounds(spec, rotation_of(spec, entry), ALGORITHMS[entry.algorithm].key_class).lead


def _before(time: datetime, wait: timedelta) -> datetime:
    return LONG_AGO if time - LONG_AGO < wait else time - wait


def _forever() -> datetime:
    return datetime.max.replace(tzinfo=UTC)
