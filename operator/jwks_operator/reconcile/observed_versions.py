"""The version of each object that the operator last read or wrote: tells news from the echo of its own writes.

Nothing here decides about keys. A wrong "news" costs one pass that writes nothing; a wrong "echo" waits for the next
resync.

A mark is one integer: the hash of the uid and the resourceVersion. A set needs about a kilobyte.
"""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any

from jwks_operator.api.names import SetRef
from jwks_operator.kube.gather import Gathered
from jwks_operator.kube.objects import is_copy

_VERSION_BITS = 64  # resourceVersion is etcd's revision, an int64


class Kind(StrEnum):
    """The kinds of objects that a set depends on, including the set."""

    SET = "set"
    KEYRING = "keyring"
    CONFIG_MAP = "configmap"
    CONSUMER = "secret"
    SOURCE_SECRET = "source secret"  # noqa: S105 - the kind of an object, no password
    """A Secret of a user that the set may read, by a label of consent."""
    SOURCE_CONFIG_MAP = "source configmap"
    """A ConfigMap of a user that the set may read, by a label of consent."""
    COPY = "copy"
    """A copy of the ConfigMap in another namespace; its name here is `<namespace>/<name>`."""


OBJECT_KINDS = {"ConfigMap": Kind.CONFIG_MAP, "Secret": Kind.CONSUMER}
"""The kinds of the objects that a set may name, as the API calls them."""
SOURCES = frozenset({Kind.SOURCE_SECRET, Kind.SOURCE_CONFIG_MAP})


class ObservedVersions:
    """The marks of the objects of each set.

    Each write is fenced by the version that was read before it. So an event that is older than the mark of the same
    object reports a change that a pass has already seen.
    """

    def __init__(self) -> None:
        self._marks: dict[SetRef, dict[str, int]] = {}
        self._copying: set[SetRef] = set()

    def observe(self, ref: SetRef, kind: Kind, name: str, uid: str, version: str) -> None:
        """Record the version of an object that was read or written now."""
        self._marks.setdefault(ref, {})[_key(kind, name)] = _mark(uid, version)

    def forget_deleted(self, ref: SetRef, kind: Kind, name: str, uid: str) -> None:
        """Forget a deleted object, unless another object of that name was observed meanwhile."""
        seen = self.mark_of(ref, kind, name)
        if seen is not None and _same_object(seen, _mark(uid, "0")):
            self.forget_object(ref, kind, name)

    def is_news(self, ref: SetRef, kind: Kind, name: str, uid: str, version: str) -> bool:
        """Tell whether this is another object than the recorded one, or a later version of it."""
        seen = self.mark_of(ref, kind, name)
        mark = _mark(uid, version)
        return seen is None or not _same_object(seen, mark) or mark > seen

    def is_different(self, ref: SetRef, kind: Kind, name: str, uid: str, version: str) -> bool:
        """Tell whether this is any other version than the recorded one; a restored etcd has older versions."""
        return self.mark_of(ref, kind, name) != _mark(uid, version)

    def mark_of(self, ref: SetRef, kind: Kind, name: str) -> int | None:
        """Return the mark of an object, for comparison with an earlier mark."""
        return self._marks.get(ref, {}).get(_key(kind, name))

    def forget_object(self, ref: SetRef, kind: Kind, name: str) -> None:
        """Forget the object of this name."""
        marks = self._marks.get(ref, {})
        marks.pop(_key(kind, name), None)
        if not marks:
            self.forget_set(ref)

    def copy(self) -> "ObservedVersions":
        """Return a copy."""
        copied = ObservedVersions()
        copied._marks = {ref: dict(marks) for ref, marks in self._marks.items()}
        return copied

    def forget_set(self, ref: SetRef) -> None:
        """Forget all objects of a set."""
        self._marks.pop(ref, None)
        self._copying.discard(ref)

    def set_copying(self, ref: SetRef, copying: bool) -> None:
        """Record whether a set has copies in other namespaces, or asks for them."""
        if copying:
            self._copying.add(ref)
        else:
            self._copying.discard(ref)

    def find_copying_into(self, namespace: str, accepting: Collection[str]) -> frozenset[SetRef]:
        """Return the sets with copies in a namespace, and those that ask for copies from a namespace it accepts."""
        place = f"{Kind.COPY}/{namespace}/"
        return frozenset(
            ref
            for ref in self._copying
            if ref.namespace in accepting or any(key.startswith(place) for key in self._marks.get(ref, {}))
        )

    def has_copies(self, ref: SetRef) -> bool:
        """Tell whether a copy of the set in another namespace is known."""
        return any(key.startswith(f"{Kind.COPY}/") for key in self._marks.get(ref, {}))

    def objects_of(self, ref: SetRef) -> frozenset[tuple[Kind, str]]:
        """Return kind and name of each known object of a set."""
        pairs = (key.split("/", 1) for key in self._marks.get(ref, {}))
        return frozenset((Kind(kind), name) for kind, name in pairs)

    def find_labelled(self, ref: SetRef) -> frozenset[str]:
        """Return kind and name, as in `Secret auth`, of each object that carries the label of the set."""
        kinds = {kind: word for word, kind in OBJECT_KINDS.items()}
        return frozenset(f"{kinds[kind]} {name}" for kind, name in self.objects_of(ref) if kind in kinds)

    def __contains__(self, ref: SetRef) -> bool:
        return ref in self._marks

    def __iter__(self) -> Iterator[SetRef]:
        return iter(list(self._marks))

    def __len__(self) -> int:
        return len(self._marks)


def copy_place(metadata: Mapping[str, Any]) -> str:
    """Return the name of a copy in ObservedVersions."""
    return f"{metadata['namespace']}/{metadata['name']}"


def _key(kind: Kind, name: str) -> str:
    return f"{kind}/{name}"


def _mark(uid: str, version: str) -> int:
    # Versions are numbers that grow (KEP-5504). With another server half of the news would look like echoes;
    # the resync compares for equality and still finds them.
    number = int(version) if version.isdecimal() else hash(version) & (2**_VERSION_BITS - 1)
    return (hash(uid) << _VERSION_BITS) | number


def _same_object(one: int, other: int) -> bool:
    return one >> _VERSION_BITS == other >> _VERSION_BITS


def observe_gathered(versions: ObservedVersions, gathered: Gathered) -> None:
    """Record the versions that were read or written, so that their echo is no news."""
    ref, seen = gathered.observed.ref, gathered.seen
    marks = (
        (Kind.SET, seen.the_set),
        (Kind.KEYRING, seen.keyring),
        (Kind.CONFIG_MAP, seen.configmap),
        (Kind.CONSUMER, seen.secret),
    )
    for kind, thing in marks:
        if thing is not None:
            meta = thing["metadata"]
            versions.observe(ref, kind, meta["name"], meta["uid"], meta["resourceVersion"])
    for thing in (*gathered.copies.targets.values(), *gathered.copies.orphaned):
        if thing is not None and is_copy(thing, ref):
            meta = thing["metadata"]
            versions.observe(ref, Kind.COPY, copy_place(meta), meta["uid"], meta["resourceVersion"])
    for what, thing in gathered.former.seen.items():
        meta = thing["metadata"]
        kind = OBJECT_KINDS[what.partition(" ")[0]]
        versions.observe(ref, kind, meta["name"], meta["uid"], meta["resourceVersion"])
    versions.set_copying(ref, gathered.copies.query is not None or bool(gathered.copies.orphaned))
