"""The objects of the fake, one version counter over all of them, and the history that watches read."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jwks_operator.kube.client import Object, Resource

Listener = Callable[["Change"], None]


@dataclass(frozen=True, slots=True)
class Change:
    """One write: the object before it (None: created) and after it (None: deleted)."""

    version: int
    resource: Resource
    before: Object | None
    after: Object | None


class Store:
    def __init__(self) -> None:
        self.version = 100  # a real server has written a few objects of its own before the first of ours
        self.compacted = 0
        self.changes: list[Change] = []
        self.listeners: list[Listener] = []
        self._objects: dict[tuple[Resource, str, str], Object] = {}

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        return copy.deepcopy(self._objects.get((resource, namespace or "", name)))

    def all(self, resource: Resource, namespace: str | None = None) -> Iterator[Object]:
        """In the order of etcd: by namespace, then by name."""
        for kind, where, name in sorted(self._objects, key=lambda key: key[1:]):
            if kind == resource and namespace in {None, where}:
                yield copy.deepcopy(self._objects[kind, where, name])

    def peek(self, resource: Resource) -> list[Object]:
        """The stored objects themselves, for looking only: a CRD is asked for at every call and is large."""
        return [obj for (kind, _, _), obj in self._objects.items() if kind == resource]

    def inside(self, namespace: str) -> list[tuple[Resource, Object]]:
        """Everything a namespace holds."""
        return [(key[0], copy.deepcopy(obj)) for key, obj in self._objects.items() if key[1] == namespace]

    def put(self, resource: Resource, obj: Object) -> Object:
        meta = obj["metadata"]
        key = (resource, meta.get("namespace", ""), meta["name"])
        stored = copy.deepcopy(obj)
        stored["metadata"]["resourceVersion"] = str(self.version + 1)
        before = self._objects.get(key)
        self._objects[key] = stored
        self._record(resource, before, stored)
        return copy.deepcopy(stored)

    def drop(self, resource: Resource, obj: Object) -> None:
        meta = obj["metadata"]
        before = self._objects.pop((resource, meta.get("namespace", ""), meta["name"]))
        self._record(resource, before, None)

    def compact(self) -> None:
        """Forget the history, as etcd does every few minutes."""
        self.compacted = self.version
        self.changes.clear()

    def _record(self, resource: Resource, before: Object | None, after: Object | None) -> None:
        self.version += 1
        change = Change(self.version, resource, before, after)
        self.changes.append(change)
        for listener in list(self.listeners):
            listener(change)
