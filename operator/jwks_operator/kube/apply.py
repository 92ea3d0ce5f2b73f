"""Executes a step: intent → effects → confirmation. Every write is fenced by the resourceVersion that was read.

1. Intent: write the planned record (POST for a new keyring, else PUT).
2. Effects: write the ConfigMap and the consumer Secret where they differ, in the order of the step. Then write the
   objects under former names and the copies of the ConfigMap in other namespaces; if one of these is refused, the
   objects of the set are not blocked. Then restart the
   workloads of `spec.secret.restart`, if a restart is pending; a failed restart is retried and blocks nothing.
3. Confirmation: after the API server has confirmed every effect, read the clock and write that time into the record.

An error ends the step; the next pass reads the intent and continues. A step that revokes keys goes on at every error
(`revocation_writes.py`), and what was refused is part of its result.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from jwks_operator.api.names import LABEL_ALLOW_SET
from jwks_operator.api.reasons import EventReason
from jwks_operator.api.status_model import JsonWebKeySetStatus
from jwks_operator.core.features.other_operators import note_writer
from jwks_operator.core.model.key_states import confirm_step
from jwks_operator.core.model.record import Record, RecordedEvent
from jwks_operator.core.outputs.projections import Effect, effect_order, without_unknown_keys
from jwks_operator.core.transitions.transition_table import Owned
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Client
from jwks_operator.kube.copies import find_copies, has_pending_writes, namespace_query, write_copies
from jwks_operator.kube.effects import ObjectWriter, check_record
from jwks_operator.kube.errors import KubeError, NotLeading, Refused
from jwks_operator.kube.former_objects import Projector, delete_former, write_former
from jwks_operator.kube.gather import Gathered, ObservedObjects, refresh_comparisons, with_status
from jwks_operator.kube.revocation_writes import Refusal, Writes, is_revoking, write_revocation
from jwks_operator.kube.workloads import NOT_RESTARTED, RestartResult, restart_workloads

ConfirmationTime = Callable[[], datetime | None]
"""Returns the time of a confirmed effect (UTC); None while the clock is not trusted."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """Result of a step: the observed state after it, and the events that really happened.

    If `confirmed` is false the step stays unfinished: the clock was not trusted or an object could not be written.
    """

    gathered: Gathered
    events: tuple[RecordedEvent, ...]
    confirmed: bool = True
    restart: RestartResult = NOT_RESTARTED
    """Result of the pending workload restart. A failed restart never blocks the step."""
    refusals: tuple[Refusal, ...] = ()
    """The objects that a revocation could not write; some of them may still hold a revoked key."""
    shown: Record | None = None
    """The record that the objects follow, if that is not the one that is stored."""


async def execute_step(client: Client, gathered: Gathered, record: Record, read_time: ConfirmationTime) -> StepResult:
    """Write the record and its projections; raises KubeError at the first write that fails, unless it revokes keys."""
    if is_revoking(record):
        written = await write_revocation(client, gathered, record)
        if written.refusals:
            return await _leave_unfinished(client, written)
        gathered, made_again = written.gathered, written.events
    else:
        gathered, made_again = await _write_objects(client, gathered, record)
        gathered = await _write_former(client, gathered, record)
    record = gathered.observed.record or record
    copied = await _write_copies(client, gathered, record)
    gathered, events = copied.gathered, (*made_again, *copied.events)
    restarted = await restart_workloads(client, gathered.observed.ref, record)
    events = (*events, *_restart_events(restarted, record))
    if not restarted.failed:
        record = replace(record, restart="")
    if record.step is None:
        return StepResult(refresh_comparisons(await _write_record(client, gathered, record)), events, restart=restarted)
    confirmed = read_time() if gathered.copies.complete and not copied.refusals else None
    if confirmed is None:
        return StepResult(refresh_comparisons(gathered), events, False, restarted, copied.refusals)
    final = note_writer(_with_uids(confirm_step(record, confirmed), gathered.seen), client.name(), confirmed)
    gathered = await _write_record(client, gathered, final)
    return StepResult(refresh_comparisons(gathered), (*record.step.events, *events), restart=restarted)


async def _write_objects(
    client: Client, gathered: Gathered, record: Record
) -> tuple[Gathered, tuple[RecordedEvent, ...]]:
    """Write keyring, ConfigMap and consumer Secret in the order of the step; raises KubeError at the first failure."""
    writer, read = ObjectWriter(client, gathered), gathered.seen.keyring
    await writer.write_record(record)
    if writer.gathered.seen.keyring is read:
        await check_record(client, writer.gathered)
    for effect in effect_order(record):
        if effect is not Effect.PRIVATE_AHEAD:
            await writer.write_projection(record, effect)
        elif not writer.is_written(record, Effect.PUBLIC):
            await writer.write_projection(without_unknown_keys(record, {Owned.PRIVATE}), effect)
    return writer.gathered, tuple(writer.events)


async def _leave_unfinished(client: Client, written: Writes) -> StepResult:
    """Write the copies and, if the record is stored, restart what reads the keys; the step stays unfinished."""
    gathered, refusals = written.gathered, written.refusals
    stored = gathered.observed.record
    shown = replace(gathered, observed=replace(gathered.observed, record=written.shown))
    events, restarted = written.events, NOT_RESTARTED
    copied = await _write_copies(client, shown, written.shown)
    gathered, events = replace(gathered, copies=copied.gathered.copies), (*events, *copied.events)
    refusals = (*refusals, *copied.refusals)
    if stored is not None and stored == written.shown:
        restarted = await restart_workloads(client, gathered.observed.ref, stored)
        events = (*events, *_restart_events(restarted, stored))
    shown_instead = None if stored == written.shown else written.shown
    return StepResult(refresh_comparisons(gathered), events, False, restarted, refusals, shown_instead)


async def _write_copies(client: Client, gathered: Gathered, record: Record) -> StepResult:
    """Write the copies of a step; those that keep a revoked key because they cannot be written are part of the result.

    Raises KubeError unless the step revokes keys.
    """
    try:
        copied = await apply_copies(client, gathered)
    except KubeError as error:
        if isinstance(error, NotLeading) or not is_revoking(record):
            raise
        return StepResult(gathered, (), refusals=(Refusal("a copy of the ConfigMap", error),))
    if not is_revoking(record):
        return copied
    copies = copied.gathered.copies
    named = ((about, each["metadata"]["namespace"]) for about, each in copies.existing(gathered.observed.ref).items())
    refused = ((about, copies.refused[namespace]) for about, namespace in named if namespace in copies.refused)
    remaining = tuple(Refusal(about, Refused(why), ends_pass=False) for about, why in refused)
    return replace(copied, refusals=remaining)


def _restart_events(restarted: RestartResult, record: Record) -> tuple[RecordedEvent, ...]:
    """Return what the pending workload restart did; an Event reports a restart without a consenting workload."""
    if record.restart and not restarted.consenting and not restarted.failed:
        what = f"label what is to restart with {LABEL_ALLOW_SET}: {record.set_name}"
        return (RecordedEvent(EventReason.NOTHING_RESTARTED, f"no workload that was asked for consents; {what}"),)
    return tuple(RecordedEvent(EventReason.WORKLOAD_RESTARTED, str(each)) for each in restarted.asked)


async def rename_objects(client: Client, gathered: Gathered, record: Record) -> None:
    """Write a record that names the objects of the set otherwise; they have to be read before anything else."""
    await _write_record(client, gathered, record)


async def apply_former(client: Client, gathered: Gathered, unneeded: Collection[str]) -> Gathered:
    """Repair the objects under former names, and delete those that nothing depends on; raises KubeError."""
    record, former = gathered.observed.record, gathered.former
    if record is None or not former.seen:
        return gathered
    projector = Projector(gathered.observed, gathered.private_keys)
    drifted = (what for what, thing in former.seen.items() if projector.differs(record, what, thing))
    if not {*unneeded, *drifted} - former.refused.keys() - former.withheld:
        return gathered
    await check_record(client, gathered)
    return refresh_comparisons(await _write_former(client, gathered, record, unneeded))


async def apply_copies(client: Client, gathered: Gathered, *, repairs: bool = False) -> StepResult:
    """Write the copies in other namespaces. A refused copy is part of the result; other errors raise KubeError.

    With `repairs` a copy that differs was edited by another client.
    """
    observed, record, copies = gathered.observed, gathered.observed.record, gathered.copies
    if record is None or not observed.everywhere:
        return StepResult(gathered, ())
    query = namespace_query(record.policy, observed.written)
    if query != copies.query:
        copies = await find_copies(client, observed.ref, observed.configmap_name, query)
    if query != gathered.copies.query or (repairs and has_pending_writes(observed, copies)):
        await check_record(client, gathered)
    copies, events = await write_copies(client, observed, record, copies, repairs=repairs)
    if copies == gathered.copies:
        return StepResult(gathered, ())
    return StepResult(refresh_comparisons(replace(gathered, copies=copies)), events)


async def write_status(client: Client, gathered: Gathered, status: JsonWebKeySetStatus) -> Gathered:
    """Write the status of a set that exists, if it differs from the stored one; raises KubeError."""
    the_set = gathered.seen.the_set
    if the_set is None:
        return gathered
    said = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    if said == the_set.get("status"):
        return gathered
    meta = the_set["metadata"]
    body = {
        "metadata": {name: meta[name] for name in ("name", "namespace", "uid", "resourceVersion")},
        "status": said,
    }
    written = await client.apply_status(body)
    return with_status(replace(gathered, seen=replace(gathered.seen, the_set=written)))


async def delete_objects(client: Client, gathered: Gathered, seen: ObservedObjects) -> None:
    """Delete the objects of a deleted set, the record last, so that an interrupted removal can continue."""
    for resource, thing in ((SECRETS, seen.secret), (CONFIGMAPS, seen.configmap)):
        if thing is not None:
            await client.delete(resource, thing)
    await delete_former(client, gathered.former)
    if seen.keyring is not None:
        await client.delete(SECRETS, seen.keyring)


async def _write_former(client: Client, gathered: Gathered, record: Record, unneeded: Collection[str] = ()) -> Gathered:
    projector = Projector(gathered.observed, gathered.private_keys)
    return replace(gathered, former=await write_former(client, gathered.former, projector, record, unneeded))


async def _write_record(client: Client, gathered: Gathered, record: Record) -> Gathered:
    writer = ObjectWriter(client, gathered)
    await writer.write_record(record)
    return writer.gathered


def _with_uids(record: Record, seen: ObservedObjects) -> Record:
    found = {"configMap": seen.configmap, "secret": seen.secret}
    uids = {name: str(thing["metadata"]["uid"]) for name, thing in found.items() if thing is not None}
    uid = record.uid if seen.keyring is None else str(seen.keyring["metadata"]["uid"])
    return replace(record, uid=uid, objects=uids)
