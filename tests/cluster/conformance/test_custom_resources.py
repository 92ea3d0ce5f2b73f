"""Custom resources: structural schemas, generation, the status subresource, and what a CRD's end means."""

import copy

import pytest

from cluster.conformance.conftest import World, until_status
from cluster.conformance.kinds import GROUP, WIDGETS, definition, widget
from jwks_operator.kube.client import CRDS, SETS, Object, Resource
from jwks_operator.kube.errors import NotServed, Refused


async def test_defaults_are_filled_in(world: World) -> None:
    obj = await world.client.create(WIDGETS, world.namespace, widget("w"))
    assert obj["spec"] == {"items": [{"name": "one", "size": 3}], "mode": "Slow", "nested": {"on": True}}
    assert obj["metadata"]["generation"] == 1


async def test_unknown_fields_are_pruned_or_refused(world: World) -> None:
    path = WIDGETS.path(world.namespace)
    odd = widget("w", nonsense=1, nested={"on": False, "more": 1})
    refused = await world.send("POST", path, odd, fieldValidation="Strict")
    assert refused.status == 400
    assert refused.body is not None
    for field in ("spec.nonsense", "spec.nested.more"):
        assert f'unknown field "{field}"' in refused.body["message"]
    stored = (await world.send("POST", path, odd)).body
    assert stored is not None
    assert "nonsense" not in stored["spec"]
    assert stored["spec"]["nested"] == {"on": False}


INVALID: dict[str, Object] = {
    "no spec": {"spec": None},
    "nothing required": {"spec": {}},
    "no item": {"spec": {"items": []}},
    "too many items": {"spec": {"items": [{"name": name} for name in "abcd"]}},
    "an item without its key": {"spec": {"items": [{"size": 1}]}},
    "two items of one key": {"spec": {"items": [{"name": "a"}, {"name": "a", "size": 4}]}},
    "a pattern": {"spec": {"items": [{"name": "A"}]}},
    "a long text": {"spec": {"items": [{"name": "abcdefghi"}]}},
    "a small number": {"spec": {"items": [{"name": "a", "size": 0}]}},
    "a large number": {"spec": {"items": [{"name": "a", "size": 10}]}},
    "a text for a number": {"spec": {"items": [{"name": "a", "size": "1"}]}},
    "a number for a text": {"spec": {"items": [{"name": "a"}], "words": [1]}},
    "a text for a list": {"spec": {"items": "a"}},
    "a word outside the enum": {"spec": {"items": [{"name": "a"}], "mode": "Odd"}},
    "a value of another type in a map": {"spec": {"items": [{"name": "a"}], "labels": {"x": 1}}},
    "a date that is none": {"spec": {"items": [{"name": "a"}], "when": "yesterday"}},
}


@pytest.mark.parametrize("case", INVALID)
async def test_the_schema_refuses(world: World, case: str) -> None:
    body = widget("w") | INVALID[case]
    reply = await world.send("POST", WIDGETS.path(world.namespace), body)
    assert reply.status == 422
    assert reply.body is not None
    assert reply.body["reason"] == "Invalid"
    assert (reply.body["details"]["kind"], reply.body["details"]["group"]) == (WIDGETS.kind, GROUP)
    assert reply.body["details"]["causes"]


async def test_generation_counts_changes_of_the_spec_alone(world: World) -> None:
    obj = await world.client.create(WIDGETS, world.namespace, widget("w"))
    obj["metadata"]["labels"] = {"x": "1"}
    obj = await world.client.replace(WIDGETS, obj)
    assert obj["metadata"]["generation"] == 1
    obj["spec"]["mode"] = "Fast"
    obj = await world.client.replace(WIDGETS, obj)
    assert obj["metadata"]["generation"] == 2


async def test_spec_and_status_have_their_own_doors(world: World) -> None:
    path = WIDGETS.path(world.namespace, "w")
    obj = await world.client.create(WIDGETS, world.namespace, widget("w") | {"status": {"seen": 1}})
    assert "status" not in obj

    both = copy.deepcopy(obj) | {"status": {"seen": 2}}
    both["spec"]["mode"] = "Fast"
    both["metadata"]["labels"] = {"x": "1"}
    through_status = (await world.send("PUT", f"{path}/status", both)).body
    assert through_status is not None
    assert through_status["status"] == {"seen": 2}
    assert through_status["spec"] == obj["spec"]
    assert through_status["metadata"]["generation"] == 1
    assert "labels" not in through_status["metadata"]

    both["metadata"]["resourceVersion"] = through_status["metadata"]["resourceVersion"]
    both["status"] = {"seen": 3}
    through_main = (await world.send("PUT", path, both)).body
    assert through_main is not None
    assert through_main["spec"]["mode"] == "Fast"
    assert through_main["status"] == {"seen": 2}
    assert through_main["metadata"]["generation"] == 2


async def test_merge_patches_go_through_their_own_door_too(world: World) -> None:
    path = WIDGETS.path(world.namespace, "w")
    await world.client.create(WIDGETS, world.namespace, widget("w"))
    patch = {"spec": {"mode": "Fast"}, "status": {"seen": 1}}
    through_status = (await world.send("PATCH", f"{path}/status", patch, merge="1")).body
    assert through_status is not None
    assert (through_status["spec"]["mode"], through_status["status"]) == ("Slow", {"seen": 1})
    patch["status"] = {"seen": 2}
    through_main = (await world.send("PATCH", path, patch, merge="1")).body
    assert through_main is not None
    assert (through_main["spec"]["mode"], through_main["status"]) == ("Fast", {"seen": 1})


async def test_a_replacement_of_a_custom_object_needs_its_version(world: World) -> None:
    obj = await world.client.create(WIDGETS, world.namespace, widget("w"))
    del obj["metadata"]["resourceVersion"]
    assert (await world.send("PUT", WIDGETS.path(world.namespace, "w"), obj)).status == 422


async def test_an_invalid_status_is_refused(world: World) -> None:
    await world.client.create(WIDGETS, world.namespace, widget("w"))
    path = WIDGETS.path(world.namespace, "w", "status")
    assert (await world.send("PATCH", path, {"status": {"seen": "x"}}, merge="1")).status == 422


async def test_the_client_passes_on_what_is_wrong_with_a_set(world: World) -> None:
    body = {"metadata": {"name": "auth"}, "spec": {"keys": [{"name": "signing", "algorithm": "nonsense"}]}}
    with pytest.raises(Refused, match=r"422 Invalid: .*spec\.keys\[0\]\.algorithm"):
        await world.client.create(SETS, world.namespace, body)


async def test_deleting_a_crd_deletes_its_objects_and_then_nothing_can_be_told(world: World) -> None:
    plural = f"w{world.namespace.replace('-', '')}"
    kind = Resource(GROUP, "v1", plural, plural.capitalize())
    crd = await world.client.create(CRDS, None, definition(kind.plural, kind.kind))
    await until_status(world, kind.path(world.namespace), 200)
    body = widget("w") | {"kind": kind.kind}
    await world.client.create(kind, world.namespace, body)
    assert await world.client.read(kind, world.namespace, "absent") is None

    current = await world.client.read(CRDS, None, crd["metadata"]["name"])
    assert current is not None
    await world.send("DELETE", CRDS.path(None, crd["metadata"]["name"]))
    reply = await until_status(world, kind.path(world.namespace), 404)
    assert reply.body is None
    with pytest.raises(NotServed):
        await world.client.read(kind, world.namespace, "w")
    with pytest.raises(NotServed):
        await world.client.list(kind, world.namespace)

    await world.client.create(CRDS, None, definition(kind.plural, kind.kind))
    again = await until_status(world, kind.path(world.namespace), 200)
    assert again.body is not None
    assert again.body["items"] == []
