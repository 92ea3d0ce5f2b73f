"""The resync: what it puts, what it leaves alone, and how it takes trouble. On the fake API server."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes.apiserver import FakeApiServer
from fakes.faults import Answer, to
from fakes.seam import FakeTransport
from jwks_operator.api import crd
from jwks_operator.api.names import (
    GROUP,
    LABEL_ALLOW_SET,
    LABEL_MANAGED_BY,
    LABEL_SET,
    LABEL_SOURCE_NAMESPACE,
    MANAGED_BY,
    PLURAL,
)
from jwks_operator.api.shards import Scope, Shard, shard_labels
from jwks_operator.kube.client import CONFIGMAPS, CRDS, NAMESPACES, SECRETS, SETS, Call, Client, Object, Resource
from jwks_operator.kube.errors import KubeError, NotServed, Unavailable
from jwks_operator.reconcile.observed_versions import Kind, ObservedVersions
from jwks_operator.reconcile.work_queue import Priority
from jwks_operator.watch.resync import FAILING, SERVED_POLL, Resync
from process.recorder import Recorder
from process.virtual import ref, run

SPEC = {"keys": [{"name": "signing", "algorithm": "ES256"}]}


class Cluster:
    """A fake cluster, people who change it, and a resync that looks at it."""

    def __init__(self, *namespaces: str, interval: timedelta = timedelta(minutes=10), shard: Shard = None) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.server = FakeApiServer(lambda: self.now)
        self.seam = FakeTransport(self.server)
        self.people = Client(FakeTransport(self.server))
        self.versions = ObservedVersions()
        self.queue = Recorder()
        client = Client(self.seam)
        self.resync = Resync(client, self.versions, self.queue, scope=Scope(namespaces, shard), interval=interval)

    async def begin(self, served: bool = True) -> "Cluster":
        for name in ("shop", "bank"):
            await self.people.create(NAMESPACES, None, {"metadata": {"name": name}})
        if served:
            await self.serve()
        return self

    async def serve(self) -> None:
        await self.people.create(CRDS, None, crd.build_crd())

    async def create_set(self, name: str, namespace: str = "shop", shard: Shard = None) -> Object:
        metadata = {"name": name, "labels": shard_labels(shard)}
        return await self.people.create(SETS, namespace, {"metadata": metadata, "spec": SPEC})

    async def create_owned(
        self, resource: Resource, name: str, of: str, namespace: str = "shop", shard: Shard = None
    ) -> Object:
        labels = {LABEL_MANAGED_BY: MANAGED_BY, LABEL_SET: of, **shard_labels(shard)}
        return await self.people.create(resource, namespace, {"metadata": {"name": name, "labels": labels}})

    def by_a_person(self, method: str, path: str, body: Object) -> Object:
        typed = {**body, "apiVersion": SETS.api_version, "kind": SETS.kind}
        reply = self.server.handle(Call(method, path, {"fieldManager": "kubectl-edit"}, typed))
        assert reply.status < 300, reply
        assert reply.body is not None
        return reply.body

    async def look(self) -> list[str]:
        """Resync once and tell what it put."""
        self.queue.added.clear()
        assert await self.resync.run_once() == len(self.queue.added)
        assert not any(priority for _, priority in self.queue.added)
        return [str(put) for put, _ in self.queue.added]


async def family(cluster: Cluster, name: str = "a") -> dict[str, Object]:
    return {
        "set": await cluster.create_set(name),
        "keyring": await cluster.create_owned(SECRETS, f"{name}-keyring", name),
        "secret": await cluster.create_owned(SECRETS, name, name),
        "configmap": await cluster.create_owned(CONFIGMAPS, name, name),
    }


@pytest.mark.parametrize(("shard", "found"), [(None, ["shop/a", "shop/e"]), ("blue", ["shop/b", "shop/f"])])
async def test_a_resync_lists_what_is_of_its_shard_orphans_included(shard: Shard, found: list[str]) -> None:
    """The orphans e and f are there; what belongs to a shard that nobody runs is nobody's."""
    cluster = await Cluster(shard=shard).begin()
    for owner, names in ((None, "ae"), ("blue", "bf"), ("green", "cg")):
        await cluster.create_set(names[0], shard=owner)
        await cluster.create_owned(SECRETS, names[1], names[1], shard=owner)
    assert await cluster.look() == found
    assert await cluster.look() == found[1:]


async def test_a_source_of_another_shards_set_is_no_news() -> None:
    cluster = await Cluster(shard="blue").begin()
    await cluster.create_set("a")
    await cluster.create_set("b", shard="blue")
    for name in "ab":
        labels = {LABEL_ALLOW_SET: name}
        await cluster.people.create(SECRETS, "shop", {"metadata": {"name": f"source-{name}", "labels": labels}})
    assert await cluster.look() == ["shop/b"]
    assert await cluster.look() == []


RESOURCES = {"set": SETS, "keyring": SECRETS, "secret": SECRETS, "configmap": CONFIGMAPS}


async def test_the_first_resync_puts_every_set_once_and_the_next_none() -> None:
    cluster = await Cluster().begin()
    await family(cluster, "a")
    await family(cluster, "b")
    await cluster.create_set("c", "bank")
    assert await cluster.look() == ["bank/c", "shop/a", "shop/b"]
    assert await cluster.look() == []


async def test_a_resync_reads_metadata_only_in_pages_and_writes_nothing() -> None:
    cluster = await Cluster().begin()
    await family(cluster)
    await cluster.look()
    assert cluster.seam.writes == []
    assert all("PartialObjectMetadataList" in call.accept and call.query["limit"] for call in cluster.seam.log)


async def test_sets_that_somebody_changed_since_our_last_status_come_first() -> None:
    cluster = await Cluster().begin()
    for name in ("calm", "edited", "fresh"):
        seen = cluster.by_a_person("POST", SETS.path("shop"), {"metadata": {"name": name}, "spec": SPEC})
        if name == "fresh":
            continue
        meta = {key: seen["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
        cluster.now += timedelta(seconds=1)
        seen = await cluster.people.apply_status({"metadata": meta, "status": {"observedGeneration": 1}})
        if name == "edited":
            cluster.now += timedelta(seconds=1)
            annotated = {**seen["metadata"], "annotations": {"jwks-operator.dev/revoke": "all"}}
            cluster.by_a_person("PUT", SETS.path("shop", name), {**seen, "metadata": annotated})
    await cluster.resync.run_once()
    assert sorted(cluster.queue.added) == [
        (ref("calm"), Priority.ROUTINE),
        (ref("edited"), Priority.REPAIR),
        (ref("fresh"), Priority.URGENT),
    ]


@pytest.mark.parametrize("kind", RESOURCES)
async def test_a_missed_change_is_found(kind: str) -> None:
    cluster = await Cluster().begin()
    changed = (await family(cluster))[kind]
    await family(cluster, "b")
    await cluster.look()
    changed["metadata"]["annotations"] = {"changed": "yes"}
    await cluster.people.replace(RESOURCES[kind], changed)
    assert await cluster.look() == ["shop/a"]
    assert await cluster.look() == []


@pytest.mark.parametrize("kind", ["keyring", "secret", "configmap"])
async def test_a_missed_loss_of_an_object_is_found_once(kind: str) -> None:
    cluster = await Cluster().begin()
    lost = (await family(cluster))[kind]
    await family(cluster, "b")
    await cluster.look()
    await cluster.people.delete(RESOURCES[kind], lost)
    assert await cluster.look() == ["shop/a"]
    assert await cluster.look() == []


@pytest.mark.parametrize("resource", [SECRETS, CONFIGMAPS], ids=["secret", "configmap"])
async def test_a_source_that_appears_changes_or_goes_is_found_once(resource: Resource) -> None:
    cluster = await Cluster().begin()
    await family(cluster)
    await cluster.look()
    body = {"metadata": {"name": "old", "labels": {LABEL_ALLOW_SET: "a"}}, "data": {}}
    made = await cluster.people.create(resource, "shop", body)
    assert await cluster.look() == ["shop/a"]
    assert await cluster.look() == []
    made = await cluster.people.replace(resource, {**made, "data": {"key": "YQ=="}})
    assert await cluster.look() == ["shop/a"]
    await cluster.people.delete(resource, made)
    assert await cluster.look() == ["shop/a"]
    assert await cluster.look() == []


async def test_a_source_for_a_set_that_does_not_exist_is_no_orphan() -> None:
    cluster = await Cluster().begin()
    await cluster.people.create(SECRETS, "shop", {"metadata": {"name": "old", "labels": {LABEL_ALLOW_SET: "a"}}})
    await cluster.people.create(SECRETS, "shop", {"metadata": {"name": "odd", "labels": {LABEL_ALLOW_SET: ""}}})
    await cluster.look()
    assert await cluster.look() == []


async def test_objects_whose_set_is_gone_are_put_at_every_resync_until_they_are_gone_too() -> None:
    cluster = await Cluster().begin()
    objects = await family(cluster)
    await cluster.look()
    for kind in ("set", "keyring", "secret", "configmap"):
        await cluster.people.delete(RESOURCES[kind], objects[kind])
        assert await cluster.look() == ["shop/a"]
    assert await cluster.look() == []
    assert len(cluster.versions) == 0


async def _copy_of(cluster: Cluster, name: str) -> Object:
    labels = {LABEL_MANAGED_BY: MANAGED_BY, LABEL_SET: name, LABEL_SOURCE_NAMESPACE: "shop"}
    return await cluster.people.create(CONFIGMAPS, "bank", {"metadata": {"name": f"shop.{name}", "labels": labels}})


async def test_copies_of_a_set_that_is_gone_are_put_at_every_resync_until_they_are_gone_too() -> None:
    cluster = await Cluster().begin()
    copy = await _copy_of(cluster, "a")
    assert await cluster.look() == ["shop/a"]
    assert cluster.versions.has_copies(ref("a"))
    assert await cluster.look() == ["shop/a"]
    await cluster.people.delete(CONFIGMAPS, copy)
    assert await cluster.look() == ["shop/a"]
    assert await cluster.look() == []


async def test_a_missed_edit_of_a_copy_is_found_once() -> None:
    cluster = await Cluster().begin()
    await family(cluster)
    copy = await _copy_of(cluster, "a")
    await cluster.look()
    await cluster.people.replace(CONFIGMAPS, {**copy, "data": {"a": "b"}})
    assert await cluster.look() == ["shop/a"]
    assert await cluster.look() == []


async def test_copies_from_namespaces_that_are_not_looked_at_are_left_alone() -> None:
    cluster = await Cluster("bank").begin()
    await _copy_of(cluster, "a")
    assert await cluster.look() == []


async def test_what_was_seen_or_written_meanwhile_is_not_put() -> None:
    cluster = await Cluster().begin()
    for kind, thing in (await family(cluster)).items():
        meta = thing["metadata"]
        cluster.versions.observe(ref("a"), Kind(kind), meta["name"], meta["uid"], meta["resourceVersion"])
    assert await cluster.look() == []


async def test_an_object_made_during_the_lists_is_not_taken_for_lost() -> None:
    cluster = await Cluster().begin()
    await cluster.create_set("a")
    cluster.versions.observe(ref("a"), Kind.CONSUMER, "a", "u1", "5")  # it was deleted, and the event was missed
    real = cluster.seam.server.handle

    def handle(call: Any) -> Any:
        reply = real(call)
        if call.path == "/api/v1/secrets":
            cluster.versions.observe(ref("a"), Kind.CONSUMER, "a", "u2", "6")
        return reply

    cluster.seam.server.handle = handle  # type: ignore[method-assign]  # a moment that no fault can hit
    await cluster.look()
    assert not cluster.versions.is_different(ref("a"), Kind.CONSUMER, "a", "u2", "6")


async def test_versions_that_ran_backwards_after_a_restore_are_put() -> None:
    cluster = await Cluster().begin()
    meta = (await cluster.create_set("a"))["metadata"]
    cluster.versions.observe(ref("a"), Kind.SET, "a", meta["uid"], "999999")
    assert await cluster.look() == ["shop/a"]


async def test_a_write_made_during_the_lists_is_neither_put_nor_overwritten() -> None:
    cluster = await Cluster().begin()
    objects = await family(cluster)
    await cluster.look()
    secret = objects["secret"]
    real = cluster.seam.server.handle

    def handle(call: Any) -> Any:
        reply = real(call)
        if call.path == "/api/v1/secrets" and call.method == "GET":
            meta = secret["metadata"]  # our own write lands, and is remembered, just after this list
            cluster.versions.observe(ref("a"), Kind.CONSUMER, "a", meta["uid"], "999999")
        return reply

    cluster.seam.server.handle = handle  # type: ignore[method-assign]  # a moment that no fault can hit
    assert await cluster.look() == []
    assert not cluster.versions.is_different(ref("a"), Kind.CONSUMER, "a", secret["metadata"]["uid"], "999999")


async def test_only_the_given_namespaces_are_looked_at() -> None:
    cluster = await Cluster("bank").begin()
    await cluster.create_set("a", "shop")
    await cluster.create_set("c", "bank")
    assert await cluster.look() == ["bank/c"]
    assert all("/namespaces/bank/" in call.path for call in cluster.seam.log)


async def test_if_the_kind_is_not_served_nothing_is_put() -> None:
    cluster = await Cluster().begin(served=False)
    await cluster.create_owned(CONFIGMAPS, "a", "a")
    with pytest.raises(NotServed):
        await cluster.look()
    assert cluster.queue.added == []
    assert not await cluster.resync.check_served()
    await cluster.serve()
    assert await cluster.resync.check_served()


def play(scene: Callable[[Cluster], Awaitable[None]], **kind: Any) -> None:
    """Run a scene beside a resync that runs, in virtual time."""

    async def main() -> None:
        cluster = await Cluster(interval=timedelta(minutes=10)).begin(**kind)
        running = asyncio.create_task(cluster.resync.run())  # begins when the scene first waits
        await scene(cluster)
        assert not running.done()
        running.cancel()

    run(main())


def lists(cluster: Cluster) -> int:
    return sum(call.path.endswith("jsonwebkeysets") for call in cluster.seam.log)


def test_resyncs_repeat_about_every_interval() -> None:
    async def scene(cluster: Cluster) -> None:
        await asyncio.sleep(9 * 60 - 1)
        assert lists(cluster) == 1
        await asyncio.sleep(2 * 60 + 2)
        assert lists(cluster) == 2
        await asyncio.sleep(100 * 60)
        assert 10 <= lists(cluster) <= 14

    play(scene)


def test_many_nudges_make_one_resync_soon() -> None:
    async def scene(cluster: Cluster) -> None:
        await asyncio.sleep(60)
        for _ in range(500):
            cluster.resync.request()
            await asyncio.sleep(0.001)
        await asyncio.sleep(3)
        assert lists(cluster) == 2

    play(scene)


def test_it_waits_for_the_kind_says_so_once_and_begins_when_it_is_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(cluster: Cluster) -> None:
        await asyncio.sleep(SERVED_POLL * 10)
        assert not cluster.resync.served.is_set()
        await cluster.serve()
        await asyncio.sleep(SERVED_POLL + 0.1)
        assert cluster.resync.served.is_set()

    play(scene, served=False)
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1


def test_a_kind_that_goes_away_again_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(cluster: Cluster) -> None:
        for _ in range(2):
            definition = await cluster.people.read(CRDS, None, f"{PLURAL}.{GROUP}")
            assert definition is not None
            await cluster.people.delete(CRDS, definition)
            cluster.resync.request()
            await asyncio.sleep(10)
            assert not cluster.resync.served.is_set()
            await cluster.serve()
            await asyncio.sleep(10)
            assert cluster.resync.served.is_set()

    play(scene)
    assert sum("waiting for its CRD" in record.message for record in caplog.records) == 2


def test_a_resync_cut_off_from_outside_is_repeated() -> None:
    async def scene(cluster: Cluster) -> None:
        await asyncio.sleep(60)
        inner = asyncio.create_task(asyncio.sleep(60))

        async def cut_off() -> int:
            await inner
            return 0

        cluster.resync.run_once = cut_off  # type: ignore[method-assign]  # what a lost connection looks like
        cluster.resync.request()
        await asyncio.sleep(10)
        inner.cancel()
        await asyncio.sleep(0.1)
        del cluster.resync.run_once
        before = lists(cluster)
        await asyncio.sleep(5)
        assert lists(cluster) == before + 1

    play(scene)


@pytest.mark.parametrize("code", [403, 429, 500, 503])
def test_a_resync_that_failed_is_repeated_sooner_and_never_gives_up(code: int) -> None:
    async def scene(cluster: Cluster) -> None:
        await cluster.create_set("a")
        cluster.seam.faults = [Answer(code, times=10_000)]
        await asyncio.sleep(3600)
        assert 60 <= lists(cluster) <= 130
        assert cluster.queue.added == []
        cluster.seam.faults = []
        await asyncio.sleep(61)
        assert [str(put) for put, _ in cluster.queue.added] == ["shop/a"]

    play(scene)


def test_resyncs_that_fail_in_a_row_are_told_until_one_succeeds() -> None:
    async def life() -> None:
        cluster = await Cluster().begin()
        cluster.seam.faults = [Answer(401, to(PLURAL), times=FAILING)]
        resyncing = asyncio.create_task(cluster.resync.run())
        told = set()
        for _ in range(100):
            told.add(cluster.resync.is_failing())
            await asyncio.sleep(0.5)
        resyncing.cancel()
        assert told == {False, True}
        assert not cluster.resync.is_failing()

    run(life())


@pytest.mark.parametrize("resource", [SECRETS, CONFIGMAPS])
async def test_what_a_resync_found_before_it_failed_is_put(resource: Resource) -> None:
    """It is remembered, so that neither the next resync nor a watch would call it news."""
    cluster = await Cluster().begin()
    await family(cluster)
    cluster.seam.faults = [Answer(500, where=to(resource.plural))]
    with pytest.raises(KubeError):
        await cluster.look()
    assert [str(put) for put, _ in cluster.queue.added] == ["shop/a"]


async def test_a_server_that_is_away_serves_nothing() -> None:
    cluster = await Cluster().begin()
    cluster.resync.served.set()
    cluster.seam.faults = [Answer(503, times=2)]
    with pytest.raises(Unavailable):
        await cluster.look()
    assert issubclass(Unavailable, KubeError)
    assert not await cluster.resync.check_served()
    assert not cluster.resync.served.is_set()
