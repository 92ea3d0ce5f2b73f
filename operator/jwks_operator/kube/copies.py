"""Copies of the public ConfigMap in other namespaces: find the wanted and the existing ones, and write the difference.

A namespace gets a copy if the set selects it and the namespace consents; every pass reads both labels from the API
server. A refused copy never blocks the objects of the set itself. A ConfigMap of that name that is not a copy of the
set is never changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jwks_operator.api import names
from jwks_operator.api.names import SetRef, consent_label, copy_name
from jwks_operator.api.reasons import EventReason
from jwks_operator.core.features.copies_plan import describe_edited_copy
from jwks_operator.core.model.observed_state import Copy, DriftState, ObservedState
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import Record, RecordedEvent
from jwks_operator.core.outputs.projections import list_published_by_document
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.members import parse_json_strict
from jwks_operator.keys.public_pem import is_public_pem, kids_in_pem, render_public_pem
from jwks_operator.kube.client import CONFIGMAPS, NAMESPACES, Client, Object
from jwks_operator.kube.errors import KubeError, Missing, NamespaceTerminating, Refused
from jwks_operator.kube.object_writes import describe_replacement, write_object
from jwks_operator.kube.objects import compare_object, copy_object, is_copy

Keys = Mapping[str, Mapping[str, Any]]
"""Public JWKs by kid."""

TOLD = 5
"""Up to this number, each copy has an Event of its own; more share one Event."""


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies of a set, as observed in this pass."""

    query: str | None = None
    """The label query for the namespaces that get a copy; None: no namespace."""
    targets: Mapping[str, Object | None] = field(default_factory=dict)
    """Namespace that gets a copy → the ConfigMap of that name there; None: it does not exist."""
    orphaned: tuple[Object, ...] = ()
    """Orphaned copies: copies in namespaces that must not have one."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Namespace → why its copy could not be written or removed in this pass."""
    withheld: frozenset[str] = frozenset()
    """Namespaces whose copy is not repaired in this pass, because another client changes it after every repair."""
    unordered: frozenset[str] = frozenset()
    """Namespaces whose refused copy differs in nothing that a verifier needs: it has the same keys in another order."""
    complaint: str = ""
    """Why the namespaces cannot be read; then no copy is written and no step is confirmed."""

    @property
    def complete(self) -> bool:
        """Whether every wanted copy has its keys; an orphaned copy that cannot be removed does not count."""
        behind = (self.refused.keys() - self.unordered) | self.withheld
        return not self.complaint and not any(namespace in self.targets for namespace in behind)

    def existing(self, ref: SetRef) -> Mapping[str, Object]:
        """Return the copies of the set that were found, by kind and place, whether they are to be or not."""
        found = (each for each in (*self.orphaned, *self.targets.values()) if each is not None and is_copy(each, ref))
        return {f"ConfigMap {each['metadata']['namespace']}/{each['metadata']['name']}": each for each in found}


def namespace_query(in_force: Policy, written: Policy | None) -> str | None:
    """Return the query for the namespaces that are to have a copy; None if none is.

    A namespace must satisfy the policy in force and the written spec: a user who removes a namespace that blocks a
    step must not wait for that step.
    """
    found = [policy.publish.namespaces for policy in (in_force, written) if policy is not None]
    queries = [query for query in found if query is not None]
    return ",".join(dict.fromkeys(filter(None, queries))) if len(queries) == len(found) else None


async def find_copies(client: Client, ref: SetRef, configmap: str, query: str | None) -> Copies:
    """Return the existing and the wanted copies; a missing right is a complaint, other errors raise KubeError."""
    try:
        return await _find(client, ref, configmap, query)
    except Refused as refusal:
        return Copies(query, complaint=str(refusal))


async def _find(client: Client, ref: SetRef, configmap: str, wanted: str | None) -> Copies:
    ours = {names.LABEL_SET: ref.name, names.LABEL_SOURCE_NAMESPACE: ref.namespace}
    query = ",".join((names.MANAGED_SELECTOR, *(f"{name}={value}" for name, value in ours.items())))
    listed, _ = await client.list(CONFIGMAPS, None, query)
    there = {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in listed}
    targets: dict[str, Object | None] = {}
    name = copy_name(ref, configmap)
    for namespace in [] if wanted is None else await _consenting(client, ref, wanted):
        found = there.pop((namespace, name), None)
        # An object without our labels, or of another owner, is in no list.
        targets[namespace] = found or await client.read(CONFIGMAPS, namespace, name)
    prefix = copy_name(ref, "")
    orphaned = (
        each
        for (namespace, named), each in there.items()
        if namespace != ref.namespace and named[: len(prefix)] == prefix
    )
    return Copies(wanted, targets, tuple(orphaned))


async def _consenting(client: Client, ref: SetRef, wanted: str) -> list[str]:
    query = ",".join(filter(None, (wanted, f"{consent_label(ref.namespace)}=true")))
    found, _ = await client.list(NAMESPACES, None, query, metadata_only=True)
    metadata = (each["metadata"] for each in found)
    return sorted(m["name"] for m in metadata if m["name"] != ref.namespace and not m.get("deletionTimestamp"))


async def write_copies(
    client: Client, observed: ObservedState, record: Record, copies: Copies, *, repairs: bool
) -> tuple[Copies, tuple[RecordedEvent, ...]]:
    """Write the wanted copies, remove the orphaned ones; return the new state and the Events.

    A namespace that refused before in this pass is not tried again. With `repairs` only the copies can have changed,
    so that a difference is an edit by another client. Every namespace is tried; then the first KubeError that is not a
    refusal is raised.
    """
    keeper = _CopyWriter(client, observed.ref, dict(copies.targets), dict(copies.refused), repairs)
    for namespace in copies.targets:
        if namespace not in copies.refused and namespace not in copies.withheld:
            await keeper.write(namespace, copy_object(observed.ref, record, namespace, observed.shard))
    written, told = await keeper.done(copies)
    refused = ((namespace, written.targets.get(namespace)) for namespace in written.refused)
    same = (namespace for namespace, seen in refused if seen is not None and not any(_differences(seen, record)))
    return replace(written, unordered=frozenset(same)), told


async def delete_copies(client: Client, ref: SetRef, copies: Copies) -> tuple[Copies, tuple[RecordedEvent, ...]]:
    """Remove the copies of a deleted set; return the new state and the Events. Raises as `write_copies` does."""
    return await _CopyWriter(client, ref, {}, dict(copies.refused)).done(copies)


@dataclass(slots=True)
class _CopyWriter:
    """The writes of one pass and their results."""

    client: Client
    ref: SetRef
    targets: dict[str, Object | None]
    refused: dict[str, str]
    repairs: bool = False
    events: list[RecordedEvent] = field(default_factory=list)
    trouble: KubeError | None = None

    async def done(self, copies: Copies) -> tuple[Copies, tuple[RecordedEvent, ...]]:
        """Remove the orphaned copies; return the new state and the Events, or raise the first error."""
        orphaned = tuple([each for each in copies.orphaned if not await self.remove(each)])
        if self.trouble is not None:
            raise self.trouble
        return replace(copies, targets=self.targets, orphaned=orphaned, refused=self.refused), tuple(self._summarize())

    async def write(self, namespace: str, wanted: Object) -> None:
        """Create or change the copy in a namespace, unless the object has another owner."""
        seen = self.targets[namespace]
        if seen is not None and not is_copy(seen, self.ref):
            return
        try:
            self.targets[namespace], replaced = await write_object(self.client, CONFIGMAPS, wanted, seen)
            if seen is None:
                self.events.append(RecordedEvent(EventReason.COPY_MADE, namespace))
            elif replaced:
                self.events.append(describe_replacement(f"the copy in namespace {namespace}"))
            elif self.repairs and self.targets[namespace] is not seen:
                self.events.append(RecordedEvent(EventReason.OBJECT_REPAIRED, describe_edited_copy(namespace)))
        except NamespaceTerminating:
            del self.targets[namespace]
        except Missing as gone:
            self._gone(namespace, gone)
        except Refused as refusal:
            self.refused[namespace] = str(refusal)
        except KubeError as trouble:
            self.trouble = self.trouble or trouble

    async def remove(self, orphan: Object) -> bool:
        """Delete a copy; return whether it is gone."""
        namespace = orphan["metadata"]["namespace"]
        if namespace in self.refused:
            return False
        try:
            await self.client.delete(CONFIGMAPS, orphan)
        except Refused as refusal:
            self.refused[namespace] = str(refusal)
        except KubeError as trouble:
            self.trouble = self.trouble or trouble
        else:
            self.events.append(RecordedEvent(EventReason.COPY_REMOVED, namespace))
            return True
        return False

    def _summarize(self) -> Iterator[RecordedEvent]:
        """Yield an Event for each change, or one for many changes of a kind."""
        for event in dict.fromkeys(recorded.event for recorded in self.events):
            what = [recorded.reason for recorded in self.events if recorded.event == event]
            if len(what) <= TOLD:
                yield from (RecordedEvent(event, reason) for reason in what)
            else:
                yield RecordedEvent(event, f"{', '.join(what[:TOLD])} and {len(what) - TOLD} more")

    def _gone(self, namespace: str, gone: Missing) -> None:
        if gone.kind == NAMESPACES.plural:
            del self.targets[namespace]
        else:  # the copy itself, since it was seen: look again
            self.trouble = self.trouble or gone


def has_pending_writes(observed: ObservedState, copies: Copies) -> bool:
    """Tell whether a copy must be written or removed."""
    drifted = (copy.namespace for copy in compare_copies(observed, copies) if copy.drift.drifted)
    return bool(copies.orphaned) or any(namespace not in copies.withheld for namespace in drifted)


def compare_copies(observed: ObservedState, copies: Copies) -> tuple[Copy, ...]:
    """Return how each copy compares with the record."""
    record = observed.record
    if record is None:
        return ()
    stuck = ((namespace, why) for namespace, why in copies.refused.items() if namespace not in copies.targets)
    return (
        *(_fact(observed, record, namespace, copies) for namespace in sorted(copies.targets)),
        *(Copy(namespace, DriftState.SAME, refused=why, leaves=True) for namespace, why in sorted(stuck)),
    )


def _fact(observed: ObservedState, record: Record, namespace: str, copies: Copies) -> Copy:
    seen, refused = copies.targets[namespace], copies.refused.get(namespace, "")
    ours = seen is not None and is_copy(seen, observed.ref)
    found = compare_object(copy_object(observed.ref, record, namespace, observed.shard), seen, ours=ours)
    if found is DriftState.RELABELLED and namespace in copies.withheld:
        found = DriftState.SAME
    if found is not DriftState.DIFFERS or seen is None:
        return Copy(namespace, found, refused=refused)
    missing, extra = _differences(seen, record)
    return Copy(namespace, found, missing, extra, refused)


def _differences(seen: Object, record: Record) -> tuple[frozenset[str], frozenset[str]]:
    """Return the kids that a copy lacks in one of its documents, and those that it has beyond the record."""
    missing: set[str] = set()
    extra: set[str] = set()
    for name, keys in list_published_by_document(record).items():
        shown = _shown(str((seen.get("data") or {}).get(name, "")), keys)
        missing |= {kid for kid, public in keys.items() if not _holds(shown, kid, public)}
        extra |= shown.keys() - keys.keys()
    return frozenset(missing), frozenset(extra)


def _shown(text: str, keys: Keys) -> Keys:
    """By kid, the keys of a document, which is a JWK Set or PEM; one that cannot be read shows none."""
    if not is_public_pem(text):
        return _keys(text)
    shown: dict[str, Mapping[str, Any]] = {kid: {} for kid in kids_in_pem(text)}
    return shown | {kid: public for kid, public in keys.items() if render_public_pem([public]) in text}


def _keys(text: str) -> Keys:
    try:
        document = parse_json_strict(text.encode())
    except JwkError:
        return {}
    keys = document.get("keys") if isinstance(document, dict) else None
    listed = keys if isinstance(keys, list) else []
    return {key["kid"]: key for key in listed if isinstance(key, dict) and isinstance(key.get("kid"), str)}


def _holds(shown: Keys, kid: str, public: Mapping[str, Any]) -> bool:
    found = shown.get(kid, {})
    return all(found.get(name) == value for name, value in public.items())
