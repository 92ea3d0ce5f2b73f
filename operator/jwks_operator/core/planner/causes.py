"""Why does a transition happen? Every cause: its words, what it may start, and what finds those that replace a key.

A cause that replaces the active key of an entry (a schedule, a request, a spec that changed) is one line of `Cause` and
its trigger in `list_triggers`; the others are found by the rules and candidates that plan their transition.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Self

from jwks_operator.core.model.policy import EntryPolicy
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.planner.key_choice import fits_entry
from jwks_operator.core.planner.requests import Requests, Verb, list_outstanding
from jwks_operator.core.timing.formulas import LONG_AGO, rotation_of
from jwks_operator.core.timing.schedule import next_due as scheduled_due
from jwks_operator.core.transitions.transition_table import Transition

_NEXT_KEY = (Transition.PUBLISH, Transition.ACTIVATE)
_REMOVAL = (Transition.RETIRE, Transition.DESTROY)
_LOSS = (Transition.RECOVER, Transition.REPLACE, Transition.REFUSE_ROTATION)
_REFUSAL = (Transition.REFUSE_ROTATION, Transition.REFUSE_ROLL_BACK)


class Cause(StrEnum):
    """Why a transition happens: the reason of its Event, and the label `cause` of the metrics."""

    text: str
    """The cause in words, for forecasts."""
    starts: tuple[Transition, ...]
    """The transitions that may happen for it."""
    rotates: bool
    """Whether a key that comes into use for it replaces another one, so that it counts as a rotation."""

    def __new__(cls, code: str, text: str, starts: tuple[Transition, ...], rotates: bool = False) -> Self:
        """Return a member that equals its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.text = text
        member.starts = starts
        member.rotates = rotates
        return member

    SCHEDULE = "Schedule", "the schedule", _NEXT_KEY, True
    REQUEST = "Request", "the request", _NEXT_KEY, True
    EMERGENCY = "Emergency", "the emergency", _NEXT_KEY, True
    ALGORITHM_CHANGED = "AlgorithmChanged", "the spec asks for another kind", (*_NEXT_KEY, *_REMOVAL), True
    IMPORT = "Import", "imported", (Transition.ACTIVATE, Transition.IMPORT), True
    REVOCATION = "Revocation", "the active key was revoked", (Transition.REPLACE,), True
    KEY_LOST = "KeyLost", "the active key was lost", _LOSS, True
    ROLL_BACK = "RollBack", "the request", (Transition.ROLL_BACK,), True
    CREATED_BEFORE = "CreatedBefore", "spec.revoked names keys of its age", (Transition.REVOKE,)
    SOURCE_FOLLOWED = "SourceFollowed", "the source of the entry brings its keys", (Transition.REFUSE_ROTATION,)
    SUSPENDED = "Suspended", "spec.suspend withholds rotations", _REFUSAL
    RESTORED = "Restored", "nobody can tell whether it was honoured before the restore", _REFUSAL
    NO_FORMER_KEY = "NoFormerKey", "no former key has its private half any more", (Transition.REFUSE_ROLL_BACK,)
    BOOTSTRAP = "Bootstrap", "a new set", (Transition.BOOTSTRAP,)
    ENTRY_ADDED = "EntryAdded", "a new entry", _NEXT_KEY
    ENTRY_REMOVED = "EntryRemoved", "its entry left the spec", _REMOVAL
    PREPUBLISH = "Prepublish", "in advance", (Transition.BOOTSTRAP, Transition.PUBLISH)
    SOURCE_RENEWED = "SourceRenewed", "its source has another key", (*_REMOVAL, Transition.CERTIFY)
    RETENTION_PASSED = "RetentionPassed", "its last token has expired", (Transition.DESTROY,)
    ROLLBACK_WINDOW_PASSED = "RollbackWindowPassed", "the roll-back window is over", (Transition.DESTROY_PRIVATE_HALF,)
    CERTIFICATE_MISSING = "CertificateMissing", "it has no certificate", (Transition.CERTIFY,)
    CERTIFICATE_CHANGED = "CertificateChanged", "the spec asks for another certificate", (Transition.CERTIFY,)
    CERTIFICATE_EXPIRES = "CertificateExpires", "its certificate is near its end", (Transition.CERTIFY,)
    HISTORY_CHANGED = "HistoryChanged", "the historical keys changed", (Transition.SIGN,)
    CLOCK_WENT_BACK = "ClockWentBack", "a time in the record was in the future", (Transition.REPAIR,)
    CLOCK_WENT_AHEAD = "ClockWentAhead", "the clock went ahead", (Transition.REPAIR,)

    @classmethod
    def of(cls, reason: str) -> "Cause | None":
        """Return the cause with this code; None for a reason that is none, or of a later version."""
        return cls._value2member_map_.get(reason)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Trigger:
    """When (UTC) and why an active key is to be replaced."""

    time: datetime
    cause: Cause

    @property
    def is_emergency(self) -> bool:
        """Whether the next key is used without waiting for anything."""
        return self.cause is Cause.EMERGENCY

    @property
    def is_requested(self) -> bool:
        """Whether a user asked for it by an annotation."""
        return self.cause in {Cause.REQUEST, Cause.EMERGENCY}


def list_triggers(
    record: Record, entry: EntryPolicy, active: KeyRecord | None, requests: Requests
) -> tuple[Trigger, ...]:
    """Return every trigger that replaces the active key of an entry; without one, the requests alone."""
    found = [
        Trigger(request.time, Cause.EMERGENCY if request.emergency else Cause.REQUEST)
        for request in list_outstanding(record, requests, Verb.ROTATE, entry.name)
    ]
    if active is None:
        return tuple(found)
    if not fits_entry(active, entry, record.policy):
        found.append(Trigger(LONG_AGO, Cause.ALGORITHM_CHANGED))
    if active.in_use_since is not None:
        rotation = rotation_of(record.policy, entry)
        planned = scheduled_due(rotation, active.in_use_since)
        if planned is not None:
            found.append(Trigger(planned + _share_of_jitter(active, rotation.jitter), Cause.SCHEDULE))
    return tuple(found)


def _share_of_jitter(active: KeyRecord, jitter: timedelta) -> timedelta:
    """Return a part of the jitter that is even over many keys and always the same for one: it comes from the kid."""
    if not jitter:
        return timedelta()
    return jitter * (int.from_bytes(sha256(active.kid.encode()).digest()[:4], "big") / 2**32)
