"""Pods that mount a set's objects are made to read them at once: which pods, at what pace, and what is told of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from fakes.apiserver import FakeApiServer
from fakes.faults import Answer, Delay
from fakes.seam import FakeTransport
from jwks_operator.api.names import ANNOTATION_REFRESHED_AT, LABEL_ALLOW_SET
from jwks_operator.core.model.record import RecordedEvent
from jwks_operator.kube.client import NAMESPACES, PODS, Call, Client, Object
from jwks_operator.kube.pod_refresh import BURST, GIVE_UP, PER_SECOND, MountedObjects, PodRefresher
from process.virtual import run

THE_SET = {"metadata": {"name": "auth", "namespace": "shop", "uid": "u1"}}
MOUNTED = MountedObjects(THE_SET, {"shop": "jwks", "market": "shop.jwks"}, "keys")
CONSENT = {LABEL_ALLOW_SET: "auth"}
SECRET = {"name": "a", "secret": {"secretName": "keys"}}
CONFIGMAP = {"name": "a", "configMap": {"name": "jwks"}}
COPY = {"name": "a", "configMap": {"name": "shop.jwks"}}


def projected(**source: Any) -> Object:
    return {"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}, source]}}


class Desk:
    """A refresher, a fake cluster with two namespaces, and what was told."""

    def __init__(self) -> None:
        self.leads = True
        self.seam = FakeTransport(FakeApiServer())
        self.people = Client(FakeTransport(self.seam.server))
        self.counted: list[tuple[int, int]] = []
        self.told: list[RecordedEvent] = []
        client = Client(self.seam, may_write=lambda: self.leads)
        self.ended = asyncio.Semaphore(0)
        self.refresher = PodRefresher(client, self._record, self._count)

    def _count(self, refreshed: int, failed: int) -> None:
        self.counted.append((refreshed, failed))
        self.ended.release()

    async def _record(self, the_set: Object, events: tuple[RecordedEvent, ...], now: datetime) -> None:
        assert the_set is THE_SET
        del now
        self.told += events

    async def pod(self, name: str, *volumes: Object, namespace: str = "shop", **more: Any) -> None:
        labels = more.pop("labels", CONSENT)
        spec = {"containers": [{"name": "a", "image": "a:1"}], "volumes": list(volumes)}
        body = {"metadata": {"name": name, "labels": labels, "annotations": {"kept": "yes"}}, "spec": spec, **more}
        made = await self.people.create(PODS, namespace, body)
        if "status" in more:
            self.seam.server.store.put(PODS, {**made, **more})

    async def refreshed(self) -> set[str]:
        """Names of the pods that were annotated."""
        found, _ = await self.people.list(PODS)
        return {pod["metadata"]["name"] for pod in found if ANNOTATION_REFRESHED_AT in pod["metadata"]["annotations"]}

    def patches(self) -> list[Call]:
        return [call for call in self.seam.log if call.method == "PATCH"]


def played(play: Callable[[Desk], Awaitable[None]]) -> Desk:
    """Play in virtual time."""
    desk = Desk()

    async def main() -> None:
        for namespace in ("shop", "market", "other"):
            await desk.people.create(NAMESPACES, None, {"metadata": {"name": namespace}})
        await play(desk)

    run(main())
    return desk


async def until_told(desk: Desk, times: int = 1) -> None:
    """Wait for the end of so many refreshes."""
    for _ in range(times):
        await desk.ended.acquire()


@pytest.mark.parametrize(
    ("volume", "namespace", "more", "reached"),
    [
        pytest.param(SECRET, "shop", {}, True, id="the Secret"),
        pytest.param(CONFIGMAP, "shop", {}, True, id="the ConfigMap"),
        pytest.param(COPY, "market", {}, True, id="a copy of the ConfigMap"),
        pytest.param(projected(secret={"name": "keys"}), "shop", {}, True, id="the Secret, projected"),
        pytest.param(projected(configMap={"name": "jwks"}), "shop", {}, True, id="the ConfigMap, projected"),
        pytest.param(CONFIGMAP, "shop", {"labels": {}}, False, id="without consent"),
        pytest.param(CONFIGMAP, "shop", {"labels": {LABEL_ALLOW_SET: "other"}}, False, id="consent for another set"),
        pytest.param({"name": "a", "emptyDir": {}}, "shop", {}, False, id="nothing of the set"),
        pytest.param({"name": "a", "configMap": {"name": "keys"}}, "shop", {}, False, id="a ConfigMap of another name"),
        pytest.param(SECRET, "market", {}, False, id="a Secret of that name elsewhere"),
        pytest.param(CONFIGMAP, "market", {}, False, id="a ConfigMap of that name elsewhere"),
        pytest.param(COPY, "other", {}, False, id="a ConfigMap named as the copy where there is none"),
        pytest.param(CONFIGMAP, "shop", {"status": {"phase": "Succeeded"}}, False, id="a pod that has ended"),
    ],
)
def test_a_pod_is_refreshed_if_it_consents_and_mounts_an_object_of_the_set(
    volume: Object, namespace: str, more: dict[str, Any], *, reached: bool
) -> None:
    async def play(desk: Desk) -> None:
        await desk.pod("a", volume, namespace=namespace, **more)
        await desk.pod("always", CONFIGMAP)
        desk.refresher.request(MOUNTED)
        await until_told(desk)
        assert await desk.refreshed() == {"always"} | ({"a"} if reached else set())

    desk = played(play)
    assert [event.event for event in desk.told] == ["PodsRefreshed"]
    assert desk.counted == [(1 + reached, 0)]


def test_nothing_of_a_pod_is_changed_but_the_annotation() -> None:
    async def play(desk: Desk) -> None:
        await desk.pod("a", SECRET)
        before = await desk.people.read(PODS, "shop", "a")
        desk.refresher.request(MOUNTED)
        await until_told(desk)
        after = await desk.people.read(PODS, "shop", "a")
        assert before is not None
        assert after is not None
        assert after["metadata"]["annotations"].pop(ANNOTATION_REFRESHED_AT)
        for gone in ("resourceVersion", "managedFields"):
            before["metadata"].pop(gone)
            after["metadata"].pop(gone)
        assert after == before

    played(play)


def test_without_copies_other_namespaces_are_not_listed() -> None:
    async def play(desk: Desk) -> None:
        desk.refresher.request(MountedObjects(THE_SET, {"shop": "jwks"}, "keys"))
        await until_told(desk)

    desk = played(play)
    assert [call.path for call in desk.seam.log] == ["/api/v1/namespaces/shop/pods"]
    assert desk.told == []


def test_many_pods_are_no_storm_and_all_are_reached() -> None:
    took: list[float] = []

    async def play(desk: Desk) -> None:
        for number in range(150):
            await desk.pod(f"a{number}", SECRET)
        begun = asyncio.get_running_loop().time()
        desk.refresher.request(MOUNTED)
        await until_told(desk)
        took.append(asyncio.get_running_loop().time() - begun)

    desk = played(play)
    assert desk.counted == [(150, 0)]
    assert len(desk.patches()) == 150
    assert took[0] == pytest.approx((151 - BURST) / PER_SECOND, abs=0.1)


def test_a_set_with_many_pods_does_not_delay_another_one() -> None:
    async def play(desk: Desk) -> None:
        for number in range(150):
            await desk.pod(f"a{number}", SECRET)
        await desk.pod("b", SECRET, labels={LABEL_ALLOW_SET: "other"})
        other = {"metadata": {"name": "other", "namespace": "shop", "uid": "u2"}}
        desk.refresher._record_events = lambda *_: asyncio.sleep(0)
        desk.refresher.request(MOUNTED)
        await asyncio.sleep(0.5)
        desk.refresher.request(MountedObjects(other, {"shop": "other"}, "keys"))
        await asyncio.sleep(0.5)
        assert "b" in await desk.refreshed()
        assert desk.counted == [(1, 0)]

    played(play)


def test_what_fails_for_a_moment_is_tried_again_and_the_rest_is_not() -> None:
    async def play(desk: Desk) -> None:
        for name in "abc":
            await desk.pod(name, SECRET)
        desk.seam.faults = [Answer(503, lambda call: call.path.endswith("/pods/b"), 2)]
        desk.refresher.request(MOUNTED)
        await until_told(desk)
        assert await desk.refreshed() == {"a", "b", "c"}

    desk = played(play)
    assert desk.counted == [(3, 0)]
    assert sorted(call.path[-1] for call in desk.patches()) == ["a", "b", "b", "b", "c"]
    assert [event.event for event in desk.told] == ["PodsRefreshed"]


def test_a_list_that_fails_for_a_moment_is_asked_for_again() -> None:
    async def play(desk: Desk) -> None:
        await desk.pod("a", SECRET)
        desk.seam.faults = [Answer(500, lambda call: call.method == "GET", 2)]
        desk.refresher.request(MOUNTED)
        await until_told(desk)
        assert await desk.refreshed() == {"a"}

    assert played(play).counted == [(1, 0)]


def test_what_is_refused_is_told_with_the_cure_and_not_tried_again() -> None:
    async def play(desk: Desk) -> None:
        for name in "ab":
            await desk.pod(name, SECRET)
        desk.seam.faults = [Answer(403, lambda call: call.path.endswith("/pods/b"), 99)]
        desk.refresher.request(MOUNTED)
        await until_told(desk)

    desk = played(play)
    assert desk.counted == [(1, 1)]
    assert len(desk.patches()) == 2
    assert [event.event for event in desk.told] == ["PodsRefreshed", "PodRefreshFailed"]
    assert "podRefresh.enabled" in desk.told[1].reason


def test_an_api_server_that_never_answers_well_is_given_up_and_told() -> None:
    async def play(desk: Desk) -> None:
        await desk.pod("a", SECRET)
        desk.seam.faults = [Delay(where=lambda call: call.method == "PATCH", seconds=1000, times=99)]
        begun = asyncio.get_running_loop().time()
        desk.refresher.request(MOUNTED)
        await until_told(desk)
        assert asyncio.get_running_loop().time() - begun == pytest.approx(GIVE_UP, abs=0.1)

    assert [event.event for event in played(play).told] == ["PodRefreshFailed"]


def test_a_later_request_of_a_set_replaces_the_one_that_runs() -> None:
    async def play(desk: Desk) -> None:
        for number in range(100):
            await desk.pod(f"a{number}", SECRET)
        desk.refresher.request(MOUNTED)
        await asyncio.sleep(0.5)
        desk.refresher.request(MountedObjects(THE_SET, {"shop": "jwks"}, "keys"))
        await until_told(desk, 2)
        values = {pod["metadata"]["annotations"][ANNOTATION_REFRESHED_AT] for pod in (await desk.people.list(PODS))[0]}
        assert len(values) == 1, "every pod reads what the second one was for"

    desk = played(play)
    assert len(desk.told) == 1
    assert len(desk.patches()) < 200


def test_who_leads_no_more_changes_no_pod() -> None:
    async def play(desk: Desk) -> None:
        await desk.pod("a", SECRET)
        desk.leads = False
        desk.refresher.request(MOUNTED)
        await until_told(desk)

    desk = played(play)
    assert (desk.patches(), desk.counted) == ([], [(0, 0)])


def test_at_the_end_no_further_pod_is_changed() -> None:
    async def play(desk: Desk) -> None:
        for number in range(100):
            await desk.pod(f"a{number}", SECRET)
        desk.refresher.request(MOUNTED)
        await asyncio.sleep(0.5)
        await desk.refresher.close(1)
        sent = len(desk.patches())
        await asyncio.sleep(10)
        assert len(desk.patches()) == sent

    assert played(play).told == []
