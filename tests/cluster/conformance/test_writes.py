"""Creation, replacement, merge patches and deletion, and the fences on them."""

import pytest

from cluster.conformance.conftest import World, until_status
from cluster.conformance.kinds import WIDGETS, widget
from jwks_operator.kube.client import CONFIGMAPS, LEASES, NAMESPACES, PODS, SECRETS, Object, Resource
from jwks_operator.kube.errors import AlreadyExists, Conflict, Missing, NamespaceTerminating, Refused
from jwks_operator.kube.workloads import DEPLOYMENTS

BOX = {"name": "box", "image": "box:1"}
OTHER_UID = "00000000-0000-4000-8000-000000000000"


async def _secret(world: World, name: str = "a", **fields: object) -> Object:
    body = {"metadata": {"name": name}, "data": {"k": "dg=="}, **fields}
    return await world.client.create(SECRETS, world.namespace, body)


async def test_a_second_creation_already_exists(world: World) -> None:
    await _secret(world)
    with pytest.raises(AlreadyExists, match="AlreadyExists"):
        await _secret(world)


async def test_creation_in_a_missing_namespace_names_the_namespace(world: World) -> None:
    with pytest.raises(Missing) as caught:
        await world.client.create(SECRETS, "no-such-namespace", {"metadata": {"name": "a"}})
    assert caught.value.kind == "namespaces"


async def test_creation_in_a_terminating_namespace_is_refused_as_such(world: World) -> None:
    # The finalizer keeps the namespace terminating for as long as the test looks.
    kept = {"name": "kept", "finalizers": ["conformance.example.com/keep"]}
    held = await world.client.create(CONFIGMAPS, world.namespace, {"metadata": kept})
    namespace = await world.client.read(NAMESPACES, None, world.namespace)
    assert namespace is not None
    await world.client.delete(NAMESPACES, namespace)
    for resource, body in ((SECRETS, {"metadata": {"name": "a"}}), (WIDGETS, widget("w"))):
        with pytest.raises(NamespaceTerminating):
            await world.client.create(resource, world.namespace, body)
    path = CONFIGMAPS.path(world.namespace, "kept")
    await world.send("PATCH", path, {"metadata": {"finalizers": None}}, merge="1")
    assert held["metadata"]["finalizers"]


async def test_a_generated_name_starts_as_asked(world: World) -> None:
    body = {"metadata": {"generateName": "made-"}}
    first, second = [await world.client.create(SECRETS, world.namespace, dict(body)) for _ in range(2)]
    assert first["metadata"]["name"].startswith("made-")
    assert first["metadata"]["name"] != second["metadata"]["name"]


async def test_creation_needs_a_name(world: World) -> None:
    with pytest.raises(Refused):
        await world.client.create(SECRETS, world.namespace, {"metadata": {}})


async def test_a_body_for_another_namespace_is_refused(world: World) -> None:
    body = {"metadata": {"name": "a", "namespace": "elsewhere"}}
    with pytest.raises(Refused, match="BadRequest"):
        await world.client.create(SECRETS, world.namespace, body)


async def test_a_replacement_changes_and_removes_data_keys(world: World) -> None:
    obj = await _secret(world, data={"k": "dg==", "l": "dg=="})
    obj["data"] = {"l": "dw=="}
    stored = await world.client.replace(SECRETS, obj)
    assert stored["data"] == {"l": "dw=="}
    assert stored["metadata"]["uid"] == obj["metadata"]["uid"]
    assert stored["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]


async def test_an_unchanged_replacement_writes_nothing(world: World) -> None:
    for resource, body in ((SECRETS, {"metadata": {"name": "a"}, "data": {"k": "dg=="}}), (WIDGETS, widget("w"))):
        obj = await world.client.create(resource, world.namespace, body)
        assert await world.client.replace(resource, obj) == obj


async def test_a_dry_run_of_a_replacement_answers_what_would_be_stored_and_stores_nothing(world: World) -> None:
    obj = await _secret(world)
    answer = await world.client.replace(SECRETS, {**obj, "data": {"k": "dw=="}}, dry_run=True)
    assert answer["data"] == {"k": "dw=="}
    assert await world.client.read(SECRETS, world.namespace, "a") == obj


async def test_an_event_is_put_whether_it_is_there_or_not(world: World) -> None:
    event = {
        "metadata": {"name": "a.1", "namespace": world.namespace},
        "involvedObject": {"kind": "ConfigMap", "apiVersion": "v1", "name": "a", "namespace": world.namespace},
        "reason": "Tested",
        "message": "once",
        "type": "Warning",
        "firstTimestamp": "2026-03-01T00:00:00Z",
        "lastTimestamp": "2026-03-01T00:00:00Z",
        "count": 2,
    }
    first = await world.client.put_event(event)
    second = await world.client.put_event({**event, "message": "again", "count": 3})
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert (second["count"], second["message"]) == (3, "again")


async def test_a_replacement_from_a_stale_read_is_a_conflict(world: World) -> None:
    for resource, body in ((SECRETS, {"metadata": {"name": "a"}}), (WIDGETS, widget("w"))):
        obj = await world.client.create(resource, world.namespace, body)
        obj["metadata"]["labels"] = {"a": "1"}
        await world.client.replace(resource, obj)
        obj["metadata"]["labels"] = {"a": "2"}
        with pytest.raises(Conflict, match="409 Conflict"):
            await world.client.replace(resource, obj)


async def test_a_replacement_of_another_object_of_that_name_is_a_conflict(world: World) -> None:
    for resource, body in ((SECRETS, {"metadata": {"name": "a"}}), (WIDGETS, widget("w"))):
        obj = await world.client.create(resource, world.namespace, body)
        obj["metadata"] |= {"uid": OTHER_UID, "labels": {"a": "1"}}
        with pytest.raises(Conflict, match="409 Conflict"):
            await world.client.replace(resource, obj)


@pytest.mark.parametrize("resource", [SECRETS, CONFIGMAPS, WIDGETS], ids=lambda resource: resource.kind)
async def test_a_replacement_of_a_deleted_object_does_not_bring_it_back(world: World, resource: Resource) -> None:
    body = widget("a") if resource == WIDGETS else {"metadata": {"name": "a"}}
    obj = await world.client.create(resource, world.namespace, body)
    await world.client.delete(resource, obj)
    with pytest.raises((Missing, Conflict)):
        await world.client.replace(resource, obj)
    assert await world.client.read(resource, world.namespace, "a") is None


async def test_a_replacement_of_a_deleted_lease_does_not_bring_it_back(world: World) -> None:
    # Leases may be created by PUT; the uid in the body is what forbids it here.
    obj = await world.client.create(LEASES, world.namespace, {"metadata": {"name": "a"}, "spec": {}})
    await world.client.delete(LEASES, obj)
    with pytest.raises((Missing, Conflict)):
        await world.client.replace(LEASES, obj)
    assert await world.client.read(LEASES, world.namespace, "a") is None


async def test_a_put_under_another_name_is_refused(world: World) -> None:
    obj = await _secret(world)
    reply = await world.send("PUT", SECRETS.path(world.namespace, "b"), obj)
    assert reply.status == 400


async def test_a_merge_patch_sets_and_removes(world: World) -> None:
    await _secret(world, data={"k": "dg==", "l": "dg=="})
    patch = {"data": {"k": None, "m": "dg=="}, "metadata": {"labels": {"x": "1"}}}
    reply = await world.send("PATCH", SECRETS.path(world.namespace, "a"), patch, merge="1")
    assert reply.status == 200
    assert reply.body is not None
    assert reply.body["data"] == {"l": "dg==", "m": "dg=="}
    assert reply.body["metadata"]["labels"] == {"x": "1"}


async def test_a_merge_patch_with_a_stale_version_is_a_conflict(world: World) -> None:
    obj = await _secret(world)
    path = SECRETS.path(world.namespace, "a")
    await world.send("PATCH", path, {"metadata": {"labels": {"x": "1"}}}, merge="1")
    stale = {"metadata": {"labels": {"x": "2"}, "resourceVersion": obj["metadata"]["resourceVersion"]}}
    assert (await world.send("PATCH", path, stale, merge="1")).status == 409


async def test_a_merge_patch_of_a_missing_object_is_a_404(world: World) -> None:
    assert (await world.send("PATCH", SECRETS.path(world.namespace, "a"), {}, merge="1")).status == 404


async def test_a_deletion_needs_the_object_that_was_read(world: World) -> None:
    for resource, body in ((SECRETS, {"metadata": {"name": "a"}}), (WIDGETS, widget("w"))):
        obj = await world.client.create(resource, world.namespace, body)
        meta = obj["metadata"]
        for wrong in ({"uid": OTHER_UID}, {"resourceVersion": "1"}):
            with pytest.raises(Conflict, match="409 Conflict"):
                await world.client.delete(resource, {"metadata": meta | wrong})
        assert await world.client.read(resource, world.namespace, meta["name"]) == obj
        await world.client.delete(resource, obj)
        assert await world.client.read(resource, world.namespace, meta["name"]) is None


async def test_a_second_deletion_is_fine(world: World) -> None:
    obj = await _secret(world)
    await world.client.delete(SECRETS, obj)
    await world.client.delete(SECRETS, obj)


async def test_an_object_made_again_has_another_uid(world: World) -> None:
    old = await _secret(world)
    await world.client.delete(SECRETS, old)
    new = await _secret(world)
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    with pytest.raises(Conflict):
        await world.client.delete(SECRETS, old)


async def test_a_finalizer_keeps_an_object_until_it_is_taken_off(world: World) -> None:
    meta = {"name": "a", "finalizers": ["conformance.example.com/keep"]}
    obj = await world.client.create(SECRETS, world.namespace, {"metadata": meta})
    await world.client.delete(SECRETS, obj)
    kept = await world.client.read(SECRETS, world.namespace, "a")
    assert kept is not None
    assert kept["metadata"]["deletionTimestamp"]
    del kept["metadata"]["finalizers"]
    await world.client.replace(SECRETS, kept)
    assert await world.client.read(SECRETS, world.namespace, "a") is None


# --- a merge patch of somebody else's object, as Client.merge sends it ---


async def _deployment(world: World) -> Object:
    template = {"metadata": {"labels": {"app": "a"}, "annotations": {"kept": "yes"}}, "spec": {"containers": [BOX]}}
    spec = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
    return await world.client.create(DEPLOYMENTS, world.namespace, {"metadata": {"name": "a"}, "spec": spec})


def _marked(seen: Object, **fence: str) -> Object:
    meta = {name: seen["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")}
    return {"metadata": meta | fence, "spec": {"template": {"metadata": {"annotations": {"mark": "1"}}}}}


async def test_a_merge_changes_what_it_names_and_keeps_the_rest(world: World) -> None:
    seen = await _deployment(world)
    merged = await world.client.merge(DEPLOYMENTS, _marked(seen))
    assert merged["spec"]["template"]["metadata"]["annotations"] == {"kept": "yes", "mark": "1"}
    assert merged["spec"]["selector"] == seen["spec"]["selector"]


async def test_a_merge_that_changes_nothing_writes_nothing(world: World) -> None:
    once = await world.client.merge(DEPLOYMENTS, _marked(await _deployment(world)))
    again = await world.client.merge(DEPLOYMENTS, _marked(once))
    assert again["metadata"]["resourceVersion"] == once["metadata"]["resourceVersion"]


async def test_a_merge_into_another_version_is_a_conflict(world: World) -> None:
    seen = await _deployment(world)
    with pytest.raises(Conflict):
        await world.client.merge(DEPLOYMENTS, _marked(seen, resourceVersion="1"))


async def test_a_merge_into_another_object_of_the_name_is_a_conflict(world: World) -> None:
    seen = await _deployment(world)
    await world.client.delete(DEPLOYMENTS, seen)
    await _deployment(world)
    with pytest.raises(Conflict):
        await world.client.merge(DEPLOYMENTS, _marked(seen))


async def test_a_merge_does_not_change_a_uid(world: World) -> None:
    seen = await _deployment(world)
    with pytest.raises(Refused, match="Invalid"):
        await world.client.merge(DEPLOYMENTS, _marked(seen, uid=OTHER_UID))


async def test_a_merge_into_nothing_is_missing(world: World) -> None:
    seen = await _deployment(world)
    await world.client.delete(DEPLOYMENTS, seen)
    with pytest.raises(Missing):
        await world.client.merge(DEPLOYMENTS, _marked(seen))


# --- an annotation of somebody else's object, as Client.annotate sends it ---


async def _pod(world: World) -> Object:
    if world.fake is None:  # which asks for no account
        await until_status(world, f"/api/v1/namespaces/{world.namespace}/serviceaccounts/default", 200)
    meta = {"name": "a", "labels": {"app": "a"}, "annotations": {"kept": "yes"}}
    return await world.client.create(PODS, world.namespace, {"metadata": meta, "spec": {"containers": [BOX]}})


def _noted(seen: Object, **fence: str) -> Object:
    meta = {name: seen["metadata"][name] for name in ("name", "namespace", "uid")}
    return {"metadata": {**meta, **fence, "annotations": {"note": "1"}}}


async def test_an_annotation_keeps_the_rest_and_asks_for_no_version(world: World) -> None:
    seen = await _pod(world)
    labelled = {"metadata": {**seen["metadata"], "labels": {"app": "b"}}, "spec": seen["spec"]}
    await world.client.replace(PODS, labelled)
    await world.client.annotate(PODS, _noted(seen))
    pages = [page async for page in world.client.pages(PODS, world.namespace, "app=b", metadata_only=False)]
    ((found,),) = pages
    assert found["metadata"]["annotations"] == {"kept": "yes", "note": "1"}
    assert found["spec"] == seen["spec"]


async def test_an_annotation_of_another_object_of_the_name_is_refused(world: World) -> None:
    seen = await _pod(world)
    with pytest.raises(Refused, match="Invalid"):
        await world.client.annotate(PODS, _noted(seen, uid=OTHER_UID))


async def test_an_annotation_of_nothing_is_missing(world: World) -> None:
    seen = await _pod(world)
    await world.client.delete(PODS, seen)
    with pytest.raises(Missing):
        await world.client.annotate(PODS, _noted(seen))
