"""A decision of a pass, and the time of the next pass."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from jwks_operator.api.reasons import Reason
from jwks_operator.core.features.other_operators import end_of_report, find_other_operator
from jwks_operator.core.model.observed_state import Reading
from jwks_operator.core.model.policy import Facts
from jwks_operator.core.planner.plan import Plan
from jwks_operator.core.timing.policy_change import list_former_ends
from jwks_operator.kube.gather import Gathered
from jwks_operator.reconcile.deletion import DOUBT_RECHECK
from jwks_operator.reconcile.disputes import WeighedDrift

CONFLICT_RECHECK = timedelta(minutes=1)
"""Time until the next pass after a conflict with a foreign object or a refused source: no watch reports their changes.

A refused import of a set that has its keys waits for the resync.
"""
_UNWATCHED = frozenset(
    {
        Reason.NAME_CONFLICT,
        Reason.RESTART_FAILED,
        Reason.CERTIFICATE_REFUSED,
        Reason.COPY_REFUSED,
        Reason.COPY_CONFLICT,
        Reason.WRITE_REFUSED,
    }
)


@dataclass(frozen=True, slots=True)
class Decision:
    """A plan, the observed state it was made from, the clock reading and the drift."""

    gathered: Gathered
    plan: Plan
    reading: Reading
    weighed: WeighedDrift


def make_decision(gathered: Gathered, plan: Plan, reading: Reading, weighed: WeighedDrift) -> Decision:
    """Return the decision with the troubles of the disputes and of other operators."""
    other = find_other_operator(gathered.observed.record, reading.now)
    troubles = (*plan.troubles, *weighed.troubles, *(() if other is None else (other,)))
    return Decision(gathered, replace(plan, troubles=troubles), reading, weighed)


def has_step(decision: Decision) -> bool:
    """Tell whether the plan has a step that is executed next."""
    record = decision.plan.record
    return record is not None and record.step is not None and not decision.weighed.holds_back(record.step)


def next_pass_at(decision: Decision) -> datetime | None:
    """Return the time of the next pass after a plan without a step; None if nothing has a time."""
    now, plan = decision.reading.now, decision.plan
    if plan.blocked:
        return now + DOUBT_RECHECK
    wake = [decision.reading.locally(move.time) for move in plan.candidates if move.time > decision.reading.earliest]
    wake += [decision.reading.locally(time) for time in _fading(decision) if time > decision.reading.earliest]
    wake += [lag.again(now) for lag in plan.waiting]
    wake += [lag.next_look for lag in plan.unseen]
    if decision.weighed.next_time is not None:
        wake.append(decision.weighed.next_time)
    reasons = {trouble.reason for trouble in plan.troubles}
    if Reason.OTHER_OPERATOR in reasons and decision.gathered.observed.record is not None:
        wake.append(end_of_report(decision.gathered.observed.record))
    if reasons & _UNWATCHED or (Reason.IMPORT_REFUSED in reasons and _lacks_keys(decision)):
        wake.append(now + CONFLICT_RECHECK)
    return min(wake, default=None)


def _fading(decision: Decision) -> Iterable[datetime]:
    """Times that no transition of the plan names: former facts end, or a revocation by age comes without a record."""
    record = decision.plan.record
    if record is not None:
        return list_former_ends(record)
    times = (item.created_before for item in decision.gathered.observed.safety_fields.revoked)
    return [time for time in times if time is not None]


def _lacks_keys(decision: Decision) -> bool:
    record = decision.gathered.observed.record
    return record is None or any(record.active(entry.name) is None for entry in record.policy.keys)


def clock_tolerance(gathered: Gathered) -> timedelta:
    """Return the clockSkew of the policy in force, or of the spec if there is no policy yet."""
    policy = gathered.observed.written if gathered.observed.record is None else gathered.observed.record.policy
    return (Facts() if policy is None else policy.facts).clock_skew
