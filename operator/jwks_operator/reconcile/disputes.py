"""Disputes: another client changes an object of a set again and again, after every repair.

A repair that does not hold is repeated after a delay that grows with each of them: to 16 seconds during the first ten
minutes, so that a dispute is over within 30 seconds of the other client's end, then to a minute. If admission changes
the object within the operator's own write, dry runs show when a repair would hold, and the dispute is over as soon at
any age (docs/adr/0033).

Until a repair holds, labels and annotations count as right, so that rotation goes on. A step that only repairs content
waits, and with it every scheduled transition, because verifiers may not see what the record says. Revocation never
waits.

A dispute has one Event, which counts the repairs, and the condition `Degraded` with the field and its manager. Its
repairs are not part of the history. Disputes are not stored: a restart learns the delays again, within seconds.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from jwks_operator.api.names import SetRef
from jwks_operator.api.reasons import EventReason, Reason
from jwks_operator.core.model.observed_state import DriftState
from jwks_operator.core.model.record import Record, RecordedEvent, Step
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.transitions.transition_table import Transition
from jwks_operator.kube.client import Client
from jwks_operator.kube.copies import compare_copies
from jwks_operator.kube.drifted import DriftedObject, describe_drift, list_drifted
from jwks_operator.kube.events import AnyEvent, CountedEvent
from jwks_operator.kube.gather import Gathered
from jwks_operator.kube.object_writes import would_hold

FREE = 2
"""Repairs in a row without a delay: an accident may happen twice."""
YOUNG = timedelta(minutes=10)
"""The age of a dispute up to which its delays stay short."""
SHORT, LONG = timedelta(seconds=16), timedelta(minutes=1)
"""The longest delays before and after that. The later one of the keyring is twice as long: a repair writes it twice."""
PROBE = timedelta(seconds=15)
"""Time between two dry runs."""
QUIET = timedelta(seconds=10)
"""An object that stays right for so long after its repair is not in dispute any more."""
SAME_DISPUTE = 2 * LONG
"""An object that is changed again within this time after a repair is still in the same dispute."""
CURE = "stop that client, or exempt the objects with the label app.kubernetes.io/managed-by: jwks-operator from it"


@dataclass(slots=True)
class _Repairs:
    """The repairs of one object, in a row."""

    first: datetime
    latest: datetime
    count: int = 1
    drift: str = ""
    by_admission: bool = False
    """Whether the answer to the write was not what was written."""
    probed: datetime | None = None
    """When the last dry run since the latest repair was made."""
    would_hold: bool = False
    """Whether that dry run was answered with what a repair writes."""
    told: int = 0
    """The count that the Event says."""

    @property
    def disputed(self) -> bool:
        """Whether there were more than accidents."""
        return self.count > FREE

    def next_repair(self, drifted: DriftedObject) -> datetime:
        """Return the earliest time of the next repair."""
        if self.count < FREE or self.would_hold:
            return self.latest
        longest = SHORT if self.latest - self.first < YOUNG else LONG * (1 + (drifted.field == "keyring"))
        return self.latest + min(longest, timedelta(seconds=2.0 ** min(self.count - FREE, 16)))

    def next_probe(self) -> datetime:
        """Return the time of the next dry run."""
        return (self.probed or self.latest) + PROBE


@dataclass(frozen=True, slots=True)
class WeighedDrift:
    """The drifted objects of a pass, those whose repair waits, and what is reported of the disputes."""

    drifted: tuple[DriftedObject, ...] = ()
    waiting: frozenset[str] = frozenset()
    disputed: frozenset[str] = frozenset()
    troubles: tuple[Trouble, ...] = ()
    next_time: datetime | None = None

    def without_waiting(self) -> "WeighedDrift":
        """Return the drift without the objects whose repair waits."""
        return replace(self, drifted=tuple(each for each in self.drifted if each.what not in self.waiting))

    def without(self, refused: Collection[str]) -> "WeighedDrift":
        """Return the drift without the objects that could not be written: a write that fails is no repair."""
        return replace(self, drifted=tuple(each for each in self.drifted if each.what not in refused))

    def holds_back(self, step: Step | None) -> bool:
        """Tell whether a step only repairs objects whose repair waits."""
        return _only_repairs(step) and bool(self.waiting) and all(each.what in self.waiting for each in self.drifted)

    def without_history(self, record: Record) -> Record:
        """Return the record whose step leaves no history, if it only repairs objects in dispute."""
        if record.step is None or not _only_repairs(record.step) or not self.drifted:
            return record
        in_dispute = all(each.what in self.disputed for each in self.drifted)
        return replace(record, step=replace(record.step, events=())) if in_dispute else record


@dataclass(slots=True)
class Disputes:
    """The repairs of all sets, in memory."""

    _repairs: dict[SetRef, dict[str, _Repairs]] = field(default_factory=dict)

    def weigh_drift(self, gathered: Gathered, now: datetime) -> tuple[Gathered, WeighedDrift]:
        """Return which repairs wait, and the observed state in which labels that wait count as right."""
        repairs = self._repairs.get(gathered.observed.ref, {})
        drifted = {each.what: each for each in list_drifted(gathered)}
        waiting, open_disputes, times = set[str](), dict[str, Trouble](), list[datetime]()
        for what, known in repairs.items():
            if each := drifted.get(what):
                known.drift = describe_drift(each, known.by_admission)
                if now < (again := known.next_repair(each)):
                    waiting.add(what)
                    times += [again, known.next_probe()] if known.by_admission else [again]
            if not known.disputed:
                continue
            if what in waiting or now < known.latest + QUIET:
                open_disputes[what] = _trouble(what, known)
            if what not in waiting and now < known.latest + QUIET:
                times.append(known.latest + QUIET)
        weighed = WeighedDrift(
            tuple(drifted.values()),
            frozenset(waiting),
            frozenset(what for what, known in repairs.items() if known.disputed),
            tuple(open_disputes.values()),
            min(times, default=None),
        )
        return _count_as_right(gathered, weighed), weighed

    async def probe(self, client: Client, gathered: Gathered, now: datetime) -> None:
        """Find out by dry runs whether repairs that wait, because admission changes them, would hold now."""
        repairs = self._repairs.get(gathered.observed.ref, {})
        for each in list_drifted(gathered) if repairs else ():
            known = repairs.get(each.what)
            if known is not None and known.by_admission and known.next_probe() <= now < known.next_repair(each):
                known.probed = now
                known.would_hold = await would_hold(client, each.resource, each.wanted, each.seen)

    def record_repairs(self, ref: SetRef, weighed: WeighedDrift, now: datetime) -> None:
        """Record that the drifted objects of a pass were written."""
        if not weighed.drifted:
            return
        repairs = self._repairs.setdefault(ref, {})
        for each in weighed.drifted:
            known = repairs.get(each.what)
            if known is None or now - known.latest > SAME_DISPUTE * (1 + (each.field == "keyring")):
                repairs[each.what] = _Repairs(now, now, drift=describe_drift(each, False))
            else:
                known.latest, known.count = now, known.count + 1
                known.probed, known.would_hold = None, False

    def record_answers(self, gathered: Gathered, weighed: WeighedDrift) -> None:
        """Record which repairs the API server stored otherwise than they were written: admission changed them."""
        if not weighed.drifted:
            return
        repairs = self._repairs[gathered.observed.ref]
        changed = {each.what for each in list_drifted(gathered)}
        for each in weighed.drifted:
            repairs[each.what].by_admission = each.what in changed

    def count_repairs(
        self, ref: SetRef, weighed: WeighedDrift, events: Iterable[RecordedEvent]
    ) -> tuple[AnyEvent, ...]:
        """Return the events, with one that counts in place of each that a dispute repeats."""
        in_dispute = bool(weighed.troubles)
        kept: list[AnyEvent] = [
            event
            for event in events
            if event.event != Reason.OBJECT_DISPUTED and not (in_dispute and event.event == EventReason.OBJECT_REPAIRED)
        ]
        repairs = self._repairs.get(ref, {})
        for trouble in weighed.troubles:
            known = repairs[trouble.about]
            if known.told < known.count:
                known.told = known.count
                recorded = RecordedEvent(trouble.reason, trouble.message)
                kept.append(CountedEvent(recorded, trouble.about, known.first, known.count))
        return tuple(kept)

    def forget_set(self, ref: SetRef) -> None:
        """Forget the repairs of a set."""
        self._repairs.pop(ref, None)


def _only_repairs(step: Step | None) -> bool:
    return step is not None and step.transition is Transition.REPAIR


def without_withheld(gathered: Gathered) -> Gathered:
    """Return the same state with every object to be written: a step repairs whatever it meets."""
    copies = replace(gathered.copies, withheld=frozenset())
    return replace(gathered, copies=copies, former=replace(gathered.former, withheld=frozenset()))


def _trouble(what: str, repairs: _Repairs) -> Trouble:
    return Trouble(Reason.OBJECT_DISPUTED, f"{repairs.drift} after every repair", CURE, about=what)


def _count_as_right(gathered: Gathered, weighed: WeighedDrift) -> Gathered:
    waiting = [each for each in weighed.drifted if each.what in weighed.waiting]
    labels = (each.field for each in waiting if each.field and each.drift is DriftState.RELABELLED)
    right: dict[str, Any] = dict.fromkeys(labels, DriftState.SAME)
    copies = replace(gathered.copies, withheld=frozenset(each.copied_to for each in waiting if each.copied_to))
    observed = replace(gathered.observed, copies=compare_copies(gathered.observed, copies), **right)
    former = replace(gathered.former, withheld=weighed.waiting & gathered.former.seen.keys())
    return replace(gathered, copies=copies, former=former, observed=observed)
