"""What was last seen or written of each object, as digests: to tell news from the echo of our own writes.

Nothing here decides anything about keys. A wrong answer costs one pass that writes nothing (said to be news)
or waits for the next audit (said to be an echo), never more.

Per object it holds a uid's hash and the resourceVersion in one integer, about a kilobyte for a whole set.
"""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any

from jwks_operator.api.names import SetRef

_VERSION_BITS = 64  # resourceVersion is etcd's revision, an int64


class Kind(StrEnum):
    """The kinds of objects that a set depends on, the set itself included."""

    SET = "set"
    KEYRING = "keyring"
    CONFIG_MAP = "configmap"
    CONSUMER = "secret"
    SOURCE_SECRET = "source secret"  # noqa: S105 - the kind of an object, no password
    """A Secret that the set may read besides its own; the next one is a ConfigMap alike."""
    SOURCE_CONFIG_MAP = "source configmap"
    COPY = "copy"
    """A copy of the ConfigMap in another namespace, by `<namespace>/<name>`."""


SOURCES = frozenset({Kind.SOURCE_SECRET, Kind.SOURCE_CONFIG_MAP})


class ObjectMemory:
    """Marks of objects per set.

    Every write of ours is fenced by what was read before it, so an event that is older than the mark of the
    same object tells of something already taken into account.
    """

    def __init__(self) -> None:
        self._marks: dict[SetRef, dict[str, int]] = {}
        self._copying: set[SetRef] = set()

    def saw(self, ref: SetRef, kind: Kind, name: str, uid: str, version: str) -> None:
        """Remember the object as read or written just now."""
        self._marks.setdefault(ref, {})[_key(kind, name)] = _mark(uid, version)

    def lost(self, ref: SetRef, kind: Kind, name: str, uid: str) -> None:
        """Forget an object seen gone, unless another one of that name was seen meanwhile."""
        seen = self.mark(ref, kind, name)
        if seen is not None and _same_object(seen, _mark(uid, "0")):
            self.drop(ref, kind, name)

    def is_news(self, ref: SetRef, kind: Kind, name: str, uid: str, version: str) -> bool:
        """Tell whether this is another object than the one remembered, or a later version of it."""
        seen = self.mark(ref, kind, name)
        mark = _mark(uid, version)
        return seen is None or not _same_object(seen, mark) or mark > seen

    def differs(self, ref: SetRef, kind: Kind, name: str, uid: str, version: str) -> bool:
        """Tell whether this is anything but what is remembered: a restored etcd runs versions backwards."""
        return self.mark(ref, kind, name) != _mark(uid, version)

    def mark(self, ref: SetRef, kind: Kind, name: str) -> int | None:
        """Give the mark itself, for comparison with one taken earlier."""
        return self._marks.get(ref, {}).get(_key(kind, name))

    def drop(self, ref: SetRef, kind: Kind, name: str) -> None:
        """Forget one object, whichever it was."""
        marks = self._marks.get(ref, {})
        marks.pop(_key(kind, name), None)
        if not marks:
            self.forget(ref)

    def copy(self) -> "ObjectMemory":
        """Give the memory as it is now."""
        copied = ObjectMemory()
        copied._marks = {ref: dict(marks) for ref, marks in self._marks.items()}
        return copied

    def forget(self, ref: SetRef) -> None:
        """Drop everything about the set."""
        self._marks.pop(ref, None)
        self._copying.discard(ref)

    def copies(self, ref: SetRef, has: bool) -> None:
        """Remember whether a set has, or is to have, copies in other namespaces."""
        if has:
            self._copying.add(ref)
        else:
            self._copying.discard(ref)

    def concerned(self, namespace: str, accepting: Collection[str]) -> frozenset[SetRef]:
        """Give the sets that copy into a namespace, or would like to and are in one that it accepts copies from."""
        place = f"{Kind.COPY}/{namespace}/"
        return frozenset(
            ref
            for ref in self._copying
            if ref.namespace in accepting or any(key.startswith(place) for key in self._marks.get(ref, {}))
        )

    def is_copied(self, ref: SetRef) -> bool:
        """Tell whether a copy of the set in another namespace is remembered."""
        return any(key.startswith(f"{Kind.COPY}/") for key in self._marks.get(ref, {}))

    def names(self, ref: SetRef) -> frozenset[tuple[Kind, str]]:
        """Give kind and name of each object remembered for the set."""
        pairs = (key.split("/", 1) for key in self._marks.get(ref, {}))
        return frozenset((Kind(kind), name) for kind, name in pairs)

    def __contains__(self, ref: SetRef) -> bool:
        return ref in self._marks

    def __iter__(self) -> Iterator[SetRef]:
        return iter(list(self._marks))

    def __len__(self) -> int:
        return len(self._marks)


def copy_place(metadata: Mapping[str, Any]) -> str:
    """Give the name under which a copy is remembered."""
    return f"{metadata['namespace']}/{metadata['name']}"


def _key(kind: Kind, name: str) -> str:
    return f"{kind}/{name}"


def _mark(uid: str, version: str) -> int:
    # Versions are numbers that grow (KEP-5504). From a server with other ones half of the news would be taken
    # for echoes; the audit, which asks for any difference, still finds them.
    number = int(version) if version.isdecimal() else hash(version) & (2**_VERSION_BITS - 1)
    return (hash(uid) << _VERSION_BITS) | number


def _same_object(one: int, other: int) -> bool:
    return one >> _VERSION_BITS == other >> _VERSION_BITS
