"""One round of the corridor: what it knew and planned, when the next one is due, and what newly needs attention."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from jwks_operator.api.reasons import ConditionType, Reason
from jwks_operator.api.status_model import JsonWebKeySetStatus
from jwks_operator.core.model.observed_state import Reading
from jwks_operator.core.model.record import Happening
from jwks_operator.core.planner.plan import Plan
from jwks_operator.core.timing.policy_change import fading
from jwks_operator.kube.gather import Gathered
from jwks_operator.reconcile.deletion import DOUBT_RECHECK

CONFLICT_RECHECK = timedelta(minutes=1)
"""How soon an object in the way, or a source that is refused, is looked at again: no watch tells of them.

An import that is refused while the set has its keys can wait for the audit.
"""
_UNWATCHED = frozenset(
    {Reason.NAME_CONFLICT, Reason.RESTART_FAILED, Reason.CERTIFICATE_REFUSED, Reason.COPY_REFUSED, Reason.COPY_CONFLICT}
)


@dataclass(frozen=True, slots=True)
class Round:
    """One plan, the facts it was made from and those that it left."""

    gathered: Gathered
    plan: Plan
    reading: Reading


def goes_on(this: Round) -> bool:
    """Tell whether the plan has a step, which is carried out next."""
    return this.plan.record is not None and this.plan.record.step is not None


def again(this: Round) -> datetime | None:
    """Return when the idle plan wants to be looked at again; None if nothing is timed."""
    now, plan = this.reading.now, this.plan
    if plan.blocked:
        return now + DOUBT_RECHECK
    wake = [this.reading.locally(move.time) for move in plan.candidates if move.time > this.reading.earliest]
    wake += [this.reading.locally(time) for time in _fading(this) if time > this.reading.earliest]
    wake += [lag.again(now) for lag in plan.waiting]
    reasons = {trouble.reason for trouble in plan.troubles}
    if reasons & _UNWATCHED or (Reason.IMPORT_REFUSED in reasons and _lacks_keys(this)):
        wake.append(now + CONFLICT_RECHECK)
    return min(wake, default=None)


def _fading(this: Round) -> Iterable[datetime]:
    record = this.plan.record
    return () if record is None else fading(record)


def _lacks_keys(this: Round) -> bool:
    record = this.gathered.world.record
    return record is None or any(record.active(entry.name) is None for entry in record.policy.keys)


def is_degraded(status: JsonWebKeySetStatus) -> bool:
    """Tell whether a status says that something needs attention."""
    return any(c.type == ConditionType.DEGRADED and c.status == "True" for c in status.conditions)


def alarm(before: JsonWebKeySetStatus, after: JsonWebKeySetStatus) -> tuple[Happening, ...]:
    """Return what newly needs attention: an Event for each trouble, once, also if its sentence changes later."""
    known = {(trouble.reason, trouble.about) for trouble in before.troubles}
    news = (trouble for trouble in after.troubles if (trouble.reason, trouble.about) not in known)
    return tuple(Happening(trouble.reason, trouble.message) for trouble in news)
