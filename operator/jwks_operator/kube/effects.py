"""Writes single objects of a set as a record wants them, each fenced by the uid and resourceVersion that were read.

A write that would change nothing is not sent. The data of an immutable object cannot be changed: it is deleted by uid
and made again, once a dry run has shown that the API server lets it be made. A foreign object is never written.
"""

from dataclasses import dataclass, field, replace

from jwks_operator.api.names import keyring_name
from jwks_operator.api.reasons import EventReason
from jwks_operator.core.model.observed_state import Sight
from jwks_operator.core.model.record import Happening, Record
from jwks_operator.core.outputs.projections import Effect
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Client, Object, Resource
from jwks_operator.kube.errors import AlreadyExists, Conflict
from jwks_operator.kube.gather import Gathered
from jwks_operator.kube.keyring import keyring_object
from jwks_operator.kube.objects import configmap_object, has_data, replacement_body, secret_object


@dataclass(slots=True)
class ObjectWriter:
    """Writes the objects of one set; `gathered` has them as they are after each write."""

    client: Client
    gathered: Gathered
    events: list[Happening] = field(default_factory=list)
    """Objects that were made again, because they were immutable."""

    async def write_record(self, record: Record) -> None:
        """Write the keyring; raises KubeError."""
        world, seen = self.gathered.world, self.gathered.seen
        wanted = keyring_object(world.ref, record, self.gathered.private_keys, world.shard)
        written = await self._write(SECRETS, wanted, seen.keyring)
        self.gathered = replace(self.gathered, seen=replace(seen, keyring=written), world=replace(world, record=record))

    async def write_projection(self, record: Record, effect: Effect) -> None:
        """Write the object of an effect; raises KubeError."""
        world, seen = self.gathered.world, self.gathered.seen
        if effect is Effect.PUBLIC:
            wanted = configmap_object(world.ref, record, world.shard)
            seen = replace(seen, configmap=await self._write(CONFIGMAPS, wanted, seen.configmap))
        else:
            wanted = secret_object(world.ref, record, self.gathered.private_keys, world.shard)
            seen = replace(seen, secret=await self._write(SECRETS, wanted, seen.secret))
        self.gathered = replace(self.gathered, seen=seen)

    def is_written(self, record: Record, effect: Effect) -> bool:
        """Tell whether the object of an effect is as the record wants it."""
        world, seen = self.gathered.world, self.gathered.seen
        if effect is Effect.PUBLIC:
            wanted, there = configmap_object(world.ref, record, world.shard), seen.configmap
        else:
            wanted, there = secret_object(world.ref, record, self.gathered.private_keys, world.shard), seen.secret
        return there is not None and not self.is_foreign(effect) and replacement_body(wanted, there) is None

    def is_foreign(self, effect: Effect) -> bool:
        """Tell whether the object of an effect is not ours."""
        world = self.gathered.world
        return (world.configmap if effect is Effect.PUBLIC else world.secret) is Sight.FOREIGN

    async def _write(self, resource: Resource, wanted: Object, seen: Object | None) -> Object:
        written, replaced = await write_object(self.client, resource, wanted, seen)
        if replaced:
            self.events.append(describe_replacement(f"{resource.kind} {wanted['metadata']['name']}"))
        return written


async def write_object(client: Client, resource: Resource, wanted: Object, seen: Object | None) -> tuple[Object, bool]:
    """Create a missing object, change a different one, leave an equal one; raises KubeError.

    Returns the object as stored, and whether it was made again because it was immutable.
    """
    namespace = wanted["metadata"]["namespace"]
    if seen is None:
        return await client.create(resource, namespace, wanted), False
    body = replacement_body(wanted, seen)
    if body is None:
        return seen, False
    if not seen.get("immutable") or has_data(seen, wanted["data"]):
        return await client.replace(resource, body), False
    # What others put beside ours stays; the object is another one.
    fresh = {
        **wanted,
        "metadata": {**wanted["metadata"], **{m: body["metadata"][m] for m in ("labels", "annotations")}},
    }
    await _check_creation(client, resource, namespace, fresh)
    await client.delete(resource, seen)
    return await client.create(resource, namespace, fresh), True


async def _check_creation(client: Client, resource: Resource, namespace: str, wanted: Object) -> None:
    """Raise KubeError unless the object could be made if the one of its name were not there."""
    try:
        await client.create(resource, namespace, wanted, dry_run=True)
    except AlreadyExists:
        return


def describe_replacement(what: str) -> Happening:
    """Return the Event of an immutable object that was deleted and made again."""
    return Happening(
        EventReason.OBJECT_REPAIRED,
        f"{what} was immutable and is made again; a pod that mounts it reads it after its next start",
    )


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
