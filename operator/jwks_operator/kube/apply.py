"""Executes a step: intent → effects → confirmation. Every write is fenced by the resourceVersion that was read.

1. Intent: write the planned record (POST for a new keyring, else PUT).
2. Effects: write the ConfigMap and the consumer Secret where they differ, in the order of the step. Then write the
   copies of the ConfigMap in other namespaces; a refused copy never blocks the objects of the set. Then restart the
   workloads of `spec.secret.restart`, if a restart is pending; a failed restart is retried and blocks nothing.
3. Confirmation: after the API server has confirmed every effect, read the clock and write that time into the record.

A write that would change nothing is not sent. An error ends the step; the next pass reads the intent and continues.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from jwks_operator.api.names import LABEL_ALLOW_SET, keyring_name
from jwks_operator.api.reasons import EventReason
from jwks_operator.api.status_model import JsonWebKeySetStatus
from jwks_operator.core.model.key_states import confirm_step
from jwks_operator.core.model.record import Happening, Record
from jwks_operator.core.outputs.projections import Effect, effect_order, without_unknown_keys
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Client, Object, Resource
from jwks_operator.kube.copies import find_copies, has_pending_writes, namespace_query, write_copies
from jwks_operator.kube.errors import Conflict
from jwks_operator.kube.gather import Gathered, ObservedObjects, refresh_comparisons, with_status
from jwks_operator.kube.keyring import keyring_object
from jwks_operator.kube.objects import configmap_object, replacement_body, secret_object
from jwks_operator.kube.workloads import NOT_RESTARTED, RestartResult, restart_workloads

ConfirmationTime = Callable[[], datetime | None]
"""Returns the time of a confirmed effect (UTC); None while the clock is not trusted."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """Result of a step: the observed state after it, and the events that really happened.

    If `confirmed` is false the step stays unfinished: the clock was not trusted or a copy could not be written.
    """

    gathered: Gathered
    happenings: tuple[Happening, ...]
    confirmed: bool = True
    restart: RestartResult = NOT_RESTARTED
    """Result of the pending workload restart. A failed restart never blocks the step."""


async def execute_step(client: Client, gathered: Gathered, record: Record, read_time: ConfirmationTime) -> StepResult:
    """Write the record and its projections; raises KubeError at the first write that fails."""
    read = gathered.seen.keyring
    gathered = await _write_record(client, gathered, record)
    if gathered.seen.keyring is read:
        await check_record(client, gathered)
    for effect in effect_order(record):
        gathered = await _write_projection(client, gathered, record, effect)
    copied = await apply_copies(client, gathered)
    gathered, events = copied.gathered, copied.happenings
    restarted = await restart_workloads(client, gathered.world.ref, record)
    events = (*events, *_restart_events(restarted, record))
    if not restarted.failed:
        record = replace(record, restart="")
    if record.step is None:
        return StepResult(refresh_comparisons(await _write_record(client, gathered, record)), events, restart=restarted)
    confirmed = read_time() if gathered.copies.complete else None
    if confirmed is None:
        return StepResult(refresh_comparisons(gathered), events, confirmed=False, restart=restarted)
    final = _with_uids(confirm_step(record, confirmed), gathered.seen)
    gathered = await _write_record(client, gathered, final)
    return StepResult(refresh_comparisons(gathered), (*record.step.happenings, *events), restart=restarted)


def _restart_events(restarted: RestartResult, record: Record) -> tuple[Happening, ...]:
    """Return what the pending workload restart did; an Event reports a restart without a consenting workload."""
    if record.restart and not restarted.consenting and not restarted.failed:
        what = f"label what is to restart with {LABEL_ALLOW_SET}: {record.set_name}"
        return (Happening(EventReason.NOTHING_RESTARTED, f"no workload that was asked for consents; {what}"),)
    return tuple(Happening(EventReason.WORKLOAD_RESTARTED, str(each)) for each in restarted.asked)


async def apply_copies(client: Client, gathered: Gathered, *, repairs: bool = False) -> StepResult:
    """Write the copies in other namespaces. A refused copy is part of the result; other errors raise KubeError.

    With `repairs` a copy that differs was edited by another client.
    """
    world, record, copies = gathered.world, gathered.world.record, gathered.copies
    if record is None or not world.everywhere:
        return StepResult(gathered, ())
    query = namespace_query(record.policy, world.written)
    if query != copies.query:
        copies = await find_copies(client, world.ref, world.configmap_name, query)
    if query != gathered.copies.query or (repairs and has_pending_writes(world, copies)):
        await check_record(client, gathered)
    copies, events = await write_copies(client, world, record, copies, repairs=repairs)
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


async def delete_objects(client: Client, seen: ObservedObjects) -> None:
    """Delete the objects of a deleted set, the record last, so that an interrupted removal can continue."""
    for resource, thing in ((SECRETS, seen.secret), (CONFIGMAPS, seen.configmap), (SECRETS, seen.keyring)):
        if thing is not None:
            await client.delete(resource, thing)


async def check_record(client: Client, gathered: Gathered) -> None:
    """Raise Conflict unless the record is still the one that was read: another replica may have continued from it.

    Needed where a pass writes another object before the record; else the fence of the record's own write suffices
    (docs/adr/0025).
    """
    ref, seen = gathered.world.ref, gathered.seen.keyring
    now = await client.read(SECRETS, ref.namespace, keyring_name(ref.name))
    if _version(now) != _version(seen):
        raise Conflict(f"the keyring of {ref} was changed by another client meanwhile; the next pass reads it again")


def _version(thing: Object | None) -> tuple[str, str] | None:
    return None if thing is None else (thing["metadata"]["uid"], thing["metadata"]["resourceVersion"])


async def _write_record(client: Client, gathered: Gathered, record: Record) -> Gathered:
    wanted = keyring_object(gathered.world.ref, record, gathered.private_keys, gathered.world.shard)
    written = await _write(client, SECRETS, wanted, gathered.seen.keyring)
    world = replace(gathered.world, record=record)
    return replace(gathered, seen=replace(gathered.seen, keyring=written), world=world)


async def _write_projection(client: Client, gathered: Gathered, record: Record, effect: Effect) -> Gathered:
    ref, seen, shard = gathered.world.ref, gathered.seen, gathered.world.shard
    if effect is Effect.PRIVATE_AHEAD:
        if (
            seen.configmap is not None
            and replacement_body(configmap_object(ref, record, shard), seen.configmap) is None
        ):
            return gathered
        record = without_unknown_keys(record)
    if effect is Effect.PUBLIC:
        configmap = await _write(client, CONFIGMAPS, configmap_object(ref, record, shard), seen.configmap)
        return replace(gathered, seen=replace(seen, configmap=configmap))
    secret = await _write(client, SECRETS, secret_object(ref, record, gathered.private_keys, shard), seen.secret)
    return replace(gathered, seen=replace(seen, secret=secret))


async def _write(client: Client, resource: Resource, wanted: Object, seen: Object | None) -> Object:
    """Create a missing object, replace a different one, leave an equal one; return the object as stored."""
    if seen is None:
        return await client.create(resource, wanted["metadata"]["namespace"], wanted)
    body = replacement_body(wanted, seen)
    return seen if body is None else await client.replace(resource, body)


def _with_uids(record: Record, seen: ObservedObjects) -> Record:
    found = {"configMap": seen.configmap, "secret": seen.secret}
    uids = {name: str(thing["metadata"]["uid"]) for name, thing in found.items() if thing is not None}
    uid = record.uid if seen.keyring is None else str(seen.keyring["metadata"]["uid"])
    return replace(record, uid=uid, objects=uids)
