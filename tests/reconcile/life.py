"""A set's life on the fake API server: one operator, a clock that the test moves, and looks at what is there."""

import json
from base64 import b64decode
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from fakes.apiserver import FakeApiServer
from fakes.keys import KeysAtOnce
from fakes.seam import FakeTransport
from jwks_operator.api.names import SetRef, keyring_name
from jwks_operator.keys.generate import KeyFactory
from jwks_operator.kube.client import CONFIGMAPS, CRDS, NAMESPACES, SECRETS, SETS, Call, Client, Object, Resource
from jwks_operator.kube.endpoint_fetch import Fetch
from jwks_operator.kube.endpoints import EndpointAsker
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.config import ReconcilerConfig
from jwks_operator.reconcile.observed_versions import ObservedVersions
from jwks_operator.reconcile.reconciler import Reconciler

REF = SetRef("shop", "auth")
START = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
CRD = yaml.safe_load((Path(__file__).parents[2] / "crds" / "jsonwebkeysets.jwks-operator.dev.yaml").read_text())
ES256 = {"keys": [{"name": "signing", "algorithm": "ES256"}]}
DELETION_DELAY = timedelta(minutes=10)


@dataclass
class Time:
    """Wall and monotonic clock of the whole world, moved by hand."""

    now: datetime = START
    monotonic: float = 1000.0

    def wall(self) -> datetime:
        return self.now

    def ticks(self) -> float:
        return self.monotonic

    def pass_by(self, span: timedelta) -> None:
        self.now += span
        self.monotonic += span.total_seconds()


@dataclass
class Life:
    """The world of one set; `operator` is replaced when it crashes."""

    time: Time = field(default_factory=Time)
    means: ReconcilerConfig = field(default_factory=lambda: ReconcilerConfig(DELETION_DELAY))
    fetch: Fetch | None = None
    """How the endpoints of Services are asked, if they are."""

    def __post_init__(self) -> None:
        self.server = FakeApiServer(self.time.wall)
        self.people = Client(FakeTransport(self.server))
        self.keys = KeyFactory()
        self.start_operator()

    def start_operator(self, *faults: Any) -> None:
        """Start a new operator process: nothing in memory, its own way to the API server."""
        self.seam = FakeTransport(self.server, list(faults))
        clock = Clock(self.time.wall, self.time.ticks)
        client = Client(self.seam, clock.hear_date)
        means = self.means if self.fetch is None else replace(self.means, ask=EndpointAsker(client, self.fetch).ask)
        self.versions = ObservedVersions()
        self.operator = Reconciler(client, KeysAtOnce(self.keys), clock, self.versions, means)

    async def begin(self, spec: dict[str, Any] | None = None, **metadata: Any) -> None:
        """Create namespace, CRD and the set; the operator has not looked yet."""
        await self.people.create(NAMESPACES, None, {"metadata": {"name": REF.namespace}})
        await self.people.create(CRDS, None, CRD)
        await self.create_set(spec, **metadata)

    async def create_set(self, spec: dict[str, Any] | None = None, **metadata: Any) -> None:
        body = {"metadata": {"name": REF.name, "namespace": REF.namespace, **metadata}, "spec": spec or ES256}
        await self.people.create(SETS, REF.namespace, body)

    async def pass_(self) -> datetime | None:
        """One pass of the operator over the set."""
        return await self.operator.reconcile(REF)

    async def after(self, span: timedelta) -> datetime | None:
        """Let time pass, then one pass."""
        self.time.pass_by(span)
        return await self.pass_()

    async def live(self, span: timedelta, longest: timedelta = timedelta(days=3650)) -> None:
        """Let the operator wake whenever it asked to, until the span has passed."""
        end = self.time.now + span
        wake = await self.pass_()
        while wake is not None and wake <= end:
            self.time.pass_by(max(wake - self.time.now, timedelta(milliseconds=1)))
            wake = await self.pass_()
        self.time.pass_by(end - self.time.now)
        await self.pass_()

    # --- what people do ---

    async def edit(self, resource: Resource, name: str, change: Any) -> None:
        """Change an object as kubectl would, under another field manager than the operator's."""
        seen = await self.read(resource, name)
        change(seen)
        typed = {**seen, "apiVersion": resource.api_version, "kind": resource.kind}
        path = resource.path(REF.namespace, name)
        reply = self.server.handle(Call("PUT", path, {"fieldManager": "kubectl-edit"}, typed))
        assert reply.status == 200, reply.body

    async def delete(self, resource: Resource, name: str) -> None:
        await self.people.delete(resource, await self.read(resource, name))

    async def set_spec(self, spec: dict[str, Any]) -> None:
        await self.edit(SETS, REF.name, lambda seen: seen.update(spec=spec))

    async def edit_spec(self, **fields: Any) -> None:
        await self.edit(SETS, REF.name, lambda seen: seen["spec"].update(fields))

    async def annotate(self, **annotations: str) -> None:
        named = {f"jwks-operator.dev/{name}": text for name, text in annotations.items()}
        await self.edit(SETS, REF.name, lambda seen: seen["metadata"].update(annotations=named))

    # --- what people see ---

    async def read(self, resource: Resource, name: str) -> Object:
        seen = await self.people.read(resource, REF.namespace, name)
        assert seen is not None, f"{resource.kind} {name} is gone"
        return seen

    async def status(self) -> dict[str, Any]:
        return dict((await self.read(SETS, REF.name)).get("status") or {})

    async def condition(self, kind: str) -> tuple[str, str]:
        found = {c["type"]: c for c in (await self.status())["conditions"]}
        return found[kind]["status"], found[kind]["reason"]

    async def states(self, entry: str = "signing") -> dict[str, list[str]]:
        """Kids by state, as the status tells them."""
        found: dict[str, list[str]] = {}
        for key in (await self.status()).get("keys", ()):
            if key["name"] == entry:
                found.setdefault(key["state"], []).append(key["kid"])
        return found

    async def published(self) -> list[str]:
        data = (await self.read(CONFIGMAPS, REF.name))["data"]
        return [key["kid"] for key in json.loads(data["jwks.json"])["keys"]]

    async def in_use(self, entry: str = "signing") -> str:
        data = (await self.read(SECRETS, REF.name))["data"]
        return b64decode(data[f"{entry}.kid"]).decode()

    async def keyring(self) -> dict[str, dict[str, Any]]:
        data = (await self.read(SECRETS, keyring_name(REF.name)))["data"]
        return {name: json.loads(b64decode(text)) for name, text in data.items()}

    def writes(self) -> list[str]:
        """The operator's writes to sets and their objects so far, Events not counted; empties the log."""
        seen = [f"{call.method} {call.path.rpartition('/namespaces/shop/')[2]}" for call in self.seam.writes]
        self.seam.log.clear()
        return [write for write in seen if not write.endswith("events")]
