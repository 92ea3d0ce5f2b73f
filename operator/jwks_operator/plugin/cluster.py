"""The cluster as a user may read it: sets with their status and published keys, and the API server's clock."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from jwks_operator.api.names import SetRef
from jwks_operator.api.parse import SpecError, parse_spec
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.api.status_model import Condition, JsonWebKeySetStatus, KeyState, KeyStatus
from jwks_operator.core.model.observed_state import ObservedState
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.planner.record_from_status import record_from_status
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.members import parse_json_strict
from jwks_operator.kube.client import CONFIGMAPS, SETS, Client, Object
from jwks_operator.kube.errors import KubeError, Refused
from jwks_operator.kube.user_connection import UserConnection, annotate_set, connect_as_user
from jwks_operator.plugin.exit_codes import not_found_error, raise_failure
from jwks_operator.plugin.place import Place


@dataclass(frozen=True, slots=True)
class ObservedSet:
    """One set with its status and the keys that its ConfigMap publishes."""

    ref: SetRef
    object: Object
    spec: JsonWebKeySetSpec | None
    complaint: str | None
    status: JsonWebKeySetStatus
    configmap: Object | None = None
    published: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    hidden: bool = False
    """Whether the ConfigMap may not be read; then the published keys are unknown."""

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations of the set."""
        return self.object["metadata"].get("annotations") or {}

    @property
    def looked_at(self) -> bool:
        """Whether the operator has observed the present spec."""
        return bool(self.status.observed_generation == self.object["metadata"]["generation"])

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of this type."""
        return next((one for one in self.status.conditions if one.type == kind), None)

    def keys(self, entry: str, state: KeyState) -> tuple[KeyStatus, ...]:
        """Return the keys of an entry in a state."""
        return tuple(key for key in self.status.keys if key.name == entry and key.state is state)

    def active(self, entry: str) -> KeyStatus | None:
        """Return the active key of an entry."""
        return next(iter(self.keys(entry, KeyState.ACTIVE)), None)

    def observed(self, now: datetime, annotations: Mapping[str, str] | None = None) -> ObservedState:
        """Return the facts to plan from, with other annotations if some are given."""
        record = (
            None
            if self.spec is None
            else record_from_status(self.ref, policy_from_spec(self.spec), self.status, self.published, now)
        )
        asked = self.annotations if annotations is None else annotations
        return ObservedState(
            self.ref, self.object["metadata"]["generation"], self.spec, annotations=asked, record=record
        )


@dataclass(slots=True)
class Cluster:
    """An open connection to a cluster."""

    way: UserConnection
    client: Client
    namespace: str
    _heard: tuple[datetime, float] | None = None

    def hear(self, date: datetime) -> None:
        """Record the time in the Date header of the API server."""
        if self._heard is None or date > self._heard[0] + timedelta(seconds=time.monotonic() - self._heard[1]):
            self._heard = date, time.monotonic()

    def now(self) -> datetime:
        """Return the time by the API server's clock, which the operator uses too."""
        if self._heard is None:
            return datetime.now(UTC)
        return self._heard[0] + timedelta(seconds=time.monotonic() - self._heard[1])

    async def the_set(self, name: str) -> ObservedSet:
        """Return a set of the namespace; raises Failure if it does not exist."""
        found = await self.find_set(SetRef(self.namespace, name))
        if found is None:
            others = [each["metadata"]["name"] for each in (await self.client.list(SETS, self.namespace))[0]]
            there = f"it has {', '.join(sorted(others))}" if others else "it has none; check -n and --context"
            raise not_found_error(f"namespace {self.namespace} has no set {name!r}; {there}")
        return found

    async def find_set(self, ref: SetRef) -> ObservedSet | None:
        """Return a set, or None if it does not exist."""
        try:
            seen = await self.client.read(SETS, ref.namespace, ref.name)
        except ValueError:
            return None  # what is no Kubernetes name names nothing
        return None if seen is None else await self.with_published(read_set_object(seen))

    async def sets(self, namespace: str | None) -> list[ObservedSet]:
        """Return all sets of a namespace, or of the cluster, by name, without their published keys."""
        found = [read_set_object(each) for each in (await self.client.list(SETS, namespace))[0]]
        return sorted(found, key=lambda each: each.ref)

    async def with_published(self, seen: ObservedSet) -> ObservedSet:
        """Return the set with its ConfigMap, if that may be read."""
        if seen.spec is None:
            return seen
        name = seen.spec.publish.config_map.name or seen.ref.name
        try:
            configmap = await self.client.read(CONFIGMAPS, seen.ref.namespace, name)
        except Refused:
            return replace(seen, hidden=True)
        text = ((configmap or {}).get("data") or {}).get(seen.spec.publish.config_map.key, "")
        return replace(seen, configmap=configmap, published=keys_in(text.encode()))

    async def annotate(self, seen: ObservedSet, annotations: Mapping[str, str | None]) -> ObservedSet:
        """Set or remove annotations of a set; Conflict if it changed since it was read."""
        version = seen.object["metadata"]["resourceVersion"]
        return read_set_object(await annotate_set(self.way.transport, seen.ref, version, annotations))


@asynccontextmanager
async def open_cluster(place: Place) -> AsyncIterator[Cluster]:
    """Connect to the cluster; raises Failure with the cure."""
    try:
        way = await connect_as_user(place.kubeconfig, place.context)
        try:
            cluster = Cluster(way, Client(way.transport), place.namespace or way.namespace)
            cluster.client = Client(way.transport, on_date=cluster.hear)
            yield cluster
        finally:
            await way.transport.close()
    except KubeError as error:
        raise_failure(error)


def read_set_object(seen: Object) -> ObservedSet:
    """Return a set from its object, as far as this version can read it."""
    ref = SetRef(seen["metadata"]["namespace"], seen["metadata"]["name"])
    try:
        spec, complaint = parse_spec(seen), None
    except SpecError as error:
        spec, complaint = None, str(error)
    try:
        status = JsonWebKeySetStatus.model_validate(seen.get("status") or {})
    except ValidationError:
        status = JsonWebKeySetStatus()
    return ObservedSet(ref, seen, spec, complaint, status)


def keys_in(text: bytes) -> dict[str, Mapping[str, Any]]:
    """Return the members of each key of a JWK Set by kid; none for an unreadable set."""
    try:
        document = parse_json_strict(text)
    except JwkError:
        return {}
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        return {}
    return {str(key["kid"]): key for key in keys if isinstance(key, dict) and "kid" in key}
