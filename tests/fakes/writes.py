"""How a write changes what is stored: create, replace, merge patch, server-side apply, delete."""

import copy
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fakes import managed, validation
from fakes.kinds import Kind, custom
from fakes.managed import Manager
from fakes.status import already_exists, bad_request, conflict, invalid, not_found, success, terminating
from fakes.store import Store
from jwks_operator.kube.client import CRDS, NAMESPACES, Object

_KEPT = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call points: one object, or a collection if `name` is None."""

    kind: Kind
    namespace: str | None
    name: str | None
    subresource: str = ""

    @property
    def existing(self) -> str:
        """The name of the object of a call that cannot be on a collection."""
        if self.name is None:
            raise bad_request("this needs the name of an object")
        return self.name


@dataclass(frozen=True, slots=True)
class Manner:
    """How a call wants its write done: its fieldManager, fieldValidation, force, and dryRun of a POST or PUT."""

    manager: str
    strict: bool
    force: bool
    dry_run: bool = False


class Writes:
    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def create(self, place: Place, body: Any, manner: Manner) -> Object:
        kind, resource = place.kind, place.kind.resource
        obj = validation.decode(kind, body, place.namespace, strict=manner.strict)
        self._check_namespace(place, obj)
        meta = obj["metadata"]
        if not meta.get("name"):
            if not meta.get("generateName"):
                raise invalid(resource, "", [("metadata.name", "Required value: name or generateName is required")])
            meta["name"] = meta["generateName"] + secrets.token_hex(3)[:5]
        if meta.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        obj = validation.default(kind, obj)
        self._born(kind, obj)
        validation.validate(kind, obj, None)
        if self._store.get(resource, place.namespace, meta["name"]) is not None:
            raise already_exists(resource, meta["name"])
        managed.update({}, obj, kind.schema or {}, Manager(manner.manager, "Update"), self._now())
        return obj if manner.dry_run else self._store.put(resource, obj)

    def replace(self, place: Place, body: Any, manner: Manner) -> Object:
        live = self._store.get(place.kind.resource, place.namespace, place.existing)
        obj = validation.default(place.kind, validation.decode(place.kind, body, place.namespace, strict=manner.strict))
        if obj["metadata"].get("name") != place.name:
            raise bad_request("the name of the object does not match the name on the URL")
        if live is None:
            self._check_fence(place, obj, None)
            if place.kind.upsert:
                return self.create(place, obj, manner)
            raise not_found(place.kind.resource, place.existing)
        if place.kind.schema is not None and not obj["metadata"].get("resourceVersion"):
            cause = ("metadata.resourceVersion", "Invalid value: 0: must be specified for an update")
            raise invalid(place.kind.resource, place.existing, [cause])
        return self._update(place, live, obj, manner)

    def merge(self, place: Place, patch: Any, manner: Manner) -> Object:
        """RFC 7386; for the built-in kinds also what a strategic merge of maps comes to."""
        live = self._store.get(place.kind.resource, place.namespace, place.existing)
        if live is None:
            raise not_found(place.kind.resource, place.existing)
        obj = validation.decode(place.kind, _merged(live, patch), place.namespace, strict=manner.strict)
        meta, was = obj["metadata"], live["metadata"]
        if meta.get("uid") != was["uid"] and meta.get("resourceVersion") == was["resourceVersion"]:
            raise invalid(place.kind.resource, place.existing, [("metadata.uid", "Invalid value: field is immutable")])
        return self._update(place, live, validation.default(place.kind, obj), manner)

    def apply(self, place: Place, body: Any, manner: Manner) -> Object:
        kind = place.kind
        schema = kind.schema or {}
        live = self._store.get(kind.resource, place.namespace, place.existing)
        applied = validation.decode_apply(kind, body, place.namespace)
        if applied["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        if live is None and place.subresource:
            raise not_found(kind.resource, place.existing)
        if live is None:
            self._check_namespace(place, applied)
        elif place.subresource:
            applied["metadata"].pop("uid", None)  # through /status nobody compares it
        elif applied["metadata"].get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
            raise invalid(kind.resource, place.existing, [("metadata.uid", "Invalid value: field is immutable")])
        self._check_fence(place, applied, live)
        who = Manager(manner.manager, "Apply", place.subresource)
        wanted = _through(place, applied)
        base = live or {"apiVersion": applied["apiVersion"], "kind": applied["kind"], "metadata": {}}
        merged, owners = managed.apply(base, wanted, schema, who, force=manner.force)
        merged["metadata"] |= {
            key: applied["metadata"][key] for key in ("name", "namespace") if key in applied["metadata"]
        }
        obj = validation.default(kind, merged)
        if live is None:
            self._born(kind, obj)
        validation.validate(kind, obj, live)
        managed.settle(base, obj, owners, self._now())
        return self._settle(place, live, obj)

    def delete(self, place: Place, options: Any) -> Object:
        resource, name = place.kind.resource, place.existing
        live = self._store.get(resource, place.namespace, name)
        if live is None:
            raise not_found(resource, name)
        for key, wanted in ((options or {}).get("preconditions") or {}).items():
            if live["metadata"].get(key) != wanted:
                raise conflict(resource, name, f"the {key} in the precondition ({wanted}) does not match")
        if resource == NAMESPACES or live["metadata"].get("finalizers"):
            live["metadata"].setdefault("deletionTimestamp", self._now())
            if resource == NAMESPACES:
                live["status"] = {"phase": "Terminating"}
            return self._store.put(resource, live)
        self._drop(place.kind, live)
        return success(resource, name, live["metadata"]["uid"])

    def finish_namespace(self, name: str) -> None:
        """Empty and remove a terminating namespace, as kube-controller-manager does after a while."""
        for resource, obj in self._store.inside(name):
            self._store.drop(resource, obj)
        namespace = self._store.get(NAMESPACES, None, name)
        if namespace is not None:
            self._store.drop(NAMESPACES, namespace)

    def _update(self, place: Place, live: Object, incoming: Object, manner: Manner) -> Object:
        self._check_fence(place, incoming, live)
        kind = place.kind
        if place.subresource:
            obj = copy.deepcopy(live)
            obj.pop("status", None)
            obj |= {"status": incoming["status"]} if "status" in incoming else {}
        else:
            obj = incoming
            if kind.status:
                obj.pop("status", None)
                obj |= {"status": live["status"]} if "status" in live else {}
            for key in _KEPT:
                obj["metadata"].pop(key, None)
                obj["metadata"] |= {key: live["metadata"][key]} if key in live["metadata"] else {}
        validation.validate(kind, obj, live)
        who = Manager(manner.manager, "Update", place.subresource)
        managed.update(live, obj, kind.schema or {}, who, self._now())
        return obj if manner.dry_run else self._settle(place, live, obj)

    def _settle(self, place: Place, live: Object | None, obj: Object) -> Object:
        kind = place.kind
        if live is None:
            return self._store.put(kind.resource, obj)
        obj["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        if kind.schema is not None and _content(obj) != _content(live):
            obj["metadata"]["generation"] = live["metadata"]["generation"] + 1
        if obj == live:
            return live
        if obj["metadata"].get("deletionTimestamp") and not obj["metadata"].get("finalizers"):
            self._drop(kind, live)
            return obj
        return self._store.put(kind.resource, obj)

    def _drop(self, kind: Kind, obj: Object) -> None:
        if kind.resource == CRDS:
            for gone in custom(obj):
                for each in [*self._store.all(gone.resource)]:
                    self._store.drop(gone.resource, each)
        self._store.drop(kind.resource, obj)

    def _born(self, kind: Kind, obj: Object) -> None:
        obj["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": self._now()}
        if kind.status:
            obj.pop("status", None)
        if kind.schema is not None:
            obj["metadata"]["generation"] = 1
        if kind.resource == NAMESPACES:
            obj |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        if kind.resource == CRDS:
            kinds = ("NamesAccepted", "Established")
            obj["status"] = {"conditions": [{"type": each, "status": "True"} for each in kinds]}

    def _check_namespace(self, place: Place, obj: Object) -> None:
        if place.namespace is None:
            return
        namespace = self._store.get(NAMESPACES, None, place.namespace)
        if namespace is None:
            raise not_found(NAMESPACES, place.namespace)
        if namespace["metadata"].get("deletionTimestamp"):
            raise terminating(place.kind.resource, obj["metadata"].get("name", ""), place.namespace)

    def _check_fence(self, place: Place, obj: Object, live: Object | None) -> None:
        resource, name = place.kind.resource, place.existing
        uid, version = obj["metadata"].get("uid"), obj["metadata"].get("resourceVersion")
        if live is None:
            if uid:
                raise conflict(resource, name, f"uid mismatch: {uid} was given, and no object was found")
            return
        if uid and uid != live["metadata"]["uid"]:
            raise conflict(resource, name, f"Precondition failed: UID in precondition: {uid}")
        if version and version != live["metadata"]["resourceVersion"]:
            raise conflict(
                resource,
                name,
                "the object has been modified; please apply your changes to the latest version",
            )

    def _now(self) -> str:
        return self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


def _content(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}


def _through(place: Place, obj: Object) -> Object:
    """Keep what a server-side apply may touch there: through /status only status, else all but status."""
    if place.subresource:
        return {key: value for key, value in obj.items() if key in {"apiVersion", "kind", "status"}}
    return {key: value for key, value in obj.items() if key != "status" or not place.kind.status}
