"""What a GET and a LIST answer, and which 404 means what."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from cluster.conformance.conftest import World
from cluster.conformance.kinds import GROUP, WIDGETS, widget
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Call, Resource


async def test_every_answer_carries_the_servers_date(world: World) -> None:
    for path in (SECRETS.path(world.namespace), SECRETS.path(world.namespace, "absent"), "/apis/no.such/v1/x"):
        reply = await world.send("GET", path)
        assert abs(parsedate_to_datetime(reply.headers["date"]) - datetime.now(UTC)) < timedelta(seconds=5)


async def test_a_missing_object_is_named_in_the_404(world: World) -> None:
    reply = await world.send("GET", SECRETS.path(world.namespace, "absent"))
    assert reply.status == 404
    assert reply.body is not None
    assert (reply.body["kind"], reply.body["reason"]) == ("Status", "NotFound")
    assert reply.body["details"] == {"name": "absent", "kind": "secrets"}


async def test_a_missing_custom_object_is_named_with_its_group(world: World) -> None:
    reply = await world.send("GET", WIDGETS.path(world.namespace, "absent"))
    assert reply.body is not None
    assert reply.body["details"] == {"name": "absent", "group": GROUP, "kind": "widgets"}


async def test_an_object_in_a_missing_namespace_is_simply_missing(world: World) -> None:
    reply = await world.send("GET", SECRETS.path("no-such-namespace", "absent"))
    assert reply.status == 404
    assert reply.body is not None
    assert reply.body["details"] == {"name": "absent", "kind": "secrets"}


async def test_a_kind_without_crd_is_a_plain_404_without_status(world: World) -> None:
    gadgets = Resource(GROUP, "v1", "gadgets", "Gadget")
    for path in (gadgets.path(world.namespace, "x"), gadgets.path(world.namespace), "/apis/no.such/v1/things"):
        reply = await world.send("GET", path)
        assert (reply.status, reply.body) == (404, None)
        assert reply.headers["content-type"].startswith("text/plain")


async def test_an_unknown_subresource_of_a_built_in_kind_names_nothing(world: World) -> None:
    await world.client.create(SECRETS, world.namespace, {"metadata": {"name": "one"}})
    reply = await world.send("GET", SECRETS.path(world.namespace, "one", "nonsense"))
    assert reply.body is not None
    assert (reply.status, reply.body["reason"], reply.body.get("details") or {}) == (404, "NotFound", {})


async def test_an_unknown_subresource_of_a_custom_resource_claims_that_the_object_is_missing(world: World) -> None:
    await world.client.create(WIDGETS, world.namespace, widget("one"))
    reply = await world.send("GET", WIDGETS.path(world.namespace, "one", "nonsense"))
    assert reply.body is not None
    assert (reply.status, reply.body["details"]["name"]) == (404, "one")


async def test_a_stored_object_has_the_garbage_of_a_server(world: World) -> None:
    await world.client.create(CONFIGMAPS, world.namespace, {"metadata": {"name": "a"}, "data": {"k": "v"}})
    obj = await world.client.read(CONFIGMAPS, world.namespace, "a")
    assert obj is not None
    assert (obj["kind"], obj["apiVersion"], obj["data"]) == ("ConfigMap", "v1", {"k": "v"})
    assert set(obj["metadata"]) >= {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}
    assert obj["metadata"]["creationTimestamp"].endswith("Z")


async def test_resource_versions_grow_over_all_objects(world: World) -> None:
    made = [
        await world.client.create(resource, world.namespace, {"metadata": {"name": name}})
        for resource, name in ((SECRETS, "a"), (CONFIGMAPS, "b"), (SECRETS, "c"))
    ]
    versions = [int(obj["metadata"]["resourceVersion"]) for obj in made]
    assert versions == sorted(set(versions))


async def test_a_list_comes_in_pages_of_one_moment(world: World) -> None:
    for number in range(5):
        await world.client.create(SECRETS, world.namespace, {"metadata": {"name": f"s{number}"}})
    path = SECRETS.path(world.namespace)
    first = (await world.send("GET", path, limit="2")).body
    assert first is not None
    await world.client.create(SECRETS, world.namespace, {"metadata": {"name": "s9"}})
    token = first["metadata"]["continue"]
    second = (await world.transport.request(Call("GET", path, {"limit": "9", "continue": token}))).body
    assert second is not None
    names = [item["metadata"]["name"] for item in first["items"] + second["items"]]
    assert names == ["s0", "s1", "s2", "s3", "s4"]
    assert not second["metadata"].get("continue")
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


async def test_the_client_reads_all_pages(world: World) -> None:
    for number in range(5):
        await world.client.create(SECRETS, world.namespace, {"metadata": {"name": f"s{number}"}})
    items, version = await world.client.list(SECRETS, world.namespace, limit=2)
    assert [item["metadata"]["name"] for item in items] == ["s0", "s1", "s2", "s3", "s4"]
    assert int(version) >= max(int(item["metadata"]["resourceVersion"]) for item in items)


async def test_labels_select(world: World) -> None:
    rows = {"a": {"app": "x", "tier": "1"}, "b": {"app": "x"}, "c": {"app": "y"}, "d": {}}
    for name, labels in rows.items():
        await world.client.create(SECRETS, world.namespace, {"metadata": {"name": name, "labels": labels}})
    wanted = {
        "app=x": ["a", "b"], "app==y": ["c"], "app!=x": ["c", "d"], "tier": ["a"], "!app": ["d"],
        "app in (x,y),!tier": ["b", "c"], "app notin (x)": ["c", "d"], "app=z": [],
    }  # fmt: skip
    for selector, names in wanted.items():
        items, _ = await world.client.list(SECRETS, world.namespace, selector)
        assert [item["metadata"]["name"] for item in items] == names, selector


async def test_a_broken_label_selector_is_a_bad_request(world: World) -> None:
    reply = await world.send("GET", SECRETS.path(world.namespace), labelSelector="app in x")
    assert reply.status == 400


async def test_a_field_selector_finds_one_name(world: World) -> None:
    for name in ("a", "b"):
        await world.client.create(SECRETS, world.namespace, {"metadata": {"name": name}})
    reply = await world.send("GET", SECRETS.path(world.namespace), fieldSelector="metadata.name=b")
    assert reply.body is not None
    assert [item["metadata"]["name"] for item in reply.body["items"]] == ["b"]


async def test_a_metadata_only_list_leaves_the_content_out(world: World) -> None:
    labels = {"app": "x"}
    body = {"metadata": {"name": "a", "labels": labels}, "data": {"k": "c2VjcmV0"}}
    await world.client.create(SECRETS, world.namespace, body)
    await world.client.create(WIDGETS, world.namespace, widget("w"))
    for resource, name in ((SECRETS, "a"), (WIDGETS, "w")):
        [item], _ = await world.client.list(resource, world.namespace, metadata_only=True)
        assert set(item) <= {"metadata", "kind", "apiVersion"}
        assert item["metadata"]["name"] == name
        assert item["metadata"]["uid"]


async def test_items_of_built_in_lists_do_not_repeat_their_kind(world: World) -> None:
    await world.client.create(SECRETS, world.namespace, {"metadata": {"name": "a"}})
    await world.client.create(WIDGETS, world.namespace, widget("w"))
    [secret], _ = await world.client.list(SECRETS, world.namespace)
    [custom], _ = await world.client.list(WIDGETS, world.namespace)
    assert "kind" not in secret
    assert custom["kind"] == "Widget"


async def test_a_list_over_all_namespaces_includes_this_one(world: World) -> None:
    label = {"conformance": world.namespace}
    await world.client.create(SECRETS, world.namespace, {"metadata": {"name": "a", "labels": label}})
    [item], _ = await world.client.list(SECRETS, None, f"conformance={world.namespace}")
    assert item["metadata"]["namespace"] == world.namespace


async def test_a_made_up_continue_token_is_refused(world: World) -> None:
    query = {"limit": "1", "continue": "nonsense"}
    reply = await world.transport.request(Call("GET", SECRETS.path(world.namespace), query))
    assert reply.status in {400, 410}
