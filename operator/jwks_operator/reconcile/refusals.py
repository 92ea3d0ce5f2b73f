"""The troubles of reads and writes that fail, and the error by which a pass with such writes ends."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace

from jwks_operator.api.names import SetRef, copy_name
from jwks_operator.core.model.record import Record
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.planner.set_troubles import (
    describe_refused_read,
    describe_refused_write,
    describe_remaining_key,
)
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.kube.apply import StepResult
from jwks_operator.kube.client import CONFIGMAPS
from jwks_operator.kube.errors import KubeError, NotLeading, Refused
from jwks_operator.kube.gather import Gathered
from jwks_operator.kube.held_keys import find_held_kids
from jwks_operator.kube.revocation_writes import Refusal
from jwks_operator.reconcile.requeue import Decision

FOREIGN = "it does not belong to this set"


def list_refusal_troubles(
    gathered: Gathered, refusals: tuple[Refusal, ...], revoked: Collection[str]
) -> Iterator[Trouble]:
    """Yield a trouble for each object that could not be written, and that may still hold a key that is revoked."""
    for refusal in refusals:
        kids = find_held_kids(gathered, refusal.about, revoked)
        if kids:
            yield describe_remaining_key(refusal.about, kids, FOREIGN if refusal.error is None else str(refusal.error))
        elif refusal.error is not None:
            yield describe_refused_write(refusal.about, str(refusal.error))


def add_refusal_troubles(decision: Decision, record: Record | None, result: StepResult) -> Decision:
    """Return the decision with the troubles of what a step could not write; `record` is the one to be."""
    if record is None or not result.refusals:
        return decision
    revoked = {key.kid for key in record.keys if key.state is State.COMPROMISED}
    told = tuple(list_refusal_troubles(result.gathered, result.refusals, revoked))
    named = {trouble.about for trouble in told}
    others = (trouble for trouble in decision.plan.troubles if trouble.about not in named)
    return replace(decision, plan=replace(decision.plan, troubles=(*told, *others)))


def list_refused(result: StepResult) -> frozenset[str]:
    """Return the objects that a step could not write, by kind and name; copies with their namespace."""
    gathered = result.gathered
    name = copy_name(gathered.observed.ref, gathered.observed.configmap_name)
    copies = (f"{CONFIGMAPS.kind} {namespace}/{name}" for namespace in gathered.copies.refused)
    return frozenset((*gathered.former.refused, *copies, *(refusal.about for refusal in result.refusals)))


class FailedPasses:
    """Counts the passes in a row that failed, by set: refused writes are reported at once, all else after a few."""

    TRIES = 3

    def __init__(self) -> None:
        self._passes: Counter[SetRef] = Counter()

    def count(self, ref: SetRef, failure: KubeError) -> tuple[Trouble, ...]:
        """Count a failure; return its trouble once it is time to tell it."""
        if isinstance(failure, NotLeading):
            return ()
        self._passes[ref] += 1
        if (failure.on_read or not isinstance(failure, Refused)) and self._passes[ref] < self.TRIES:
            return ()
        describe = describe_refused_read if failure.on_read else describe_refused_write
        return (describe(failure.about or "an object", str(failure)),)

    def forget(self, ref: SetRef) -> None:
        """Start again: a pass succeeded, or the set is gone."""
        self._passes.pop(ref, None)


def raise_unread(decision: Decision) -> None:
    """Raise the first error of a read, if nothing is planned because of it."""
    if decision.plan.record is None:
        for error in decision.gathered.unread.values():
            raise error


def raise_first(refusals: tuple[Refusal, ...]) -> None:
    """Raise the first error, so that the pass is tried again after a growing delay; nothing if there is none."""
    for refusal in refusals:
        if refusal.error is not None and refusal.ends_pass:
            raise refusal.error
