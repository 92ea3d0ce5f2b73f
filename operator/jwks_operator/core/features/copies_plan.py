"""Copies of the published set in other namespaces: what they prove, and what stands in their way.

A copy is another place where verifiers find the set, so a key counts as published only when every copy has it: a step
is not confirmed while one cannot be written. A copy made later adds no wait, because nobody could have cached it. One
that was edited so that it lacks a published key takes that key's confirmation back, as an edited ConfigMap does.
"""

from collections.abc import Iterator
from dataclasses import replace

from jwks_operator.api.names import consent_label, copy_name
from jwks_operator.api.reasons import EventReason, Reason
from jwks_operator.core.model.observed_state import Copy, DriftState, ObservedState
from jwks_operator.core.model.record import KeyRecord, Record, RecordedEvent
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.algorithms import KeyClass

NAMED = 3
"""So many namespaces are told with their trouble; of the others their number."""


def reset_doubted_copies(observed: ObservedState, record: Record) -> tuple[Record, tuple[RecordedEvent, ...]]:
    """Return the record without the confirmations that edited copies deny, and an event for each of those copies."""
    edited = tuple(copy for copy in observed.copies if copy.drift is DriftState.DIFFERS)
    changed = [after for key in record.keys for after in (_doubted(key, edited),) if after != key]
    guilty = (copy for copy in edited if any(_denied(key, copy) for key in record.keys))
    told = tuple(RecordedEvent(EventReason.OBJECT_REPAIRED, describe_edited_copy(copy.namespace)) for copy in guilty)
    return (record.with_keys(*changed), told) if changed else (record, ())


def describe_edited_copy(namespace: str) -> str:
    """Return the words for a copy that differs although nothing changed."""
    return f"the copy in namespace {namespace} was edited"


def list_copy_troubles(observed: ObservedState, record: Record) -> Iterator[Trouble]:
    """Yield what a person has to know of the copies of a set."""
    if record.policy.publish.namespaces is not None and not observed.everywhere:
        yield Trouble(
            Reason.COPIES_UNSUPPORTED,
            "spec.publish.namespaces needs an operator that watches all namespaces, but this one runs with --namespace",
            "remove the field, or run the operator for the whole cluster",
        )
        return
    if observed.copies_complaint:
        yield Trouble(
            Reason.COPY_REFUSED,
            f"it cannot be told which namespaces are to have a copy: {observed.copies_complaint}",
        )
    yield from _named(tuple(_of_one(observed, copy) for copy in observed.copies if copy.drift is DriftState.FOREIGN))
    yield from _named(tuple(_of_one(observed, copy) for copy in observed.copies if copy.refused))


def _of_one(observed: ObservedState, copy: Copy) -> Trouble:
    name = copy_name(observed.ref, observed.configmap_name)
    consent = f"withdraw the label {consent_label(observed.ref.namespace)} from the namespace"
    if copy.drift is DriftState.FOREIGN:
        what = f"ConfigMap {copy.namespace}/{name} exists and is not a copy of this set"
        return Trouble(Reason.COPY_CONFLICT, what, f"remove it, or {consent}", about=copy.namespace)
    if copy.leaves:
        what = f"the copy in namespace {copy.namespace}, which is to have none any more, cannot be removed"
        return Trouble(Reason.COPY_REFUSED, f"{what}: {copy.refused}", about=copy.namespace)
    what = f"the copy in namespace {copy.namespace} was refused: {copy.refused}"
    cure = f"no step is confirmed until it can be written; allow it, or {consent}"
    return Trouble(Reason.COPY_REFUSED, what, cure, about=copy.namespace)


def _named(found: tuple[Trouble, ...]) -> Iterator[Trouble]:
    yield from found[:NAMED]
    if len(found) > NAMED:
        yield Trouble(found[0].reason, f"so it is in {len(found) - NAMED} more namespaces", about="others")


def _doubted(key: KeyRecord, edited: tuple[Copy, ...]) -> KeyRecord:
    if not any(_denied(key, copy) for copy in edited):
        return key
    if key.key_class is KeyClass.ENCRYPTION:
        return replace(key, retired=None, unserved=None, urls={})
    return replace(key, published=None)


def _denied(key: KeyRecord, copy: Copy) -> bool:
    """Whether a copy lacks a key that waits for everybody to have it, or shows one that nobody is to use."""
    if copy.drift is not DriftState.DIFFERS:
        return False
    if key.key_class is KeyClass.ENCRYPTION:
        return key.state is State.RETIRED and key.kid in copy.extra
    signs = key.key_class is KeyClass.SIGNATURE and key.state in {State.PENDING, State.RETIRED}
    return signs and key.kid in copy.missing
