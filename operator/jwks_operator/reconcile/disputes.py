"""Disputes: another client changes an object of a set again and again, after every repair.

A repair that does not hold is repeated after a delay that grows with each of them, up to a minute for each object.
Until then labels and annotations count as right, so that rotation goes on. A step that only repairs content waits, and
with it every scheduled transition, because verifiers may not see what the record says. Revocation never waits.

A dispute has one Event and the condition `Degraded` with the field and its manager. It ends when the object stays right
for a while. Disputes are not stored: after a restart the delays start again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from jwks_operator.api.names import SetRef
from jwks_operator.api.reasons import EventReason, Reason
from jwks_operator.core.model.observed_state import DriftState
from jwks_operator.core.model.record import RecordedEvent, Step
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.transitions.transition_table import Transition
from jwks_operator.kube.copies import compare_copies
from jwks_operator.kube.drifted import DriftedObject, describe_drift, list_drifted, list_refused
from jwks_operator.kube.gather import Gathered

FREE = 2
"""Repairs in a row without a delay: an accident may happen twice."""
LONGEST = timedelta(minutes=1)
"""The longest delay. Of the keyring it is twice as long, because each repair writes it twice."""
QUIET = timedelta(seconds=20)
"""An object that stays right for so long after its repair is not in dispute any more."""
CURE = "stop that client, or exempt the objects with the label app.kubernetes.io/managed-by: jwks-operator from it"


@dataclass(slots=True)
class _Repairs:
    """The repairs of one object, in a row."""

    latest: datetime
    count: int = 1
    drift: str = ""
    by_admission: bool = False
    """Whether the answer to the write was not what was written."""

    def next_time(self, longest: timedelta) -> datetime:
        """Return the earliest time of the next repair."""
        if self.count < FREE:
            return self.latest
        return self.latest + min(longest, timedelta(seconds=2.0 ** min(self.count - FREE, 16)))


@dataclass(frozen=True, slots=True)
class WeighedDrift:
    """The drifted objects of a pass, those whose repair waits, and what is reported of the disputes."""

    drifted: tuple[DriftedObject, ...] = ()
    waiting: frozenset[str] = frozenset()
    troubles: tuple[Trouble, ...] = ()
    next_time: datetime | None = None

    def without_waiting(self) -> "WeighedDrift":
        """Return the drift without the objects whose repair waits."""
        return replace(self, drifted=tuple(each for each in self.drifted if each.what not in self.waiting))

    def holds_back(self, step: Step | None) -> bool:
        """Tell whether a step only repairs objects whose repair waits."""
        only_repairs = step is not None and step.transition is Transition.REPAIR
        return only_repairs and bool(self.waiting) and all(each.what in self.waiting for each in self.drifted)


@dataclass(slots=True)
class Disputes:
    """The repairs of all sets, in memory."""

    _repairs: dict[SetRef, dict[str, _Repairs]] = field(default_factory=dict)
    _reported: dict[SetRef, set[str]] = field(default_factory=dict)

    def weigh_drift(self, gathered: Gathered, now: datetime) -> tuple[Gathered, WeighedDrift]:
        """Return which repairs wait, and the observed state in which labels that wait count as right."""
        repairs = self._repairs.get(gathered.observed.ref, {})
        drifted = list_drifted(gathered)
        waiting, times = set[str](), list[datetime]()
        for each in drifted:
            known = repairs.get(each.what)
            if known is not None and now < (again := known.next_time(_longest(each))):
                waiting.add(each.what)
                times.append(again)
        for what, known in repairs.items():
            told = (describe_drift(each, known.by_admission) for each in drifted if each.what == what)
            known.drift = next(told, known.drift)
            if what not in waiting and known.count > FREE and now < known.latest + QUIET:
                times.append(known.latest + QUIET)
        troubles = tuple(
            _trouble(what, known)
            for what, known in repairs.items()
            if known.count > FREE and (what in waiting or now < known.latest + QUIET)
        )
        weighed = WeighedDrift(drifted, frozenset(waiting), troubles, min(times, default=None))
        return _count_as_right(gathered, weighed), weighed

    def record_repairs(self, ref: SetRef, weighed: WeighedDrift, now: datetime) -> None:
        """Record that the drifted objects of a pass are written now."""
        repairs = self._repairs.setdefault(ref, {})
        for each in weighed.drifted:
            known = repairs.get(each.what)
            if known is None or now - known.latest > 2 * _longest(each):
                repairs[each.what] = _Repairs(now, drift=describe_drift(each, False))
                self._reported.get(ref, set()).discard(_trouble(each.what, repairs[each.what]).message)
            else:
                known.latest, known.count = now, known.count + 1

    def record_answers(self, gathered: Gathered) -> None:
        """Record which objects the API server stored otherwise than they were written: admission changed them."""
        changed = {each.what for each in list_drifted(gathered)}
        repairs = self._repairs.get(gathered.observed.ref, {})
        for what in list_refused(gathered):
            repairs.pop(what, None)
        for what, known in repairs.items():
            known.by_admission = what in changed

    def omit_reported(
        self, ref: SetRef, weighed: WeighedDrift, events: Iterable[RecordedEvent]
    ) -> tuple[RecordedEvent, ...]:
        """Return the events without repairs in a dispute and without alarms about disputes that have their Event."""
        reported = self._reported.setdefault(ref, set())
        kept = []
        for event in events:
            dispute = event.event == Reason.OBJECT_DISPUTED
            if dispute and event.reason in reported:
                continue
            if dispute:
                reported.add(event.reason)
            if weighed.troubles and event.event == EventReason.OBJECT_REPAIRED:
                continue
            kept.append(event)
        return tuple(kept)

    def forget_set(self, ref: SetRef) -> None:
        """Forget the repairs of a set."""
        self._repairs.pop(ref, None)
        self._reported.pop(ref, None)


def without_withheld(gathered: Gathered) -> Gathered:
    """Return the same state with every object to be written: a step repairs whatever it meets."""
    copies = replace(gathered.copies, withheld=frozenset())
    return replace(gathered, copies=copies, former=replace(gathered.former, withheld=frozenset()))


def _trouble(what: str, repairs: _Repairs) -> Trouble:
    return Trouble(Reason.OBJECT_DISPUTED, f"{repairs.drift} after every repair", CURE, about=what)


def _longest(drifted: DriftedObject) -> timedelta:
    return 2 * LONGEST if drifted.field == "keyring" else LONGEST


def _count_as_right(gathered: Gathered, weighed: WeighedDrift) -> Gathered:
    waiting = [each for each in weighed.drifted if each.what in weighed.waiting]
    labels = (each.field for each in waiting if each.field and each.drift is DriftState.RELABELLED)
    right: dict[str, Any] = dict.fromkeys(labels, DriftState.SAME)
    copies = replace(gathered.copies, withheld=frozenset(each.copied_to for each in waiting if each.copied_to))
    observed = replace(gathered.observed, copies=compare_copies(gathered.observed, copies), **right)
    former = replace(gathered.former, withheld=weighed.waiting & gathered.former.seen.keys())
    return replace(gathered, copies=copies, former=former, observed=observed)
