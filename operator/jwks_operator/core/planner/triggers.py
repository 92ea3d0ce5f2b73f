"""Why, and from when, is the active key of an entry to be replaced? A schedule, a request, or a spec that changed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from jwks_operator.core.model.policy import EntryPolicy
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.planner.key_choice import fits_entry
from jwks_operator.core.planner.requests import Requests, Verb, list_outstanding
from jwks_operator.core.timing.formulas import LONG_AGO, rotation_of
from jwks_operator.core.timing.schedule import next_due as scheduled_due
from jwks_operator.core.transitions.transition_table import Cause


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
