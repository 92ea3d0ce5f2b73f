"""What is revoked of a set that has no record, and the decision once its objects have given that up."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from jwks_operator.api.reasons import EventReason
from jwks_operator.api.status_model import KeyState
from jwks_operator.core.model.record import RecordedEvent
from jwks_operator.core.planner.requests import read_requests
from jwks_operator.kube.client import Client
from jwks_operator.kube.gather import refresh_comparisons
from jwks_operator.kube.held_keys import find_held_kids
from jwks_operator.kube.key_withdrawal import withdraw_keys
from jwks_operator.kube.revocation_writes import Refusal
from jwks_operator.reconcile.refusals import list_refusal_troubles
from jwks_operator.reconcile.requeue import Decision
from jwks_operator.reconcile.written_mounts import RefreshPods, refresh_written


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The decision with what is left, the Events of what was taken out, and the objects that could not be written."""

    decision: Decision
    events: tuple[RecordedEvent, ...] = ()
    refusals: tuple[Refusal, ...] = ()


async def withdraw_revoked(client: Client, decision: Decision, refresh_pods: RefreshPods) -> Withdrawn:
    """Take the keys that spec or annotation revoke out of the objects of a set without a record; raises NotLeading."""
    gathered = decision.gathered
    kids = frozenset(_list_kids(decision))
    if gathered.observed.record is not None or not kids:
        return Withdrawn(decision)
    found = await withdraw_keys(client, gathered, kids)
    troubles = tuple(list_refusal_troubles(gathered, found.refusals, kids))
    remaining = {kid for each in found.refusals for kid in find_held_kids(gathered, each.about, kids)}
    keys = tuple(
        key.model_copy(update={"state": KeyState.COMPROMISED}) if key.kid in kids - remaining else key
        for key in gathered.status.keys
    )
    shown = gathered.status.active_kid
    gone = shown is not None and any(kid.startswith(shown) for kid in kids - remaining)
    status = gathered.status.model_copy(update={"keys": keys, "active_kid": None if gone else shown})
    after = refresh_comparisons(replace(found.gathered, status=status))
    if found.taken:
        refresh_written(refresh_pods, gathered, after)
    plan = replace(decision.plan, troubles=(*troubles, *decision.plan.troubles))
    told = (RecordedEvent(EventReason.KEY_WITHDRAWN, " and ".join(names), kid) for kid, names in found.taken.items())
    return Withdrawn(replace(decision, gathered=after, plan=plan), tuple(told), found.refusals)


def _list_kids(decision: Decision) -> Iterator[str]:
    """Yield what is revoked by kid, and by age as far as the status tells when a key was made."""
    observed, now = decision.gathered.observed, decision.reading.now
    yield from read_requests(observed.annotations, frozenset()).revoked
    for item in observed.safety_fields.revoked:
        if item.kid is not None:
            yield item.kid
        if item.created_before is not None and item.created_before <= now:
            keys = decision.gathered.status.keys
            yield from (key.kid for key in keys if key.created is not None and key.created < item.created_before)
