"""The two servers that every test here runs on: the fake, and the real API server of tests/control_plane.py."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.conformance.kinds import WIDGET_CRD, WIDGETS
from fakes.apiserver import FakeApiServer
from fakes.seam import FakeTransport
from jwks_operator.api.crd import build_crd
from jwks_operator.kube.client import CRDS, NAMESPACES, SETS, Call, Client, Object, Reply, Resource, Transport
from jwks_operator.kube.errors import AlreadyExists
from jwks_operator.kube.transport import connect

_numbers = itertools.count(1)
_prepared: set[str] = set()  # kubeconfigs of servers that have our CRDs; they stay, for other workers use them too


@dataclass(frozen=True)
class World:
    """One server, and a namespace on it that this test has for itself."""

    transport: Transport
    client: Client
    namespace: str
    fake: FakeApiServer | None

    async def send(self, method: str, path: str, body: Object | None = None, **query: str) -> Reply:
        """One request as it stands; a PATCH is a server-side apply unless a field says `merge="1"`."""
        kind = "application/json"
        if method == "PATCH":
            merge = query.pop("merge", None)
            kind = "application/merge-patch+json" if merge else "application/apply-patch+yaml"
        return await self.transport.request(Call(method, path, query, body, kind))

    async def apply(self, resource: Resource, body: Object, manager: str = "a", **query: str) -> Reply:
        """Server-side apply in this test's namespace; the name of the object is in the body."""
        path = resource.path(self.namespace, body["metadata"]["name"])
        typed = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        return await self.send("PATCH", path, typed, fieldManager=manager, **query)


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    namespace = f"conformance-{os.getpid()}-{next(_numbers)}"
    if request.param == "fake":
        server = FakeApiServer()
        made = World(FakeTransport(server), Client(FakeTransport(server)), namespace, server)
        await install(made)
        await made.client.create(NAMESPACES, None, {"metadata": {"name": namespace}})
        yield made
        return
    control_plane: Any = request.getfixturevalue("control_plane")
    kubeconfig = str(control_plane.kubeconfig)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    transport, close = await connect()
    made = World(transport, Client(transport), namespace, None)
    try:
        if kubeconfig not in _prepared:
            await install(made)
            _prepared.add(kubeconfig)
        await made.client.create(NAMESPACES, None, {"metadata": {"name": namespace}})
        yield made
        await made.client.read(NAMESPACES, None, namespace)  # the time in which TLS ends a watch that was given up
    finally:
        await close()


async def install(world: World) -> None:
    for definition in (build_crd(), WIDGET_CRD):
        with suppress(AlreadyExists):
            await world.client.create(CRDS, None, definition)
    for resource in (SETS, WIDGETS):
        await until_status(world, resource.path(None), 200)


async def until_status(world: World, path: str, status: int) -> Reply:
    """Ask until the path answers with `status`: a CRD is served, or gone, a moment after its write."""
    async with asyncio.timeout(30):
        while True:
            reply = await world.send("GET", path)
            if reply.status == status:
                return reply
            await asyncio.sleep(0.1)
