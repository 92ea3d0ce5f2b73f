"""Writes the objects of a set as a record wants them, each for itself.

A keyring that is not there is made only for a set that is: the set is read again right before and right after. Without
that a pass that was under way could put a record of new keys in the way of one that is being restored.
"""

from dataclasses import dataclass, field, replace

from jwks_operator.api.names import keyring_name
from jwks_operator.core.model.observed_state import DriftState
from jwks_operator.core.model.record import Record, RecordedEvent
from jwks_operator.core.outputs.projections import Effect
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Client, Object, Resource
from jwks_operator.kube.errors import Conflict, KubeError
from jwks_operator.kube.gather import Gathered
from jwks_operator.kube.keyring import keyring_object
from jwks_operator.kube.object_writes import describe_replacement, write_object
from jwks_operator.kube.objects import configmap_object, replacement_body, secret_object


@dataclass(slots=True)
class ObjectWriter:
    """Writes the objects of one set; `gathered` has them as they are after each write."""

    client: Client
    gathered: Gathered
    events: list[RecordedEvent] = field(default_factory=list)
    """Objects that were made again, because they were immutable."""

    async def write_record(self, record: Record) -> None:
        """Write the keyring; raises KubeError.

        One that was immutable is made again with another uid. The record has to know that uid: else it would look like
        one from a backup.
        """
        observed, seen = self.gathered.observed, self.gathered.seen
        wanted = keyring_object(observed.ref, record, self.gathered.private_keys, observed.shard)
        if seen.keyring is None:
            written = await self._create_keyring(wanted)
        else:
            written = await self._write(SECRETS, wanted, seen.keyring)
            if written["metadata"]["uid"] != seen.keyring["metadata"]["uid"]:
                record = replace(record, uid=str(written["metadata"]["uid"]))
                wanted = keyring_object(observed.ref, record, self.gathered.private_keys, observed.shard)
                written = await self._write(SECRETS, wanted, written)
        self.gathered = replace(
            self.gathered, seen=replace(seen, keyring=written), observed=replace(observed, record=record)
        )

    async def write_projection(self, record: Record, effect: Effect) -> None:
        """Write the object of an effect; raises KubeError."""
        observed, seen = self.gathered.observed, self.gathered.seen
        if effect is Effect.PUBLIC:
            wanted = configmap_object(observed.ref, record, observed.shard)
            seen = replace(seen, configmap=await self._write(CONFIGMAPS, wanted, seen.configmap))
        else:
            wanted = secret_object(observed.ref, record, self.gathered.private_keys, observed.shard)
            seen = replace(seen, secret=await self._write(SECRETS, wanted, seen.secret))
        self.gathered = replace(self.gathered, seen=seen)

    def is_written(self, record: Record, effect: Effect) -> bool:
        """Tell whether the object of an effect is as the record wants it."""
        observed, seen = self.gathered.observed, self.gathered.seen
        if effect is Effect.PUBLIC:
            wanted, there = configmap_object(observed.ref, record, observed.shard), seen.configmap
        else:
            wanted, there = secret_object(observed.ref, record, self.gathered.private_keys, observed.shard), seen.secret
        return there is not None and not self.is_foreign(effect) and replacement_body(wanted, there) is None

    def is_foreign(self, effect: Effect) -> bool:
        """Tell whether the object of an effect is not ours."""
        observed = self.gathered.observed
        return (observed.configmap if effect is Effect.PUBLIC else observed.secret) is DriftState.FOREIGN

    async def _create_keyring(self, wanted: Object) -> Object:
        """Make the keyring between two looks at the set; raises Conflict, with nothing left, if the set went."""
        await self._check_set()
        written = await self._write(SECRETS, wanted, None)
        try:
            await self._check_set()
        except Conflict:
            await self.client.delete(SECRETS, written)
            raise
        return written

    async def _check_set(self) -> None:
        ref, the_set = self.gathered.observed.ref, self.gathered.seen.the_set
        now = await self.client.read(SETS, ref.namespace, ref.name)
        if the_set is None or now is None or now["metadata"]["uid"] != the_set["metadata"]["uid"]:
            raise Conflict(f"{ref} was deleted meanwhile; nothing is made for it")

    async def _write(self, resource: Resource, wanted: Object, seen: Object | None) -> Object:
        what = f"{resource.kind} {wanted['metadata']['name']}"
        try:
            written, replaced = await write_object(self.client, resource, wanted, seen)
        except KubeError as error:
            error.about = what
            raise
        if replaced:
            self.events.append(describe_replacement(what))
        return written


async def check_record(client: Client, gathered: Gathered) -> None:
    """Raise Conflict unless the record is still the one that was read: another replica may have continued from it.

    Needed where a pass writes another object before the record; else the fence of the record's own write suffices
    (docs/adr/0025).
    """
    ref, seen = gathered.observed.ref, gathered.seen.keyring
    now = await client.read(SECRETS, ref.namespace, keyring_name(ref.name))
    if _version(now) != _version(seen):
        raise Conflict(f"the keyring of {ref} was changed by another client meanwhile; the next pass reads it again")


def _version(thing: Object | None) -> tuple[str, str] | None:
    return None if thing is None else (thing["metadata"]["uid"], thing["metadata"]["resourceVersion"])
