"""The owned objects as they should be, how they compare with what is there, and the write between the two.

A change replaces the whole object under the fence of its uid and resourceVersion. What others put beside ours
(labels, annotations, finalizers) is carried over; a label or annotation that the server's own books
(managedFields) attribute to us and that we no longer want is dropped.
"""

from collections.abc import Mapping
from typing import Any

from jwks_operator.api import names
from jwks_operator.api.names import SetRef, copy_name
from jwks_operator.api.shards import Shard, shard_labels
from jwks_operator.core.model.observed_state import DriftState
from jwks_operator.core.model.record import Record
from jwks_operator.core.outputs.projections import configmap_data, list_pem_documents
from jwks_operator.keys.private import PrivateKeys
from jwks_operator.keys.public_pem import render_public_pem
from jwks_operator.kube.client import Object
from jwks_operator.kube.consumer_secret_data import consumer_data


def our_metadata(
    ref: SetRef,
    name: str,
    shard: Shard,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Object:
    """Return the metadata of an owned object; our labels win over those the user asks for."""
    ours = {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_SET: ref.name, **shard_labels(shard)}
    return {
        "name": name,
        "namespace": ref.namespace,
        "labels": {**(labels or {}), **ours},
        "annotations": dict(annotations or {}),
    }


def configmap_object(ref: SetRef, record: Record, shard: Shard) -> Object:
    """Return the ConfigMap that publishes the record."""
    target = record.policy.publish.config_map
    pems = {name: render_public_pem(keys) for name, keys in list_pem_documents(record).items()}
    return {
        "metadata": our_metadata(ref, target.name or ref.name, shard, target.labels, target.annotations),
        "data": {**configmap_data(record), **pems},
    }


def copy_object(ref: SetRef, record: Record, namespace: str, shard: Shard) -> Object:
    """Return the copy of that ConfigMap in another namespace, which says whose it is."""
    whole = configmap_object(ref, record, shard)
    meta = whole["metadata"]
    return {
        "metadata": {
            "name": copy_name(ref, meta["name"]),
            "namespace": namespace,
            "labels": {**meta["labels"], names.LABEL_SOURCE_NAMESPACE: ref.namespace},
            "annotations": {**meta["annotations"], names.ANNOTATION_SOURCE: str(ref)},
        },
        "data": whole["data"],
    }


def is_copy(seen: Object, ref: SetRef) -> bool:
    """Tell whether a ConfigMap is a copy of ours of this set: by its annotation, or by its labels."""
    meta = seen["metadata"]
    labels = meta.get("labels") or {}
    ours = {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_SET: ref.name,
        names.LABEL_SOURCE_NAMESPACE: ref.namespace,
    }
    labelled = all(labels.get(name) == value for name, value in ours.items())
    return labelled or (meta.get("annotations") or {}).get(names.ANNOTATION_SOURCE) == str(ref)


def secret_object(ref: SetRef, record: Record, private_keys: PrivateKeys, shard: Shard) -> Object:
    """Return the consumer Secret of the record; private halves come from the vault, by kid."""
    target = record.policy.secret
    return {
        "metadata": our_metadata(ref, target.name or ref.name, shard, target.labels, target.annotations),
        "type": "Opaque",
        "data": consumer_data(record, private_keys),
    }


def is_ours(seen: Object, ref: SetRef, recorded_uid: str | None) -> bool:
    """Tell whether an object belongs to this set: by its labels, or by the uid that the record remembers."""
    labels = seen["metadata"].get("labels") or {}
    labelled = labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY and labels.get(names.LABEL_SET) == ref.name
    return labelled or seen["metadata"]["uid"] == recorded_uid


def compare_object(wanted: Object, seen: Object | None, *, ours: bool) -> DriftState:
    """Return how an object compares with what it should be."""
    if seen is None:
        return DriftState.GONE
    if not ours or seen.get("type", "Opaque") != wanted.get("type", seen.get("type", "Opaque")):
        return DriftState.FOREIGN
    if not has_data(seen, wanted["data"]):
        return DriftState.DIFFERS
    return DriftState.SAME if replacement_body(wanted, seen) is None else DriftState.RELABELLED


def has_data(seen: Object, data: Mapping[str, str]) -> bool:
    """Tell whether an object holds exactly this data."""
    return (seen.get("data") or {}) == data and not seen.get("binaryData")


def replacement_body(wanted: Object, seen: Object) -> Object | None:
    """Return the body of the PUT that makes `seen` what is wanted; None if nothing would change."""
    was = seen["metadata"]
    metadata = {key: value for key, value in was.items() if key != "managedFields"}
    for field in ("labels", "annotations"):
        dropped = _written_by_us(was, field) | {names.LABEL_SHARD}  # also if a backup or another client added it
        kept = {name: value for name, value in (was.get(field) or {}).items() if name not in dropped}
        metadata[field] = {**kept, **wanted["metadata"][field]}
    body = {**seen, "metadata": metadata, "data": wanted["data"]}
    body.pop("binaryData", None)
    if has_data(seen, wanted["data"]) and all(
        (was.get(field) or {}) == metadata[field] for field in ("labels", "annotations")
    ):
        return None
    return body


def _written_by_us(metadata: Object, field: str) -> set[str]:
    """The labels or annotations that the server's books attribute to our field manager."""
    found: set[str] = set()
    for entry in metadata.get("managedFields") or ():
        if entry.get("manager") == names.FIELD_MANAGER:
            fields: dict[str, Any] = entry.get("fieldsV1", {}).get("f:metadata", {}).get(f"f:{field}", {})
            found |= {name.removeprefix("f:") for name in fields if name.startswith("f:")}
    return found
