"""Which objects of a set differ from what they should be, in which field, and who wrote that field.

The API server's managedFields name the manager of each field (Kubernetes API concepts, "Field management"). They do not
name a mutating admission policy or webhook: it changes a field within the operator's own write.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jwks_operator.api.names import FIELD_MANAGER, keyring_name
from jwks_operator.core.model.observed_state import DriftState
from jwks_operator.core.model.record import Record
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Object, Resource
from jwks_operator.kube.former_objects import Projector, resource_of
from jwks_operator.kube.gather import Gathered
from jwks_operator.kube.objects import (
    configmap_object,
    copy_object,
    is_copy,
    our_metadata,
    replacement_body,
    secret_object,
)

ADMISSION = "a mutating admission policy or webhook"


@dataclass(frozen=True, slots=True)
class DriftedObject:
    """An object that differs: its kind and name, as people see them, and both states; None: it does not exist."""

    what: str
    resource: Resource
    drift: DriftState
    wanted: Object
    seen: Object | None
    field: str = ""
    """The field of the observed state that compares it; empty for a copy and for an object under a former name."""
    copied_to: str = ""
    """The namespace of a copy of the ConfigMap."""


def list_drifted(gathered: Gathered) -> tuple[DriftedObject, ...]:
    """Return the objects that the record wants otherwise; none as long as there is no record.

    What was refused in this pass is not repaired, so that it is in no dispute.
    """
    record = gathered.observed.record
    if record is None:
        return ()
    return (*_list_owned(gathered, record), *_list_former(gathered, record), *_list_copies(gathered, record))


def _list_owned(gathered: Gathered, record: Record) -> Iterator[DriftedObject]:
    """Yield the drifted objects beside the set; what should be there is made for these alone."""
    observed, seen = gathered.observed, gathered.seen
    ref, shard = observed.ref, observed.shard
    if observed.keyring.drifted:
        data = (seen.keyring or {}).get("data") or {}
        wanted = {"metadata": our_metadata(ref, keyring_name(ref.name), shard), "data": data}
        yield _drifted(SECRETS, observed.keyring, wanted, seen.keyring, "keyring")
    if observed.configmap.drifted:
        wanted = configmap_object(ref, record, shard)
        yield _drifted(CONFIGMAPS, observed.configmap, wanted, seen.configmap, "configmap")
    if observed.secret.drifted:
        wanted = secret_object(ref, record, gathered.private_keys, shard)
        yield _drifted(SECRETS, observed.secret, wanted, seen.secret, "secret")


def _list_former(gathered: Gathered, record: Record) -> Iterator[DriftedObject]:
    projector = Projector(gathered.observed, gathered.private_keys)
    for what, former in gathered.former.seen.items():
        if what not in gathered.former.refused and projector.differs(record, what, former):
            wanted = projector.project(record, what)
            yield DriftedObject(what, resource_of(what)[0], _drift(wanted, former), wanted, former)


def _list_copies(gathered: Gathered, record: Record) -> Iterator[DriftedObject]:
    ref, shard = gathered.observed.ref, gathered.observed.shard
    for namespace, there in gathered.copies.targets.items():
        wanted = copy_object(ref, record, namespace, shard)
        differs = there is None or (is_copy(there, ref) and replacement_body(wanted, there) is not None)
        if differs and namespace not in gathered.copies.refused:
            drift = DriftState.GONE if there is None else _drift(wanted, there)
            what = f"ConfigMap {namespace}/{wanted['metadata']['name']}"
            yield DriftedObject(what, CONFIGMAPS, drift, wanted, there, copied_to=namespace)


def _drifted(resource: Resource, drift: DriftState, wanted: Object, seen: Object | None, field: str) -> DriftedObject:
    return DriftedObject(f"{resource.kind} {wanted['metadata']['name']}", resource, drift, wanted, seen, field)


def describe_drift(drifted: DriftedObject, by_admission: bool) -> str:
    """Return who changes which field; `by_admission`: it is changed within the operator's own write."""
    if drifted.seen is None:
        return f"another client deletes {drifted.what}"
    field, path = next(_differences(drifted.wanted, drifted.seen), ("binaryData", ("f:binaryData",)))
    manager = ADMISSION if by_admission else _manager(drifted.seen, path)
    return f"{manager} changes {field} of {drifted.what}"


def _drift(wanted: Object, seen: Object) -> DriftState:
    same = (seen.get("data") or {}) == wanted["data"] and not seen.get("binaryData")
    return DriftState.RELABELLED if same else DriftState.DIFFERS


def _differences(wanted: Object, seen: Object) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield name and managedFields path of each field that differs."""
    for part in ("labels", "annotations"):
        there = seen["metadata"].get(part) or {}
        for name, value in wanted["metadata"][part].items():
            if there.get(name) != value:
                yield f"metadata.{part}[{name}]", ("f:metadata", f"f:{part}", f"f:{name}")
    there = seen.get("data") or {}
    for name in sorted({*wanted["data"], *there}):
        if there.get(name) != wanted["data"].get(name):
            yield f"data[{name}]", ("f:data", f"f:{name}")


def _manager(seen: Object, path: tuple[str, ...]) -> str:
    """Return the manager of a field; of a field without another manager, the last other manager of the object."""
    others = [each for each in seen["metadata"].get("managedFields") or () if each.get("manager") != FIELD_MANAGER]
    owners = [each for each in others if _owns(each.get("fieldsV1") or {}, path)] or others
    latest: Object = max(owners, key=lambda each: str(each.get("time") or ""), default={})
    return str(latest.get("manager") or "another client")


def _owns(fields: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    for name in path:
        if name not in fields:
            return False
        fields = fields[name]
    return True
