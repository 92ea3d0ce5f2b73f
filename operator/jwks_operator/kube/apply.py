"""How a plan becomes true: intent → effects → witness, every write fenced by what was read.

1. The record to be is written (POST for a new keyring, else PUT): the intent.
2. ConfigMap and consumer Secret are written where they differ, in the order that the step demands; then the copies of
   the ConfigMap in other namespaces, none of which can keep the set from its own objects; then workloads are restarted
   that read the Secret only at their start, if that is owed: what fails there is tried again later and holds nothing.
3. Only when the API server has confirmed every effect is the clock read again and the witness written.

A write that would change nothing is not sent. Any error ends the step where it stands; the next pass finds
the intent and goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from jwks_operator.api.names import LABEL_ALLOW_SET, keyring_name
from jwks_operator.api.reasons import EventReason
from jwks_operator.api.status_model import JsonWebKeySetStatus
from jwks_operator.core.model.key_states import witnessed
from jwks_operator.core.model.record import Happening, Record
from jwks_operator.core.outputs.projections import Owned, ahead, effect_order
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Client, Object, Resource
from jwks_operator.kube.copies import find_copies, has_pending_writes, namespace_query, write_copies
from jwks_operator.kube.errors import Conflict
from jwks_operator.kube.gather import Gathered, ObservedObjects, refresh_comparisons, with_status
from jwks_operator.kube.keyring import keyring_object
from jwks_operator.kube.objects import configmap_object, replacement_body, secret_object
from jwks_operator.kube.workloads import NOT_RESTARTED, RestartResult, restart_workloads

ConfirmationTime = Callable[[], datetime | None]
"""Reads the clock once an effect is confirmed; None while it is in doubt."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step left behind: the facts as they are now, and what really happened.

    Not `witnessed`: the step stays unfinished, because the clock was in doubt or a copy could not be written.
    """

    gathered: Gathered
    happenings: tuple[Happening, ...]
    witnessed: bool = True
    restart: RestartResult = NOT_RESTARTED
    """Whom a restart that was owed has reached; it holds nothing."""


async def execute_step(client: Client, gathered: Gathered, record: Record, witness: ConfirmationTime) -> StepResult:
    """Make the cluster what this record says; raises KubeError where a write fails, with nothing half said."""
    read = gathered.seen.keyring
    gathered = await _write_record(client, gathered, record)
    if gathered.seen.keyring is read:
        await check_record(client, gathered)
    for owned in effect_order(record):
        gathered = await _write_projection(client, gathered, record, owned)
    copied = await apply_copies(client, gathered)
    gathered, told = copied.gathered, copied.happenings
    restarted = await restart_workloads(client, gathered.world.ref, record)
    told = (*told, *_told_of(restarted, record))
    if not restarted.failed:
        record = replace(record, restart="")
    if record.step is None:
        return StepResult(refresh_comparisons(await _write_record(client, gathered, record)), told, restart=restarted)
    confirmed = witness() if gathered.copies.complete else None
    if confirmed is None:
        return StepResult(refresh_comparisons(gathered), told, witnessed=False, restart=restarted)
    final = _with_uids(witnessed(record, confirmed), gathered.seen)
    gathered = await _write_record(client, gathered, final)
    return StepResult(refresh_comparisons(gathered), (*record.step.happenings, *told), restart=restarted)


def _told_of(restarted: RestartResult, record: Record) -> tuple[Happening, ...]:
    """Return what the pending workload restart did; an Event reports a restart without a consenting workload."""
    if record.restart and not restarted.consenting and not restarted.failed:
        what = f"label what is to restart with {LABEL_ALLOW_SET}: {record.set_name}"
        return (Happening(EventReason.NOTHING_RESTARTED, f"no workload that was asked for consents; {what}"),)
    return tuple(Happening(EventReason.WORKLOAD_RESTARTED, str(each)) for each in restarted.asked)


async def apply_copies(client: Client, gathered: Gathered, *, repairs: bool = False) -> StepResult:
    """Make the copies in other namespaces what the record says; refusals are facts, other trouble raises KubeError.

    With `repairs` a copy that differs was edited by another client.
    """
    world, record, copies = gathered.world, gathered.world.record, gathered.copies
    if record is None or not world.everywhere:
        return StepResult(gathered, ())
    query = namespace_query(record.spec, world.spec)
    if query != copies.chosen:
        copies = await find_copies(client, world.ref, world.configmap_name, query)
    if query != gathered.copies.chosen or (repairs and has_pending_writes(world, copies)):
        await check_record(client, gathered)
    copies, told = await write_copies(client, world, record, copies, repairs=repairs)
    if copies == gathered.copies:
        return StepResult(gathered, ())
    return StepResult(refresh_comparisons(replace(gathered, copies=copies)), told)


async def write_status(client: Client, gathered: Gathered, status: JsonWebKeySetStatus) -> Gathered:
    """Write the status if it says anything new; the set must have been seen."""
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
    """Delete what a set left behind, the record last, so that an interrupted removal can go on."""
    for resource, thing in ((SECRETS, seen.secret), (CONFIGMAPS, seen.configmap), (SECRETS, seen.keyring)):
        if thing is not None:
            await client.delete(resource, thing)


async def check_record(client: Client, gathered: Gathered) -> None:
    """Raise Conflict unless the record is still the one that was read: another replica may have continued from it.

    Asked where a pass writes something else first; the record's own fence answers it otherwise (docs/adr/0025).
    """
    ref, seen = gathered.world.ref, gathered.seen.keyring
    now = await client.read(SECRETS, ref.namespace, keyring_name(ref.name))
    if _version(now) != _version(seen):
        raise Conflict(f"the keyring of {ref} was changed by another client meanwhile; the next pass reads it again")


def _version(thing: Object | None) -> tuple[str, str] | None:
    return None if thing is None else (thing["metadata"]["uid"], thing["metadata"]["resourceVersion"])


async def _write_record(client: Client, gathered: Gathered, record: Record) -> Gathered:
    wanted = keyring_object(gathered.world.ref, record, gathered.vault, gathered.world.shard)
    written = await _write(client, SECRETS, wanted, gathered.seen.keyring)
    world = replace(gathered.world, record=record)
    return replace(gathered, seen=replace(gathered.seen, keyring=written), world=world)


async def _write_projection(client: Client, gathered: Gathered, record: Record, owned: Owned) -> Gathered:
    ref, seen, shard = gathered.world.ref, gathered.seen, gathered.world.shard
    if owned is Owned.AHEAD:
        if (
            seen.configmap is not None
            and replacement_body(configmap_object(ref, record, shard), seen.configmap) is None
        ):
            return gathered
        record = ahead(record)
    if owned is Owned.PUBLIC:
        configmap = await _write(client, CONFIGMAPS, configmap_object(ref, record, shard), seen.configmap)
        return replace(gathered, seen=replace(seen, configmap=configmap))
    secret = await _write(client, SECRETS, secret_object(ref, record, gathered.vault, shard), seen.secret)
    return replace(gathered, seen=replace(seen, secret=secret))


async def _write(client: Client, resource: Resource, wanted: Object, seen: Object | None) -> Object:
    """Create what is gone, replace what differs, leave what is right; return the object as it is then."""
    if seen is None:
        return await client.create(resource, wanted["metadata"]["namespace"], wanted)
    body = replacement_body(wanted, seen)
    return seen if body is None else await client.replace(resource, body)


def _with_uids(record: Record, seen: ObservedObjects) -> Record:
    found = {"configMap": seen.configmap, "secret": seen.secret}
    uids = {name: str(thing["metadata"]["uid"]) for name, thing in found.items() if thing is not None}
    uid = record.uid if seen.keyring is None else str(seen.keyring["metadata"]["uid"])
    return replace(record, uid=uid, objects=uids)
