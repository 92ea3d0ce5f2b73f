"""Server-side apply: who owns what, what an apply takes away, and what fences it."""

import pytest

from cluster.conformance.conftest import World
from cluster.conformance.kinds import WIDGETS, widget
from jwks_operator.api.names import FIELD_MANAGER
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Object
from jwks_operator.kube.errors import Conflict, Missing

OTHER_UID = "00000000-0000-4000-8000-000000000000"


def _map(**data: str) -> Object:
    return {"metadata": {"name": "m"}, "data": data}


async def _data(world: World) -> Object:
    obj = await world.client.read(CONFIGMAPS, world.namespace, "m")
    assert obj is not None
    data: Object = obj.get("data", {})
    return data


async def test_an_apply_creates_what_is_missing(world: World) -> None:
    assert (await world.apply(CONFIGMAPS, _map(a="1"))).status == 201
    assert (await world.apply(CONFIGMAPS, _map(a="1"))).status == 200


async def test_an_apply_removes_what_only_this_manager_applied_before(world: World) -> None:
    await world.apply(CONFIGMAPS, _map(a="1", b="1"))
    await world.apply(CONFIGMAPS, _map(b="1"))
    assert await _data(world) == {"b": "1"}


async def test_an_apply_leaves_what_another_manager_applied_too(world: World) -> None:
    await world.apply(CONFIGMAPS, _map(a="1", b="1"))
    await world.apply(CONFIGMAPS, _map(a="1"), manager="other")
    await world.apply(CONFIGMAPS, _map(b="1"))
    assert await _data(world) == {"a": "1", "b": "1"}


async def test_an_apply_after_a_post_by_the_same_manager_leaves_omitted_data_keys(world: World) -> None:
    # Why we change by PUT: a destroyed private half would stay in the Secret.
    body = {"metadata": {"name": "s"}, "data": {"old": "dg==", "new": "dg=="}}
    await world.client.create(SECRETS, world.namespace, body)
    applied = {"metadata": {"name": "s"}, "data": {"new": "dg=="}}
    reply = await world.apply(SECRETS, applied, manager=FIELD_MANAGER, force="true")
    assert reply.status == 200
    obj = await world.client.read(SECRETS, world.namespace, "s")
    assert obj is not None
    assert obj["data"] == {"old": "dg==", "new": "dg=="}


async def test_an_apply_over_another_managers_value_is_a_conflict_unless_forced(world: World) -> None:
    await world.apply(CONFIGMAPS, _map(a="1"))
    refused = await world.apply(CONFIGMAPS, _map(a="2"), manager="other")
    assert refused.status == 409
    assert refused.body is not None
    [cause] = refused.body["details"]["causes"]
    assert (cause["reason"], cause["field"]) == ("FieldManagerConflict", ".data.a")
    assert (await world.apply(CONFIGMAPS, _map(a="2"), manager="other", force="true")).status == 200
    # the first manager lost the field, so leaving it out takes nothing away
    await world.apply(CONFIGMAPS, _map(b="1"))
    assert await _data(world) == {"a": "2", "b": "1"}


async def test_an_update_takes_the_field_from_the_applier(world: World) -> None:
    await world.apply(CONFIGMAPS, _map(a="1"))
    obj = await world.client.read(CONFIGMAPS, world.namespace, "m")
    assert obj is not None
    obj["data"]["a"] = "2"
    await world.client.replace(CONFIGMAPS, obj)
    assert (await world.apply(CONFIGMAPS, _map(a="1"))).status == 409
    await world.apply(CONFIGMAPS, _map(b="1"))
    assert await _data(world) == {"a": "2", "b": "1"}


async def test_an_unchanged_apply_writes_nothing(world: World) -> None:
    first = await world.apply(CONFIGMAPS, _map(a="1"))
    again = await world.apply(CONFIGMAPS, _map(a="1"))
    assert first.body == again.body


async def test_managed_fields_tell_manager_operation_and_fields(world: World) -> None:
    await world.apply(CONFIGMAPS, {"metadata": {"name": "m", "labels": {"x": "1"}}, "data": {"a": "1"}})
    obj = await world.client.read(CONFIGMAPS, world.namespace, "m")
    assert obj is not None
    obj["metadata"]["annotations"] = {"note": "1"}
    stored = await world.client.replace(CONFIGMAPS, obj)
    entries = {entry["operation"]: entry for entry in stored["metadata"]["managedFields"]}
    assert (entries["Apply"]["manager"], entries["Update"]["manager"]) == ("a", FIELD_MANAGER)
    assert entries["Apply"]["fieldsV1"] == {"f:metadata": {"f:labels": {"f:x": {}}}, "f:data": {"f:a": {}}}
    assert entries["Update"]["fieldsV1"] == {"f:metadata": {"f:annotations": {".": {}, "f:note": {}}}}


async def test_a_creation_owns_the_maps_it_makes(world: World) -> None:
    body = {"metadata": {"name": "s", "labels": {"x": "1"}}, "data": {"k": "dg=="}}
    stored = await world.client.create(SECRETS, world.namespace, body)
    [entry] = stored["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == (FIELD_MANAGER, "Update")
    labels: Object = {"f:labels": {".": {}, "f:x": {}}}
    assert entry["fieldsV1"] == {"f:metadata": labels, "f:data": {".": {}, "f:k": {}}, "f:type": {}}
    custom = await world.client.create(WIDGETS, world.namespace, widget("w"))
    [entry] = custom["metadata"]["managedFields"]
    item: Object = {".": {}, "f:name": {}, "f:size": {}}
    items = {".": {}, 'k:{"name":"one"}': item}
    nested: Object = {".": {}, "f:on": {}}
    assert entry["fieldsV1"] == {"f:spec": {".": {}, "f:items": items, "f:mode": {}, "f:nested": nested}}


async def test_an_apply_with_a_stale_version_is_a_conflict(world: World) -> None:
    first = await world.apply(CONFIGMAPS, _map(a="1"))
    await world.apply(CONFIGMAPS, _map(a="2"))
    assert first.body is not None
    stale = _map(a="3")
    stale["metadata"]["resourceVersion"] = first.body["metadata"]["resourceVersion"]
    assert (await world.apply(CONFIGMAPS, stale)).status == 409


async def test_a_resource_version_does_not_keep_an_apply_from_creating(world: World) -> None:
    body = _map(a="1")
    body["metadata"]["resourceVersion"] = "1"
    assert (await world.apply(CONFIGMAPS, body)).status == 201


async def test_a_uid_does_keep_an_apply_from_creating(world: World) -> None:
    body = _map(a="1")
    body["metadata"]["uid"] = OTHER_UID
    assert (await world.apply(CONFIGMAPS, body)).status == 409
    assert await world.client.read(CONFIGMAPS, world.namespace, "m") is None


async def test_an_apply_with_another_uid_is_invalid(world: World) -> None:
    await world.apply(CONFIGMAPS, _map(a="1"))
    body = _map(a="2")
    body["metadata"]["uid"] = OTHER_UID
    assert (await world.apply(CONFIGMAPS, body)).status == 422


async def test_an_apply_that_does_not_fit_the_schema_is_the_servers_failure(world: World) -> None:
    await world.client.create(WIDGETS, world.namespace, widget("w"))
    path = WIDGETS.path(world.namespace, "w", "status")
    for status in ({"seen": "x"}, {"nonsense": 1}):
        body = {key: value for key, value in widget("w").items() if key != "spec"} | {"status": status}
        query = {"fieldManager": "a", "force": "true", "fieldValidation": "Strict"}
        reply = await world.send("PATCH", path, body, **query)
        assert reply.status == 500
        assert reply.body is not None
        assert "reason" not in reply.body


async def test_the_status_of_another_object_of_that_name_is_fenced_by_its_version_only(world: World) -> None:
    made = await world.client.create(WIDGETS, world.namespace, widget("w"))
    path = WIDGETS.path(world.namespace, "w", "status")
    meta = {"name": "w", "uid": OTHER_UID}
    body = {key: value for key, value in made.items() if key != "spec"} | {"status": {"seen": 1}}
    query = {"fieldManager": "a", "force": "true"}
    assert (await world.send("PATCH", path, body | {"metadata": meta}, **query)).status == 200
    stale = meta | {"resourceVersion": made["metadata"]["resourceVersion"]}
    assert (await world.send("PATCH", path, body | {"metadata": stale}, **query)).status == 409


async def test_an_apply_without_a_manager_is_a_bad_request(world: World) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", **_map(a="1")}
    assert (await world.send("PATCH", CONFIGMAPS.path(world.namespace, "m"), body)).status in {400, 422}


async def test_a_list_map_is_owned_item_by_item(world: World) -> None:
    def named(*names: str) -> Object:
        return widget("w", items=[{"name": name} for name in names])

    await world.apply(WIDGETS, named("one", "two"))
    await world.apply(WIDGETS, named("three"), manager="other")
    await world.apply(WIDGETS, named("two"))
    obj = await world.client.read(WIDGETS, world.namespace, "w")
    assert obj is not None
    assert sorted(item["name"] for item in obj["spec"]["items"]) == ["three", "two"]


async def test_a_plain_list_is_owned_as_a_whole(world: World) -> None:
    await world.apply(WIDGETS, widget("w", words=["a", "b"]))
    assert (await world.apply(WIDGETS, widget("w", words=["b"]), manager="other")).status == 409
    await world.apply(WIDGETS, widget("w", words=["b"]))
    obj = await world.client.read(WIDGETS, world.namespace, "w")
    assert obj is not None
    assert obj["spec"]["words"] == ["b"]


async def test_status_conditions_merge_by_type_and_leave_other_writers_alone(world: World) -> None:
    await world.client.create(WIDGETS, world.namespace, widget("w"))
    path = WIDGETS.path(world.namespace, "w", "status")

    async def conditions(manager: str, *types: str) -> list[str]:
        rows = [{"type": each, "status": "True"} for each in types]
        body = {key: value for key, value in widget("w").items() if key != "spec"}
        body["status"] = {"conditions": rows}
        reply = await world.send("PATCH", path, body, fieldManager=manager, force="true", fieldValidation="Strict")
        assert reply.status == 200, reply
        assert reply.body is not None
        return [row["type"] for row in reply.body["status"]["conditions"]]

    assert await conditions("a", "Ready", "Degraded") == ["Ready", "Degraded"]
    assert await conditions("b", "Seen") == ["Ready", "Degraded", "Seen"]
    assert await conditions("a", "Degraded") == ["Degraded", "Seen"]


async def _set(world: World) -> Object:
    body = {"metadata": {"name": "auth"}, "spec": {"keys": [{"name": "signing", "algorithm": "ES256"}]}}
    return await world.client.create(SETS, world.namespace, body)


def _ready(made: Object, status: str = "True") -> Object:
    meta = {key: made["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
    row = {"type": "Ready", "status": status, "reason": "Fine", "message": ""}
    row["lastTransitionTime"] = "2026-11-22T18:00:00Z"
    return {"metadata": meta, "status": {"observedGeneration": 1, "conditions": [row]}}


async def test_the_status_of_a_set_is_applied_and_replaced_as_a_whole(world: World) -> None:
    made = await _set(world)
    first = await world.client.apply_status(_ready(made))
    assert first["status"]["conditions"][0]["status"] == "True"
    assert first["spec"] == made["spec"]
    assert first["metadata"]["generation"] == 1
    assert await world.client.apply_status(_ready(first)) == first
    without = _ready(first)
    del without["status"]["observedGeneration"]
    second = await world.client.apply_status(without)
    assert "observedGeneration" not in second["status"]


async def test_the_status_of_a_changed_set_is_not_applied(world: World) -> None:
    made = await _set(world)
    await world.client.apply_status(_ready(made))
    with pytest.raises(Conflict):
        await world.client.apply_status(_ready(made, "False"))


async def test_the_status_of_a_deleted_set_is_not_applied(world: World) -> None:
    made = await _set(world)
    await world.client.delete(SETS, made)
    with pytest.raises((Missing, Conflict)):
        await world.client.apply_status(_ready(made))
    await _set(world)
    with pytest.raises(Conflict):
        await world.client.apply_status(_ready(made))
