"""Decides after which steps the kubelets of pods that mount the objects of a set are made to write them at once.

A kubelet writes a changed object into the volumes of a pod when it synchronizes that pod, which takes a minute or more.
Waits count with that (`timing.propagation`), so that a scheduled step need not be faster. A revoked key, and a key that
is used before its lead has passed, do harm for as long as pods do not know of it.
"""

from jwks_operator.api.spec import PodRefresh
from jwks_operator.core.model.record import Record
from jwks_operator.core.planner.causes import Cause
from jwks_operator.core.transitions.transition_table import State, Transition


def must_refresh_pods(record: Record) -> bool:
    """Tell whether the effects of the unfinished step of a record have to reach mounted files at once."""
    step = record.step
    if step is None or step.transition is Transition.BOOTSTRAP:
        return False
    revoking = any(key.state is State.COMPROMISED for key in record.keys)
    early = bool(step.immediate) or any(event.reason == Cause.EMERGENCY for event in step.events)
    return revoking or early or record.policy.pod_refresh is PodRefresh.ALWAYS
