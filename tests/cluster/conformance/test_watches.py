"""What a watch reports, from where, and when it has to give up."""

import asyncio
from contextlib import aclosing

import pytest

from cluster.conformance.conftest import World
from cluster.conformance.kinds import WIDGETS, widget
from jwks_operator.kube.client import SECRETS, Call, Object, Resource
from jwks_operator.kube.errors import Gone, NotServed

Seen = list[tuple[str, Object]]


async def _seen(world: World, count: int, since: str, *, selector: str | None = None, all_over: bool = False) -> Seen:
    """The next events since a resourceVersion; TimeoutError if they do not come."""
    found: Seen = []
    namespace = None if all_over else world.namespace
    async with asyncio.timeout(10), aclosing(world.client.watch(SECRETS, namespace, selector, since)) as events:
        async for event in events:
            found.append(event)
            if len(found) == count:
                break
    return found


def _types(seen: Seen) -> list[tuple[str, str]]:
    return [(kind, obj["metadata"]["name"]) for kind, obj in seen]


async def test_a_watch_reports_every_change_since_the_version_it_starts_from(world: World) -> None:
    _, since = await world.client.list(SECRETS, world.namespace)
    obj = await world.client.create(SECRETS, world.namespace, {"metadata": {"name": "a"}})
    obj["metadata"]["labels"] = {"x": "1"}
    obj = await world.client.replace(SECRETS, obj)
    await world.client.delete(SECRETS, obj)
    seen = await _seen(world, 3, since)
    assert _types(seen) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    versions = [int(obj["metadata"]["resourceVersion"]) for _, obj in seen]
    assert versions == sorted(set(versions))
    assert versions[-1] > int(obj["metadata"]["resourceVersion"])


async def test_a_watch_reports_what_happens_while_it_is_open(world: World) -> None:
    _, since = await world.client.list(SECRETS, world.namespace)
    waiting = asyncio.ensure_future(_seen(world, 2, since))
    await asyncio.sleep(0.2)
    for name in ("a", "b"):
        await world.client.create(SECRETS, world.namespace, {"metadata": {"name": name}})
    assert _types(await waiting) == [("ADDED", "a"), ("ADDED", "b")]


async def test_watched_objects_carry_their_kind(world: World) -> None:
    _, since = await world.client.list(SECRETS, world.namespace)
    await world.client.create(SECRETS, world.namespace, {"metadata": {"name": "a"}})
    [(_, obj)] = await _seen(world, 1, since)
    assert (obj["kind"], obj["apiVersion"]) == ("Secret", "v1")


async def test_an_unchanged_write_is_no_event(world: World) -> None:
    obj = await world.client.create(SECRETS, world.namespace, {"metadata": {"name": "a"}})
    since = obj["metadata"]["resourceVersion"]
    await world.client.replace(SECRETS, obj)
    await world.client.create(SECRETS, world.namespace, {"metadata": {"name": "b"}})
    assert _types(await _seen(world, 1, since)) == [("ADDED", "b")]


async def test_a_label_selected_watch_reports_a_stripped_label_as_a_deletion(world: World) -> None:
    labels = {"conformance": world.namespace}
    selector = f"conformance={world.namespace}"
    _, since = await world.client.list(SECRETS, None, selector)
    obj = await world.client.create(SECRETS, world.namespace, {"metadata": {"name": "a", "labels": labels}})
    obj["metadata"]["labels"] = {}
    stripped = await world.client.replace(SECRETS, obj)
    obj = stripped | {"metadata": stripped["metadata"] | {"labels": labels}}
    await world.client.replace(SECRETS, obj)
    seen = await _seen(world, 3, since, selector=selector, all_over=True)
    assert _types(seen) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a")]
    assert seen[1][1]["metadata"]["labels"] == labels
    assert seen[1][1]["metadata"]["resourceVersion"] == stripped["metadata"]["resourceVersion"]


async def test_a_watch_without_version_begins_with_what_is_there(world: World) -> None:
    await world.client.create(SECRETS, world.namespace, {"metadata": {"name": "a"}})
    assert _types(await _seen(world, 1, "")) == [("ADDED", "a")]


async def test_a_watch_ends_after_its_seconds(world: World) -> None:
    query = {"watch": "true", "resourceVersion": "", "timeoutSeconds": "1"}
    stream = world.transport.stream(Call("GET", SECRETS.path(world.namespace), query))
    async with asyncio.timeout(10):
        assert [event async for event in stream] == []


async def test_a_version_the_server_forgot_is_gone(world: World) -> None:
    if world.fake is not None:
        world.fake.compact()
    # Widgets, because the server remembers built-in kinds from its first moment on.
    with pytest.raises(Gone):
        async for _ in world.client.watch(WIDGETS, world.namespace, None, "1"):
            pass


async def test_a_metadata_only_watch_leaves_the_content_out(world: World) -> None:
    accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    await world.client.create(WIDGETS, world.namespace, widget("w"))
    query = {"watch": "true", "timeoutSeconds": "1"}
    stream = world.transport.stream(Call("GET", WIDGETS.path(world.namespace), query, accept=accept))
    [event] = [event async for event in stream]
    assert event["type"] == "ADDED"
    assert set(event["object"]) == {"kind", "apiVersion", "metadata"}


async def test_a_watch_of_a_kind_without_crd_cannot_tell(world: World) -> None:
    gadgets = Resource(WIDGETS.group, "v1", "gadgets", "Gadget")
    with pytest.raises(NotServed):
        async for _ in world.client.watch(gadgets, world.namespace, None, ""):
            pass
