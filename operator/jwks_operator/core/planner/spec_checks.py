"""What of a spec can not be? Ordered checks, each named after the bad state it finds.

Admission has refused what a schema can refuse; these look at what it cannot: cron syntax, time zones,
intervals against waits, the number of keys at once. The first complaint becomes a condition, and the spec
that was in force stays in force.
"""

from collections.abc import Callable
from datetime import datetime
from math import ceil

from jwks_operator.api.durations import format_duration
from jwks_operator.api.reasons import Reason
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.model.policy import EntryPolicy, Policy
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.timing.formulas import bounds_of
from jwks_operator.core.timing.schedule import ScheduleError, shortest_interval
from jwks_operator.core.timing.windows import next_opening
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass


def algorithm_unknown(spec: JsonWebKeySetSpec, policy: Policy, now: datetime) -> Trouble | None:
    """An entry names an algorithm that this version does not generate."""
    del policy, now
    for entry in spec.keys:
        if entry.algorithm not in ALGORITHMS:
            return Trouble(
                Reason.INVALID_SPEC,
                f"spec.keys[{entry.name}].algorithm {entry.algorithm!r} is not supported",
                f"use one of {', '.join(ALGORITHMS)}",
            )
    return None


def schedule_unreadable(spec: JsonWebKeySetSpec, policy: Policy, now: datetime) -> Trouble | None:
    """A schedule or its time zone cannot be read, or never fires."""
    for entry in policy.keys:
        rotation = entry.rotation
        try:
            interval = shortest_interval(rotation, now)
        except ScheduleError as error:
            return Trouble(Reason.INVALID_SCHEDULE, f"{_owner(spec, entry)}.{error}")
        if rotation.schedule is not None and interval is None:
            return Trouble(
                Reason.INVALID_SCHEDULE,
                f"rotation.schedule {rotation.schedule!r} of entry {entry.name} never fires",
            )
    return None


def interval_shorter_than_lead(spec: JsonWebKeySetSpec, policy: Policy, now: datetime) -> Trouble | None:
    """Keys would have to be used before everybody who checks could have them."""
    for entry in policy.keys:
        rotation = entry.rotation
        interval = shortest_interval(rotation, now)
        lead = bounds_of(policy, rotation, ALGORITHMS[entry.algorithm].key_class).lead
        if interval is not None and interval < lead:
            return Trouble(
                Reason.INTERVAL_TOO_SHORT,
                f"entry {entry.name} rotates every {format_duration(interval)}, which is shorter than its lead "
                f"{format_duration(lead)}",
                "rotate less often or state shorter facts in spec.timing",
            )
    return None


def never_open(spec: JsonWebKeySetSpec, policy: Policy, now: datetime) -> Trouble | None:
    """A window cannot be read, or none ever opens outside of the freezes."""
    for entry in policy.keys:
        rotation = entry.rotation
        where = f"{_owner(spec, entry)}.rotation"
        try:
            opens = next_opening(rotation, now)
        except ScheduleError as error:
            return Trouble(Reason.INVALID_SCHEDULE, f"{where}.windows: {error}")
        if opens is None:
            return Trouble(
                Reason.INVALID_SCHEDULE,
                f"{where}.windows never open outside of the freezes; nothing could ever be activated",
            )
    return None


def jitter_too_long(spec: JsonWebKeySetSpec, policy: Policy, now: datetime) -> Trouble | None:
    """Two rotations in a row could come closer to each other than the lead."""
    for entry in policy.keys:
        rotation = entry.rotation
        if not rotation.jitter or rotation.schedule is None:
            continue
        interval = shortest_interval(rotation, now)
        lead = bounds_of(policy, rotation, ALGORITHMS[entry.algorithm].key_class).lead
        if interval is not None and interval - rotation.jitter < lead:
            return Trouble(
                Reason.INTERVAL_TOO_SHORT,
                f"entry {entry.name} rotates every {format_duration(interval)} less a jitter of up to "
                f"{format_duration(rotation.jitter)}, which is shorter than its lead {format_duration(lead)}",
                "shorten the jitter or rotate less often",
            )
    return None


def too_many_keys(spec: JsonWebKeySetSpec, policy: Policy, now: datetime) -> Trouble | None:
    """The schedules would pile up more keys at once than the set may publish."""
    total = sum(_keys_at_once(policy, entry, now) for entry in policy.keys)
    if total <= policy.publish.max_keys:
        return None
    return Trouble(
        Reason.TOO_MANY_KEYS,
        f"these schedules publish up to {total} keys at once, more than spec.publish.maxKeys {policy.publish.max_keys}",
        "rotate less often, shorten retention or raise maxKeys",
    )


CHECKS: tuple[Callable[[JsonWebKeySetSpec, Policy, datetime], Trouble | None], ...] = (
    algorithm_unknown,
    schedule_unreadable,
    never_open,
    interval_shorter_than_lead,
    jitter_too_long,
    too_many_keys,
)
"""In order: a later check may rely on what an earlier one found to be sound."""


def find_complaint(spec: JsonWebKeySetSpec, now: datetime) -> Trouble | None:
    """Return why this spec cannot be put in force, naming the field and the cure; None if it can."""
    policy = policy_from_spec(spec)
    return next(filter(None, (check(spec, policy, now) for check in CHECKS)), None)


def _owner(spec: JsonWebKeySetSpec, entry: EntryPolicy) -> str:
    """The part of the spec that the rotation of an entry is written in."""
    own = any(one.name == entry.name and one.rotation is not None for one in spec.keys)
    return f"spec.keys[{entry.name}]" if own else "spec"


def _keys_at_once(policy: Policy, entry: EntryPolicy, now: datetime) -> int:
    """Return how many keys of an entry are published at once: those that verifiers see, none of them symmetric."""
    key_class = ALGORITHMS[entry.algorithm].key_class
    if key_class is not KeyClass.SIGNATURE:
        return 1 if key_class is KeyClass.ENCRYPTION else 0
    interval = shortest_interval(entry.rotation, now)
    retention = bounds_of(policy, entry.rotation, key_class).retention
    return 2 + (1 if interval is None else ceil(retention / interval))
