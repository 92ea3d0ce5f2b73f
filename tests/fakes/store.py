"""The objects of the fake, one version counter over all of them, and the history that watches read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jwks_operator.kube.client import Object, Resource

Listener = Callable[["Change"], None]


@dataclass(frozen=True, slots=True)
class Change:
    """One write: the object before it (None: created) and after it (None: deleted)."""

    version: int
    resource: Resource
    before: Object | None
    after: Object | None


def copied(tree: Any) -> Any:
    """Return a JSON tree that shares nothing with this one; several times faster than `copy.deepcopy`."""
    if isinstance(tree, dict):
        return {name: copied(value) for name, value in tree.items()}
    return [copied(value) for value in tree] if isinstance(tree, list) else tree


class Store:
    def __init__(self) -> None:
        self.version = 100  # a real server has written a few objects of its own before the first of ours
        self.compacted = 0
        self.changes: list[Change] = []
        self.listeners: list[Listener] = []
        self._objects: dict[tuple[Resource, str, str], Object] = {}

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        found: Object | None = copied(self._objects.get((resource, namespace or "", name)))
        return found

    def all(self, resource: Resource, namespace: str | None = None) -> Iterator[Object]:
        """In the order of etcd: by namespace, then by name."""
        for kind, where, name in sorted(self._objects, key=lambda key: key[1:]):
            if kind == resource and namespace in {None, where}:
                yield copied(self._objects[kind, where, name])

    def peek(self, resource: Resource) -> list[Object]:
        """The stored objects themselves, for looking only: a CRD is asked for at every call and is large."""
        return [obj for (kind, _, _), obj in self._objects.items() if kind == resource]

    def inside(self, namespace: str) -> list[tuple[Resource, Object]]:
        """Everything a namespace holds."""
        return [(key[0], copied(obj)) for key, obj in self._objects.items() if key[1] == namespace]

    def put(self, resource: Resource, obj: Object) -> Object:
        meta = obj["metadata"]
        key = (resource, meta.get("namespace", ""), meta["name"])
        stored: Object = copied(obj)
        stored["metadata"]["resourceVersion"] = str(self.version + 1)
        before = self._objects.get(key)
        self._objects[key] = stored
        self._record(resource, before, stored)
        answer: Object = copied(stored)
        return answer

    def drop(self, resource: Resource, obj: Object) -> None:
        meta = obj["metadata"]
        before = self._objects.pop((resource, meta.get("namespace", ""), meta["name"]))
        self._record(resource, before, None)

    def compact(self) -> None:
        """Forget the history, as etcd does every few minutes."""
        self.compacted = self.version
        self.changes.clear()

    def take_over(self, other: "Store") -> None:
        """Hold what another store holds, as an etcd does that was restored from its snapshot."""
        self.version = self.compacted = other.version
        self.changes.clear()
        self._objects = {key: copied(obj) for key, obj in other._objects.items()}

    def _record(self, resource: Resource, before: Object | None, after: Object | None) -> None:
        self.version += 1
        change = Change(self.version, resource, before, after)
        self.changes.append(change)
        for listener in list(self.listeners):
            listener(change)
