"""From an object's metadata to the set it belongs to, and from there onto the agenda if it is news.

Both ways of hearing about objects end here: the watches (handlers.py) and the audits (audit.py). Only
metadata is ever looked at, so no private byte comes this way.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jwks_operator.api.names import (
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
from jwks_operator.reconcile.observed_versions import Kind, ObjectMemory, copy_place
from jwks_operator.reconcile.work_queue import Agenda

Metadata = Mapping[str, Any]

SECRETS = "secrets"
CONFIG_MAPS = "configmaps"
NAMESPACES = "namespaces"
_NAMESPACE = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(f"[a-z0-9]([-a-z0-9.]{{0,{NAME_MAX - 2}}}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One object as metadata tells of it: whose it is, what it is, and in which version."""

    ref: SetRef
    kind: Kind
    name: str
    uid: str
    version: str


def sighting(plural: str, metadata: Metadata) -> Sighting | None:
    """Read the metadata of a set, a Secret or a ConfigMap; None if it names no set (then it is not ours)."""
    namespace, name = metadata["namespace"], metadata["name"]
    if plural == CONFIG_MAPS and (source := _source(metadata)) is not None:
        return Sighting(source, Kind.COPY, copy_place(metadata), metadata["uid"], metadata["resourceVersion"])
    owner = name if plural == PLURAL else (metadata.get("labels") or {}).get(LABEL_SET, "")
    if not 0 < len(owner) <= NAME_MAX:
        return None
    ref = SetRef(namespace, owner)
    return Sighting(ref, _kind(plural, ref, name), name, metadata["uid"], metadata["resourceVersion"])


def _source(metadata: Metadata) -> SetRef | None:
    """Of which set in another namespace a ConfigMap is a copy; None if it is none."""
    labels = metadata.get("labels") or {}
    labelled = f"{labels.get(LABEL_SOURCE_NAMESPACE, '')}/{labels.get(LABEL_SET, '')}"
    namespace, _, name = (metadata.get("annotations") or {}).get(ANNOTATION_SOURCE, labelled).partition("/")
    if namespace == metadata["namespace"] or not _NAMESPACE.fullmatch(namespace) or not _NAME.fullmatch(name):
        return None
    return SetRef(namespace, name)


def source_sighting(plural: str, metadata: Metadata) -> Sighting | None:
    """Read the metadata of an object that consents to be read by a set; None if its label names none."""
    owner = (metadata.get("labels") or {}).get(LABEL_ALLOW_SET, "")
    if not 0 < len(owner) <= NAME_MAX:
        return None
    kind = Kind.SOURCE_CONFIG_MAP if plural == CONFIG_MAPS else Kind.SOURCE_SECRET
    ref = SetRef(metadata["namespace"], owner)
    return Sighting(ref, kind, metadata["name"], metadata["uid"], metadata["resourceVersion"])


def _kind(plural: str, ref: SetRef, name: str) -> Kind:
    if plural == PLURAL:
        return Kind.SET
    if plural == CONFIG_MAPS:
        return Kind.CONFIG_MAP
    # Metadata has no `type`, but the record's name is fixed.
    return Kind.KEYRING if name == keyring_name(ref.name) else Kind.CONSUMER


Asked = Callable[[str, str, str], None]
"""Told of each request of the watches: verb, resource, status code."""


class Sightings:
    """Takes in watch events; `relisted` is told when something was listed instead of watched.

    `asked` is called by whoever watches, for each of its requests. Unless all namespaces are watched, copies of sets
    in other ones are none of our business.
    """

    def __init__(
        self,
        memory: ObjectMemory,
        agenda: Agenda,
        relisted: Callable[[], None],
        asked: Asked = lambda *_: None,
        everywhere: bool = True,
    ) -> None:
        self.asked = asked
        self._memory = memory
        self._agenda = agenda
        self._relisted = relisted
        self._everywhere = everywhere
        self._namespaces: dict[str, int] = {}

    def event(self, plural: str, change: str | None, metadata: Metadata) -> None:
        """Take in one event; `change` is ADDED, MODIFIED or DELETED, or None for an object out of a list.

        DELETED is only a reason to look: it also comes for an object that lost its labels.
        """
        seen = self._of_ours(plural, metadata)
        if seen is not None:
            gone = change == "DELETED"
            self._agenda.hear(seen.ref, lambda: self._take(seen, gone), urgent=True)

    def listed(self) -> None:
        """Take in that a watch began with a list, so that it may have missed something before."""
        self._relisted()

    def settles(self, plural: str, metadata: Metadata) -> bool:
        """Tell whether nothing remains to be done about an object that is there in this version.

        It is known, or it is heard of while its set is worked on: most likely the echo of that work, it is weighed
        when that is done.
        """
        seen = self._of_ours(plural, metadata)
        if seen is None or not self._memory.is_news(*_mark(seen)):
            return True
        if not self._agenda.is_running(seen.ref):
            return False
        self._agenda.hear(seen.ref, lambda: self._take(seen, gone=False), urgent=True)
        return True

    def namespace(self, change: str | None, metadata: Metadata) -> None:
        """Take in an event about a namespace: the sets that copy into it, or may from now on, have to look."""
        name, labels = metadata["name"], metadata.get("labels") or {}
        state = None if change == "DELETED" else hash((frozenset(labels.items()), "deletionTimestamp" in metadata))
        if self._namespaces.get(name) == state:
            return
        if state is None:
            del self._namespaces[name]
        else:
            self._namespaces[name] = state
        accepting = {label.removeprefix(CONSENT_PREFIX) for label in labels if label.startswith(CONSENT_PREFIX)}
        for ref in sorted(self._memory.concerned(name, accepting)):
            self._agenda.put(ref, urgent=change is not None)

    def _of_ours(self, plural: str, metadata: Metadata) -> Sighting | None:
        seen = sighting(plural, metadata)
        return None if seen is None or (seen.kind is Kind.COPY and not self._everywhere) else seen

    def _take(self, seen: Sighting, gone: bool) -> bool:
        """Remember what was seen; tell whether it was news."""
        if not self._memory.is_news(*_mark(seen)):
            return False
        if gone:
            self._memory.lost(seen.ref, seen.kind, seen.name, seen.uid)
        else:
            self._memory.saw(*_mark(seen))
        for robbed in self._robbed(seen):
            self._agenda.put(robbed, urgent=True)
        return True

    def _robbed(self, seen: Sighting) -> Iterator[SetRef]:
        """Find the set that knew this object under the usual name, if the label now names another one."""
        source = SetRef(seen.name.partition(".")[0], seen.ref.name)
        if any(known == f"{seen.ref.namespace}/{seen.name}" for _, known in self._memory.names(source)):
            yield source  # a copy that lost all signs of being one
        for name in {seen.name, seen.name.removesuffix(KEYRING_SUFFIX)} - {seen.ref.name}:
            other = SetRef(seen.ref.namespace, name)
            if any(known == seen.name and kind is not Kind.SET for kind, known in self._memory.names(other)):
                yield other


def _mark(seen: Sighting) -> tuple[SetRef, Kind, str, str, str]:
    return seen.ref, seen.kind, seen.name, seen.uid, seen.version
