"""Routes watch events: from the metadata of an object to its set, which is added to the work queue if it is news.

The watches (kopf_handlers.py) and the resync (resync.py) identify objects here. Only metadata is read, so no private
byte passes through.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jwks_operator.api.names import (
    ANNOTATION_REVOKE,
    ANNOTATION_SOURCE,
    CONSENT_PREFIX,
    KEYRING_SUFFIX,
    LABEL_ALLOW_SET,
    LABEL_SET,
    LABEL_SOURCE_NAMESPACE,
    NAME_MAX,
    PLURAL,
    SetRef,
    keyring_name,
)
from jwks_operator.reconcile.observed_versions import Kind, ObservedVersions, copy_place
from jwks_operator.reconcile.work_queue import Priority, WorkQueue

Metadata = Mapping[str, Any]

SECRETS = "secrets"
CONFIG_MAPS = "configmaps"
NAMESPACES = "namespaces"
_NAMESPACE = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(f"[a-z0-9]([-a-z0-9.]{{0,{NAME_MAX - 2}}}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object, from its metadata: set, kind, name, uid and resourceVersion."""

    ref: SetRef
    kind: Kind
    name: str
    uid: str
    version: str


def identify_object(plural: str, metadata: Metadata) -> ObjectVersion | None:
    """Return the version of a set, a Secret or a ConfigMap; None if its metadata names no set."""
    namespace, name = metadata["namespace"], metadata["name"]
    if plural == CONFIG_MAPS and (source := _source(metadata)) is not None:
        return ObjectVersion(source, Kind.COPY, copy_place(metadata), metadata["uid"], metadata["resourceVersion"])
    owner = name if plural == PLURAL else (metadata.get("labels") or {}).get(LABEL_SET, "")
    if not 0 < len(owner) <= NAME_MAX:
        return None
    ref = SetRef(namespace, owner)
    return ObjectVersion(ref, _kind(plural, ref, name), name, metadata["uid"], metadata["resourceVersion"])


def _source(metadata: Metadata) -> SetRef | None:
    """Return the set in another namespace of which a ConfigMap is a copy; None if it is no copy."""
    labels = metadata.get("labels") or {}
    labelled = f"{labels.get(LABEL_SOURCE_NAMESPACE, '')}/{labels.get(LABEL_SET, '')}"
    namespace, _, name = (metadata.get("annotations") or {}).get(ANNOTATION_SOURCE, labelled).partition("/")
    if namespace == metadata["namespace"] or not _NAMESPACE.fullmatch(namespace) or not _NAME.fullmatch(name):
        return None
    return SetRef(namespace, name)


def identify_source(plural: str, metadata: Metadata) -> ObjectVersion | None:
    """Return the version of an object that a set may read by a label of consent; None if the label names no set."""
    owner = (metadata.get("labels") or {}).get(LABEL_ALLOW_SET, "")
    if not 0 < len(owner) <= NAME_MAX:
        return None
    kind = Kind.SOURCE_CONFIG_MAP if plural == CONFIG_MAPS else Kind.SOURCE_SECRET
    ref = SetRef(metadata["namespace"], owner)
    return ObjectVersion(ref, kind, metadata["name"], metadata["uid"], metadata["resourceVersion"])


def priority_of(seen: ObjectVersion, metadata: Metadata) -> Priority:
    """Return the priority of news: a change of an object of a set, or a set with a revocation, before other sets."""
    revokes = ANNOTATION_REVOKE in (metadata.get("annotations") or {})
    return Priority.URGENT if seen.kind is Kind.SET and not revokes else Priority.REPAIR


def _kind(plural: str, ref: SetRef, name: str) -> Kind:
    if plural == PLURAL:
        return Kind.SET
    if plural == CONFIG_MAPS:
        return Kind.CONFIG_MAP
    # Metadata has no `type`, but the record's name is fixed.
    return Kind.KEYRING if name == keyring_name(ref.name) else Kind.CONSUMER


CountRequest = Callable[[str, str, str], None]
"""Counts a request of the watches: verb, resource, status code."""


class EventRouter:
    """Takes in watch events; `on_relist` is called after a list, `count_request` after each request of the watches.

    Unless all namespaces are watched, copies in other namespaces are ignored.
    """

    def __init__(
        self,
        versions: ObservedVersions,
        queue: WorkQueue,
        on_relist: Callable[[], None],
        count_request: CountRequest = lambda *_: None,
        everywhere: bool = True,
    ) -> None:
        self.count_request = count_request
        self._versions = versions
        self._queue = queue
        self._on_relist = on_relist
        self._everywhere = everywhere
        self._namespaces: dict[str, int] = {}

    def route_event(self, plural: str, change: str | None, metadata: Metadata) -> None:
        """Take in one event; `change` is ADDED, MODIFIED or DELETED, or None for an object from a list.

        DELETED does not prove a deletion: it is also sent for an object that lost its labels.
        """
        seen = self._identify(plural, metadata)
        if seen is not None:
            gone = change == "DELETED"
            self._queue.add_if_news(seen.ref, lambda: self._observe(seen, gone), priority_of(seen, metadata))

    def request_resync(self) -> None:
        """Ask for a resync after a list: events before the list may be missing."""
        self._on_relist()

    def handle_known(self, plural: str, metadata: Metadata) -> bool:
        """Tell whether an existing object needs no event: its version is known, or a pass over its set is running.

        In the second case it is most likely the echo of that pass and is checked after it.
        """
        seen = self._identify(plural, metadata)
        if seen is None or not self._versions.is_news(*_mark(seen)):
            return True
        if not self._queue.is_running(seen.ref):
            return False
        self._queue.add_if_news(seen.ref, lambda: self._observe(seen, gone=False), priority_of(seen, metadata))
        return True

    def route_namespace(self, change: str | None, metadata: Metadata) -> None:
        """Take in an event about a namespace: add the sets that copy into it, or may do so from now on."""
        name, labels = metadata["name"], metadata.get("labels") or {}
        state = None if change == "DELETED" else hash((frozenset(labels.items()), "deletionTimestamp" in metadata))
        if self._namespaces.get(name) == state:
            return
        if state is None:
            del self._namespaces[name]
        else:
            self._namespaces[name] = state
        accepting = {label.removeprefix(CONSENT_PREFIX) for label in labels if label.startswith(CONSENT_PREFIX)}
        for ref in sorted(self._versions.find_copying_into(name, accepting)):
            self._queue.add(ref, Priority.ROUTINE if change is None else Priority.URGENT)

    def _identify(self, plural: str, metadata: Metadata) -> ObjectVersion | None:
        seen = identify_object(plural, metadata)
        return None if seen is None or (seen.kind is Kind.COPY and not self._everywhere) else seen

    def _observe(self, seen: ObjectVersion, gone: bool) -> bool:
        """Record the version of an object; tell whether it is news."""
        if not self._versions.is_news(*_mark(seen)):
            return False
        if gone:
            self._versions.forget_deleted(seen.ref, seen.kind, seen.name, seen.uid)
        else:
            self._versions.observe(*_mark(seen))
        for owner in self._former_owners(seen):
            self._queue.add(owner, Priority.REPAIR)
        return True

    def _former_owners(self, seen: ObjectVersion) -> Iterator[SetRef]:
        """Yield the sets that know this object by its name, if its labels now name another set."""
        source = SetRef(seen.name.partition(".")[0], seen.ref.name)
        if any(known == f"{seen.ref.namespace}/{seen.name}" for _, known in self._versions.objects_of(source)):
            yield source  # a copy without its labels and annotation
        for name in {seen.name, seen.name.removesuffix(KEYRING_SUFFIX)} - {seen.ref.name}:
            other = SetRef(seen.ref.namespace, name)
            if any(known == seen.name and kind is not Kind.SET for kind, known in self._versions.objects_of(other)):
                yield other


def _mark(seen: ObjectVersion) -> tuple[SetRef, Kind, str, str, str]:
    return seen.ref, seen.kind, seen.name, seen.uid, seen.version
