"""Objects under former names: found by the record and by their labels, written like the present ones, and removed.

An object that only its label names counts as one of the set if the operator wrote it (managedFields), so that what
another client copied under another name is never touched. One that cannot be written never stops a step of the set.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from jwks_operator.api.names import FIELD_MANAGER, KEYRING_TYPE, LABEL_SET, SetRef, keyring_name
from jwks_operator.core.model.observed_state import ObservedState
from jwks_operator.core.model.record import FormerObject, Record
from jwks_operator.keys.private import PrivateKeys
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Client, Object, Resource
from jwks_operator.kube.errors import KubeError, NotLeading
from jwks_operator.kube.object_writes import write_object
from jwks_operator.kube.objects import configmap_object, is_ours, replacement_body, secret_object

_RESOURCES = {resource.kind: resource for resource in (CONFIGMAPS, SECRETS)}


@dataclass(frozen=True, slots=True)
class FormerObjects:
    """The objects under former names as they are, by kind and name; ConfigMaps first."""

    seen: Mapping[str, Object] = field(default_factory=dict)
    refused: Mapping[str, KubeError] = field(default_factory=dict)
    """Those that could not be written or removed in this pass; they are not tried again in it."""
    withheld: frozenset[str] = frozenset()
    """Those that are not repaired in this pass, because another client changes them after every repair."""


@dataclass(frozen=True, slots=True)
class Projector:
    """Makes the objects of a record under any name."""

    observed: ObservedState
    private_keys: PrivateKeys

    def differs(self, record: Record, what: str, seen: Object) -> bool:
        """Tell whether an object is not as it should be."""
        return replacement_body(self.project(record, what), seen) is not None

    def project(self, record: Record, what: str) -> Object:
        """Return the object of this kind and name as it should be."""
        resource, name = resource_of(what)
        ref, shard = self.observed.ref, self.observed.shard
        if resource is CONFIGMAPS:
            wanted = configmap_object(ref, record, shard)
        else:
            wanted = secret_object(ref, record, self.private_keys, shard)
        return {**wanted, "metadata": {**wanted["metadata"], "name": name}}


def resource_of(what: str) -> tuple[Resource, str]:
    """Return resource and name of an object that is given by kind and name."""
    kind, _, name = what.partition(" ")
    return _RESOURCES[kind], name


async def find_former(client: Client, observed: ObservedState, labelled: Collection[str]) -> FormerObjects:
    """Read the objects that the record remembers and those that are `labelled` as of the set; raises KubeError."""
    ref, record = observed.ref, observed.record
    known: Mapping[str, FormerObject] = {} if record is None else record.former
    present = {
        f"ConfigMap {observed.configmap_name}", f"Secret {observed.secret_name}", f"Secret {keyring_name(ref.name)}",
    }  # fmt: skip
    found: dict[str, Object] = {}
    for what in sorted({*known, *labelled} - present):
        resource, name = resource_of(what)
        thing = await client.read(resource, ref.namespace, name)
        if thing is not None and _belongs(thing, ref, known.get(what)):
            found[what] = thing
    return FormerObjects(found)


async def write_former(
    client: Client, former: FormerObjects, projector: Projector, record: Record, unneeded: Collection[str] = ()
) -> FormerObjects:
    """Write each object as the record wants it, or delete it if it is unneeded; raises NotLeading alone."""
    seen, refused = dict(former.seen), dict(former.refused)
    for what, thing in former.seen.items():
        if what in former.refused or what in former.withheld:
            continue
        resource, _ = resource_of(what)
        try:
            if what in unneeded:
                await client.delete(resource, thing)
                del seen[what]
            else:
                seen[what], _ = await write_object(client, resource, projector.project(record, what), thing)
        except NotLeading:
            raise
        except KubeError as error:
            refused[what] = error
    return replace(former, seen=seen, refused=refused)


async def delete_former(client: Client, former: FormerObjects) -> None:
    """Delete all of them, because their set is deleted; raises KubeError."""
    for what, thing in former.seen.items():
        await client.delete(resource_of(what)[0], thing)


def _belongs(thing: Object, ref: SetRef, known: FormerObject | None) -> bool:
    """Tell whether an object is one of the set: remembered by uid or name, or labelled and written by the operator."""
    meta = thing["metadata"]
    if thing.get("type") == KEYRING_TYPE:
        return False
    if not is_ours(thing, ref, None):
        unlabelled = LABEL_SET not in (meta.get("labels") or {})
        return unlabelled and known is not None and known.uid == meta["uid"]
    managers = {entry.get("manager") for entry in meta.get("managedFields") or ()}
    return known is not None or FIELD_MANAGER in managers
