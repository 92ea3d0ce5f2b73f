"""The troubles of writes that fail, and the error by which a pass with such writes ends."""

from collections import Counter
from collections.abc import Iterator

from jwks_operator.api.names import SetRef, keyring_name
from jwks_operator.core.model.record import Record
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.planner.set_troubles import describe_refused_write, describe_remaining_key
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.kube.apply import StepResult
from jwks_operator.kube.errors import KubeError, NotLeading, Refused
from jwks_operator.kube.gather import Gathered
from jwks_operator.kube.held_keys import kids_in_configmap, kids_in_keyring, kids_in_secret

FOREIGN = "it does not belong to this set"


def list_refusal_troubles(result: StepResult, record: Record) -> Iterator[Trouble]:
    """Yield a trouble for each object that could not be written; `record` is the one to be."""
    revoked = frozenset(key.kid for key in record.keys if key.state is State.COMPROMISED)
    for refusal in result.refusals:
        kids = _held(result.gathered, refusal.about, revoked)
        if kids:
            yield describe_remaining_key(refusal.about, kids, FOREIGN if refusal.error is None else str(refusal.error))
        elif refusal.error is not None:
            yield describe_refused_write(refusal.about, str(refusal.error))


class FailedWrites:
    """Counts the passes in a row whose writes failed, by set: a refusal is told at once, all else after a few tries."""

    TRIES = 3

    def __init__(self) -> None:
        self._passes: Counter[SetRef] = Counter()

    def count(self, ref: SetRef, failure: KubeError) -> tuple[Trouble, ...]:
        """Count a failure; return its trouble once it is time to tell it."""
        if isinstance(failure, NotLeading):
            return ()
        self._passes[ref] += 1
        if not isinstance(failure, Refused) and self._passes[ref] < self.TRIES:
            return ()
        return (describe_refused_write(failure.about or "an object", str(failure)),)

    def forget(self, ref: SetRef) -> None:
        """Start again: the writes of a pass succeeded, or the set is gone."""
        self._passes.pop(ref, None)


def raise_first(result: StepResult) -> None:
    """Raise the first error, so that the pass is tried again after a growing delay; nothing if there is none."""
    for refusal in result.refusals:
        if refusal.error is not None:
            raise refusal.error


def _held(gathered: Gathered, about: str, revoked: frozenset[str]) -> frozenset[str]:
    """Return which of these keys the object of this name holds."""
    world, seen = gathered.world, gathered.seen
    if about == f"Secret {keyring_name(world.ref.name)}":
        return kids_in_keyring(seen.keyring, revoked)
    if about == f"ConfigMap {world.configmap_name}":
        return kids_in_configmap(seen.configmap) & revoked
    return kids_in_secret(seen.secret) & revoked
