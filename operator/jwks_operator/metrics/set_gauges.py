"""Set gauges: one small view for each set from its last pass, and the gauges over all of them.

Counts are updated with each view; minima are computed at a scrape, in one walk over the views. A reason for attention
is kept with the time of its start, so that an alert can wait.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Final

from jwks_operator.api.names import SetRef
from jwks_operator.api.reasons import ConditionType, Reason
from jwks_operator.core.timing.formulas import LONG_AGO
from jwks_operator.core.transitions.transition_table import Hold, Transition, is_held_by
from jwks_operator.metrics import catalog
from jwks_operator.metrics.catalog import Family
from jwks_operator.metrics.interning import InternPool
from jwks_operator.reconcile.observer import ReconcileSnapshot

GRACE: Final = 60.0
"""Seconds that an unfinished step, an overdue transition or failing passes may last before they count."""

NAMED: Final = 100
"""The most sets with series of their own, so that ten thousand failing sets are not ten thousand series."""

STEP_UNFINISHED: Final = "StepUnfinished"
OVERDUE: Final = "TransitionOverdue"
PASSES_FAIL: Final = "PassesFail"

_CALM = frozenset[str]({Reason.KEYS_IN_USE, Reason.PROGRESSING, Reason.WAITING_FOR_LEAD})
"""Reasons of Ready under which a set needs no attention."""

Labels = tuple[str, ...]
Samples = tuple[Family, list[tuple[Labels, float]]]


@dataclass(frozen=True, slots=True)
class _View:
    """The view of one set; equal tuples are interned."""

    keys: tuple[tuple[Labels, int], ...]
    conditions: tuple[Labels, ...]
    in_use_since: float | None
    lagging: int
    unseen: int
    action: str | None = None
    due: float = 0.0


@dataclass(slots=True)
class _Trouble:
    """Since when a set needs attention, by reason."""

    reasons: dict[str, float] = field(default_factory=dict)
    failing: float | None = None


class SetGauges:
    """The views of all sets. Times are Unix times; `gauges` takes the present one."""

    def __init__(self) -> None:
        self._views: dict[SetRef, _View] = {}
        self._keys: Counter[Labels] = Counter()
        self._conditions: Counter[Labels] = Counter()
        self._troubles: dict[SetRef, _Trouble] = {}
        self._steps: dict[SetRef, tuple[Transition, float]] = {}
        self._same_keys = InternPool(lambda: (view.keys for view in self._views.values()))
        self._same_conditions = InternPool(lambda: (view.conditions for view in self._views.values()))

    def show_status(self, ref: SetRef, snapshot: ReconcileSnapshot) -> None:
        """Update the view of a set after a pass."""
        before = self._views.get(ref)
        view = self._view(snapshot, before)
        self._count(before, -1)
        self._count(view, 1)
        self._views[ref] = view
        self._take_troubles(ref, _reasons(snapshot), _since(snapshot, first=before is None))
        step = None if snapshot.record is None else snapshot.record.step
        if step is None:
            self._steps.pop(ref, None)
        else:
            self.begin_step(ref, step.transition, snapshot.now)

    def begin_step(self, ref: SetRef, transition: Transition, now: datetime) -> None:
        """Record that a step is unfinished, since its first observation."""
        known = self._steps.get(ref)
        self._steps[ref] = (transition, now.timestamp() if known is None else known[1])

    def end_step(self, ref: SetRef) -> None:
        """Record that the step is confirmed."""
        self._steps.pop(ref, None)

    def fail_pass(self, ref: SetRef, now: datetime) -> None:
        """Record that a pass failed."""
        trouble = self._troubles.setdefault(ref, _Trouble())
        if trouble.failing is None:
            trouble.failing = now.timestamp()

    def complete_pass(self, ref: SetRef) -> None:
        """Record that a pass succeeded."""
        trouble = self._troubles.get(ref)
        if trouble is not None:
            trouble.failing = None
            self._drop_if_calm(ref, trouble)

    def find_failing_sets(self, now: float) -> dict[SetRef, float]:
        """Return the sets whose passes fail for a minute or more, and since when."""
        since = {ref: trouble.failing for ref, trouble in self._troubles.items()}
        return {ref: begun for ref, begun in since.items() if begun is not None and begun + GRACE <= now}

    def forget_set(self, ref: SetRef) -> None:
        """Remove the view of a deleted set."""
        self._count(self._views.pop(ref, None), -1)
        self._steps.pop(ref, None)
        trouble = self._troubles.get(ref)
        if trouble is not None:
            trouble.reasons.clear()
            self._drop_if_calm(ref, trouble)

    def gauges(self, now: float) -> Iterator[Samples]:
        """Yield the families of sets with their present values."""
        yield catalog.SETS, [((), float(len(self._views)))]
        yield catalog.CONDITIONS, _counted(self._conditions)
        yield catalog.KEYS, _counted(self._keys)
        nearest, late, oldest = self._walk(now)
        yield catalog.NEXT, [((action,), due) for action, due in sorted(nearest.items())]
        yield catalog.OLDEST_ACTIVE, _known(oldest)
        yield from self._unfinished()
        yield catalog.OVERDUE, _counted(Counter((view.action or "",) for _, view in late))
        yield catalog.OVERDUE_SINCE, _known(min((view.due for _, view in late), default=None))
        yield from self._attention(now, late)
        yield catalog.LAGGING, [((), float(sum(view.lagging for view in self._views.values())))]
        yield catalog.UNSEEN, [((), float(sum(view.unseen for view in self._views.values())))]

    def _walk(self, now: float) -> tuple[dict[str, float], list[tuple[SetRef, _View]], float | None]:
        """Return the next transition of each action, the overdue sets, and the oldest active key."""
        nearest: dict[str, float] = {}
        late = []
        oldest = None
        for ref, view in self._views.items():
            if view.in_use_since is not None and (oldest is None or view.in_use_since < oldest):
                oldest = view.in_use_since
            if view.action is not None:
                if view.due < nearest.get(view.action, float("inf")):
                    nearest[view.action] = view.due
                if view.due + GRACE <= now:
                    late.append((ref, view))
        return nearest, late, oldest

    def _unfinished(self) -> Iterator[Samples]:
        kinds: Counter[Labels] = Counter((kind.value,) for kind, _ in self._steps.values())
        yield catalog.UNFINISHED, _counted(kinds)
        yield catalog.UNFINISHED_SINCE, _known(min((since for _, since in self._steps.values()), default=None))

    def _attention(self, now: float, late: Iterable[tuple[SetRef, _View]]) -> Iterator[Samples]:
        found = [
            (ref, reason, since) for ref, trouble in self._troubles.items() for reason, since in _reasons_of(trouble)
        ]
        found += [(ref, STEP_UNFINISHED, since) for ref, (_, since) in self._steps.items()]
        found = [each for each in found if each[1] not in {STEP_UNFINISHED, PASSES_FAIL} or each[2] + GRACE <= now]
        found += [(ref, OVERDUE, view.due) for ref, view in late]
        yield catalog.ATTENTION, _counted(Counter((reason,) for _, reason, _ in found))
        longest = sorted(found, key=itemgetter(2, 0, 1))
        named = set(list(dict.fromkeys(ref for ref, _, _ in longest))[:NAMED])
        yield catalog.ATTENTION_SINCE, [((str(ref), reason), since) for ref, reason, since in longest if ref in named]

    def _view(self, snapshot: ReconcileSnapshot, before: _View | None) -> _View:
        status = snapshot.status
        keys = Counter((key.state.value, key.algorithm) for key in status.keys)
        used = [key.in_use_since.timestamp() for key in status.keys if key.in_use_since and key.state == "Active"]
        view = _View(
            self._same_keys.same(tuple(sorted(keys.items()))),
            self._same_conditions.same(tuple((c.type, c.status, c.reason) for c in status.conditions)),
            min(used, default=None),
            len({pod for lag in snapshot.plan.waiting for pod in lag.pods}),
            len({url for lag in snapshot.plan.unseen if lag.late for url in lag.urls}),
        )
        suspended = snapshot.record is not None and snapshot.record.policy.suspend
        move = next(
            (m for m in snapshot.plan.candidates if not (suspended and is_held_by(m.transition, Hold.SUSPEND))), None
        )
        if move is None:
            return view
        due = snapshot.now.timestamp()
        if move.time > LONG_AGO:
            due = move.time.timestamp()
        elif before is not None and before.action == move.transition:
            due = min(due, before.due)
        return replace(view, action=move.transition.value, due=due)

    def _count(self, view: _View | None, by: int) -> None:
        if view is None:
            return
        for labels, number in view.keys:
            _add(self._keys, labels, by * number)
        for labels in view.conditions:
            _add(self._conditions, labels, by)

    def _take_troubles(self, ref: SetRef, reasons: Iterable[str], since: float) -> None:
        trouble = self._troubles.get(ref) or _Trouble()
        trouble.reasons = {reason: trouble.reasons.get(reason, since) for reason in reasons}
        self._troubles[ref] = trouble
        self._drop_if_calm(ref, trouble)

    def _drop_if_calm(self, ref: SetRef, trouble: _Trouble) -> None:
        if not trouble.reasons and trouble.failing is None:
            self._troubles.pop(ref, None)


def _reasons(snapshot: ReconcileSnapshot) -> Iterator[str]:
    """Return why a set needs attention, by its conditions and troubles."""
    for trouble in snapshot.plan.troubles:
        yield trouble.reason.value
    for condition in snapshot.status.conditions:
        if condition.type == ConditionType.READY and condition.status != "True" and condition.reason not in _CALM:
            yield condition.reason


def _since(snapshot: ReconcileSnapshot, *, first: bool) -> float:
    """Return since when a new trouble counts: for a set in its first pass, since the time in its status."""
    degraded = [c for c in snapshot.status.conditions if c.type == ConditionType.DEGRADED and c.status == "True"]
    if first and degraded:
        return degraded[0].last_transition_time.timestamp()
    return snapshot.now.timestamp()


def _reasons_of(trouble: _Trouble) -> Iterator[tuple[str, float]]:
    yield from trouble.reasons.items()
    if trouble.failing is not None:
        yield PASSES_FAIL, trouble.failing


def _counted(counts: Mapping[Labels, int]) -> list[tuple[Labels, float]]:
    return [(labels, float(number)) for labels, number in sorted(counts.items())]


def _known(value: float | None) -> list[tuple[Labels, float]]:
    return [] if value is None else [((), value)]


def _add(counts: Counter[Labels], labels: Labels, number: int) -> None:
    counts[labels] += number
    if not counts[labels]:
        del counts[labels]
