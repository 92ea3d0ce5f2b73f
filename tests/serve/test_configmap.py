"""Following one ConfigMap through the API: on the fake for histories, on a real API server for its rights."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest

from controlplane import Access
from fakes.apiserver import FakeApiServer
from fakes.faults import LoseRequest
from fakes.seam import FakeTransport
from jwks_operator.kube.client import CONFIGMAPS, NAMESPACES, Client
from jwks_operator.serve.configmap import Watched
from jwks_operator.serve.shelf import Shelf
from serve.running import Running
from serve.sets import EC, RSA, but, jwks

NAMED = {"namespace": "shop", "name": "auth"}


class World:
    """A fake API server with a namespace, a client for the test's own writes, and a shelf that follows."""

    def __init__(self) -> None:
        self.server = FakeApiServer()
        self.client = Client(FakeTransport(self.server))
        self.transport = FakeTransport(self.server)
        self.shelf = Shelf()
        self.watched = Watched("shop/auth", self.shelf, self.transport)

    async def write(self, body: bytes, name: str = "auth", **more: str) -> None:
        data = {"jwks.json": body.decode(), **more}
        found = await self.client.read(CONFIGMAPS, "shop", name)
        if found is None:
            await self.client.create(CONFIGMAPS, "shop", {"metadata": {**NAMED, "name": name}, "data": data})
        else:
            await self.client.replace(CONFIGMAPS, {**found, "data": data})

    async def shows(self, body: bytes) -> None:
        began = monotonic()
        while self.shelf.content is None or self.shelf.content.body != body or self.shelf.trouble:
            assert monotonic() - began < 5, self.shelf.trouble
            await asyncio.sleep(0.005)

    async def complains(self, about: str) -> None:
        began = monotonic()
        while about not in (self.shelf.trouble or ""):
            assert monotonic() - began < 5, self.shelf.trouble
            await asyncio.sleep(0.005)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world, stop = World(), asyncio.Event()
    await world.client.create(NAMESPACES, None, {"metadata": {"name": "shop"}})
    task = asyncio.create_task(world.watched.run(stop))
    yield world
    stop.set()
    await asyncio.wait_for(task, 5)


async def test_it_comes_changes_goes_and_comes_back(world: World) -> None:
    await world.complains("does not exist")
    await world.write(jwks(RSA), name="other")
    await world.write(jwks(EC), **{"zz-serve.json": '{"cacheMaxAge": 7}'})
    await world.shows(jwks(EC))
    assert world.shelf.content is not None
    assert world.shelf.content.hints.cache_max_age == 7
    await world.write(jwks(EC, RSA))
    await world.shows(jwks(EC, RSA))
    found = await world.client.read(CONFIGMAPS, "shop", "auth")
    assert found is not None
    await world.client.delete(CONFIGMAPS, found)
    await world.complains("was deleted")
    assert world.shelf.content.body == jwks(EC, RSA)
    await world.write(jwks(EC))
    await world.shows(jwks(EC))


async def test_a_private_set_is_refused_and_the_last_good_one_stays(world: World) -> None:
    await world.write(jwks(EC))
    await world.shows(jwks(EC))
    await world.write(jwks(but(EC, d="c2VjcmV0")))
    await world.complains("not public")
    assert world.shelf.content is not None
    assert (world.shelf.content.body, world.shelf.refused) == (jwks(EC), 1)


async def test_an_api_server_that_does_not_answer_is_asked_again(world: World) -> None:
    world.transport.faults = [LoseRequest(times=2)]
    await world.write(jwks(EC))
    await world.shows(jwks(EC))


async def test_it_asks_for_that_one_name_only(world: World) -> None:
    await world.write(jwks(EC))
    await world.shows(jwks(EC))
    assert {call.query["fieldSelector"] for call in world.transport.log} == {"metadata.name=auth"}
    assert {call.path for call in world.transport.log} == {"/api/v1/namespaces/shop/configmaps"}
    assert world.transport.writes == []


def test_rights_for_that_name_are_enough(control_plane: Access, namespace: str, tmp_path: Path) -> None:
    core, rbac = f"/api/v1/namespaces/{namespace}", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    control_plane.api("POST", f"{core}/serviceaccounts", {"metadata": {"name": "server"}})
    rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["auth"], "verbs": ["list", "watch"]}
    control_plane.api("POST", f"{rbac}/roles", {"metadata": {"name": "server"}, "rules": [rule]})
    binding = {
        "metadata": {"name": "server"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "server"},
        "subjects": [{"kind": "ServiceAccount", "name": "server", "namespace": namespace}],
    }
    control_plane.api("POST", f"{rbac}/rolebindings", binding)
    written = {"metadata": {"name": "auth"}, "data": {"jwks.json": jwks(EC).decode()}}
    control_plane.api("POST", f"{core}/configmaps", written)
    kubeconfig = control_plane.kubeconfig_for_service_account(namespace, "server")
    server = Running(tmp_path, f"--watch-configmap={namespace}/auth", environ={"KUBECONFIG": str(kubeconfig)})
    try:
        server.serves(jwks(EC))
        written["data"] = {"jwks.json": jwks(RSA).decode()}
        control_plane.api("PUT", f"{core}/configmaps/auth", written)
        assert server.serves(jwks(RSA)) < 2
        assert "Traceback" not in server.log
    finally:
        server.close()
