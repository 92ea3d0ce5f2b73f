"""The same random history of writes on both servers: they end with the same objects and the same owners.

The histories are fixed by their seeds; the corner that these do not enter is named in fakes/managed.py.
"""

import random
from typing import Any

import pytest

from cluster.conformance.conftest import World, install
from cluster.conformance.kinds import WIDGETS, widget
from fakes.apiserver import FakeApiServer
from fakes.seam import FakeTransport
from jwks_operator.kube.client import CONFIGMAPS, NAMESPACES, Client, Object, Resource

STEPS = 15


def _config_map(dice: random.Random) -> Object:
    data = {key: dice.choice("12") for key in "abc" if dice.random() < 0.5}
    labels = {key: dice.choice("12") for key in "xy" if dice.random() < 0.4}
    return {"metadata": {"name": "o"} | ({"labels": labels} if labels else {})} | ({"data": data} if data else {})


def _widget(dice: random.Random) -> Object:
    names = dice.sample(["one", "two", "three"], dice.randint(1, 3))
    items: list[Object] = [
        {"name": name} | ({"size": dice.randint(1, 4)} if dice.random() < 0.4 else {}) for name in names
    ]
    spec: Object = {}
    if dice.random() < 0.4:
        spec["words"] = dice.sample("abc", dice.randint(1, 3))
    if dice.random() < 0.4:
        spec["labels"] = {key: dice.choice("12") for key in dice.sample("xyz", 2)}
    if dice.random() < 0.3:
        spec["nested"] = {"on": dice.random() < 0.5}
    return widget("o", items=items, **spec)


async def _step(world: World, resource: Resource, seed: str) -> int:
    """One write, chosen by the seed alone."""
    dice = random.Random(seed)
    body = (_widget if resource == WIDGETS else _config_map)(dice)
    body |= {"apiVersion": resource.api_version, "kind": resource.kind}
    path = resource.path(world.namespace, "o")
    query = {"fieldManager": dice.choice(["a", "b"])}
    way = dice.choice(["apply", "apply", "force", "put", "merge", "delete"])
    if way in {"apply", "force"}:
        reply = await world.send("PATCH", path, body, **query, **({"force": "true"} if way == "force" else {}))
    elif way == "put":
        live = (await world.send("GET", path)).body or {"metadata": {}}
        body["metadata"]["resourceVersion"] = live["metadata"].get("resourceVersion", "1")
        reply = await world.send("PUT", path, body, **query)
    elif way == "merge":
        reply = await world.send("PATCH", path, body, merge="1", **query)
    else:
        reply = await world.send("DELETE", path) if dice.random() < 0.3 else await world.send("GET", path)
    return reply.status


async def _outcome(world: World, resource: Resource) -> Any:
    obj = (await world.send("GET", resource.path(world.namespace, "o"))).body or {}
    meta = obj.pop("metadata", {})
    owners = {(entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in meta.get("managedFields", [])}
    if "items" in obj.get("spec", {}):  # where an apply puts its items among others' is not ours to rely on
        obj["spec"]["items"].sort(key=lambda item: item["name"])
    return obj.get("data"), obj.get("spec"), meta.get("labels"), owners


@pytest.fixture
async def fake_world() -> World:
    server = FakeApiServer()
    made = World(FakeTransport(server), Client(FakeTransport(server)), "histories", server)
    await install(made)
    await made.client.create(NAMESPACES, None, {"metadata": {"name": made.namespace}})
    return made


@pytest.mark.parametrize("world", ["real"], indirect=True)
@pytest.mark.parametrize("resource", [CONFIGMAPS, WIDGETS], ids=lambda resource: resource.kind)
async def test_random_histories_end_alike(world: World, fake_world: World, resource: Resource) -> None:
    for history in range(20):
        for step in range(STEPS):
            seed = f"{resource.plural}/{history}/{step}"
            statuses = [await _step(each, resource, seed) for each in (world, fake_world)]
            assert statuses[0] == statuses[1], seed
            assert await _outcome(fake_world, resource) == await _outcome(world, resource), seed
