"""From an object's metadata to the set it belongs to, and from there onto the agenda if it is news.

Both ways of hearing about objects end here: the watches (handlers.py) and the audits (audit.py). Only
metadata is ever looked at, so no private byte comes this way.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jwks_operator.agenda import Agenda
from jwks_operator.api.names import KEYRING_SUFFIX, LABEL_ALLOW_SET, LABEL_SET, NAME_MAX, PLURAL, SetRef, keyring_name
from jwks_operator.memory import Kind, ObjectMemory

Metadata = Mapping[str, Any]

SECRETS = "secrets"
CONFIG_MAPS = "configmaps"


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
    owner = name if plural == PLURAL else (metadata.get("labels") or {}).get(LABEL_SET, "")
    if not 0 < len(owner) <= NAME_MAX:
        return None
    ref = SetRef(namespace, owner)
    return Sighting(ref, _kind(plural, ref, name), name, metadata["uid"], metadata["resourceVersion"])


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
    """Takes in watch events; `relisted` is told when an event comes from a list instead of a stream.

    `asked` is called by whoever watches, for each of its requests.
    """

    def __init__(
        self, memory: ObjectMemory, agenda: Agenda, relisted: Callable[[], None], asked: Asked = lambda *_: None
    ) -> None:
        self.asked = asked
        self._memory = memory
        self._agenda = agenda
        self._relisted = relisted

    def event(self, plural: str, change: str | None, metadata: Metadata) -> None:
        """Take in one event; `change` is ADDED, MODIFIED or DELETED, or None for an object out of a list.

        DELETED is only a reason to look: it also comes for an object that lost its labels.
        """
        if change is None:
            self._relisted()
        seen = sighting(plural, metadata)
        if seen is not None:
            gone = change == "DELETED"
            self._agenda.hear(seen.ref, lambda: self._take(seen, gone), urgent=change is not None)

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
        for name in {seen.name, seen.name.removesuffix(KEYRING_SUFFIX)} - {seen.ref.name}:
            other = SetRef(seen.ref.namespace, name)
            if any(known == seen.name and kind is not Kind.SET for kind, known in self._memory.names(other)):
                yield other


def _mark(seen: Sighting) -> tuple[SetRef, Kind, str, str, str]:
    return seen.ref, seen.kind, seen.name, seen.uid, seen.version
