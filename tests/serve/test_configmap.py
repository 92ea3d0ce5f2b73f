"""Following one ConfigMap through the API, on the fake."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from time import monotonic
from typing import Any

import pytest

from fakes.apiserver import FakeApiServer
from fakes.faults import LoseRequest
from fakes.seam import FakeTransport
from jwks_operator.kube.client import CONFIGMAPS, NAMESPACES, Client
from jwks_operator.serve.configmap import Watched
from jwks_operator.serve.shelf import Shelf
from serve.sets import EC, RSA, but, jwks

OURS = {"app.kubernetes.io/managed-by": "jwks-operator", "jwks-operator.dev/set": "auth"}
NAMED: dict[str, Any] = {"namespace": "shop", "name": "auth", "labels": OURS}
SETTLE = 0.5


class World:
    """A fake API server with a namespace, a client for the test's own writes, and a shelf that follows."""

    def __init__(self) -> None:
        self.server = FakeApiServer()
        self.client = Client(FakeTransport(self.server))
        self.transport = FakeTransport(self.server)
        self.shelf = Shelf()
        self.watched = Watched("shop/auth", self.shelf, self.transport, SETTLE)

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
            assert monotonic() - began < 60, self.shelf.trouble
            await asyncio.sleep(0.005)

    async def complains(self, about: str) -> None:
        began = monotonic()
        while about not in (self.shelf.trouble or ""):
            assert monotonic() - began < 60, self.shelf.trouble
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


async def recreated(world: World, body: bytes, labels: Mapping[str, str] = OURS, hints: str = "{}") -> None:
    """DELETE and CREATE, as somebody does who is quicker than the operator."""
    found = await world.client.read(CONFIGMAPS, "shop", "auth")
    assert found is not None
    await world.client.delete(CONFIGMAPS, found)
    data = {"jwks.json": body.decode(), "zz-serve.json": hints}
    await world.client.create(CONFIGMAPS, "shop", {"metadata": {**NAMED, "labels": dict(labels)}, "data": data})


FOREIGN: list[dict[str, str]] = [
    {},
    {"app.kubernetes.io/managed-by": "jwks-operator"},
    {"jwks-operator.dev/set": "auth"},
    {**OURS, "app.kubernetes.io/managed-by": "Helm"},
    {**OURS, "jwks-operator.dev/set": ""},
]


@pytest.mark.parametrize("labels", FOREIGN, ids=str)
async def test_an_object_that_is_not_the_operators_is_not_served(world: World, labels: dict[str, str]) -> None:
    await world.client.create(
        CONFIGMAPS, "shop", {"metadata": {**NAMED, "labels": labels}, "data": {"jwks.json": jwks(RSA).decode()}}
    )
    await world.complains("lacks the labels of jwks-operator")
    assert world.shelf.content is None


@pytest.mark.parametrize("labels", FOREIGN, ids=str)
async def test_one_that_takes_its_place_is_not_served_either(world: World, labels: dict[str, str]) -> None:
    await world.write(jwks(EC))
    await world.shows(jwks(EC))
    await recreated(world, jwks(RSA), labels)
    await world.complains("lacks the labels of jwks-operator")
    assert world.shelf.content is not None
    assert (world.shelf.content.body, world.shelf.refused) == (jwks(EC), 1)


async def test_one_with_the_labels_is_served_only_if_it_stays(world: World) -> None:
    await world.write(jwks(EC))
    await world.shows(jwks(EC))
    served: list[bytes] = []
    world.shelf.on_change = lambda: served.append(world.shelf.content.body if world.shelf.content else b"")
    await recreated(world, jwks(RSA), hints='{"cacheMaxAge": 31000000}')
    await world.complains("is another object; served if it stays")
    await world.write(jwks(EC))  # the operator puts it right, in the object that is there now
    await world.shows(jwks(EC))
    assert set(served) <= {jwks(EC)}
    began = monotonic()
    await recreated(world, jwks(EC, RSA))
    await world.shows(jwks(EC, RSA))
    assert monotonic() - began >= SETTLE


async def test_the_same_set_in_another_object_is_served_at_once(world: World) -> None:
    await world.write(jwks(EC))
    await world.shows(jwks(EC))
    await recreated(world, jwks(EC))
    await world.shows(jwks(EC))
    await world.write(jwks(EC, RSA))
    await world.shows(jwks(EC, RSA))


async def test_no_cache_is_told_more_than_is_allowed(world: World) -> None:
    await world.write(jwks(EC), **{"zz-serve.json": '{"cacheMaxAge": 28425600, "staleWindow": 28425600}'})
    await world.shows(jwks(EC))
    assert world.shelf.content is not None
    hints = world.shelf.content.hints
    assert (hints.cache_max_age, hints.stale_window) == (86400, 86400)


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
