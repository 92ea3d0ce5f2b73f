"""Writes that are refused: the keys stay as they are, it is said, and nothing was begun that cannot be finished."""

from datetime import timedelta

import pytest

from fakes.faults import Stuck, Where
from jwks_operator.kube.client import CONFIGMAPS, NAMESPACES, SECRETS, Call
from jwks_operator.kube.errors import NamespaceTerminating, Refused
from reconcile.life import REF, Life
from simulation.directed import h, spec
from simulation.refusals import over_quota, unwelcome
from simulation.world import RING, World, finish

OWNED = {"keyring": (SECRETS, RING), "ConfigMap": (CONFIGMAPS, REF.name), "Secret": (SECRETS, REF.name)}
LEAD = timedelta(minutes=70)


def _writes_of(name: str, method: str) -> Where:
    resource, called = OWNED[name]

    def where(call: Call) -> bool:
        if call.method != method or f"/{resource.plural}" not in call.path:
            return False
        body = call.body or {}
        return bool(body.get("metadata", {}).get("name") == called)

    return where


@pytest.mark.parametrize("name", OWNED)
async def test_a_quota_that_is_used_up_delays_a_new_set_and_no_more(name: str) -> None:
    life = Life()
    await life.begin()
    life.start_operator(over_quota(_writes_of(name, "POST")))
    for _ in range(3):
        with pytest.raises(Refused):
            await life.after(timedelta(minutes=1))
    assert await life.condition("Degraded") == ("True", "WriteRefused")
    assert await life.people.read(SECRETS, REF.namespace, REF.name) is None, "nobody signs before anybody can verify"
    life.start_operator()
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.condition("Degraded") == ("False", "AsExpected")


@pytest.mark.parametrize("name", ["ConfigMap", "Secret"])
async def test_a_quota_that_is_used_up_delays_a_repair_and_its_wait_begins_after_it(name: str) -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    states = await life.states()
    await life.delete(*OWNED[name])
    life.start_operator(over_quota(_writes_of(name, "POST")))
    with pytest.raises(Refused):
        await life.after(timedelta(hours=719, minutes=50))
    assert await life.condition("Degraded") == ("True", "WriteRefused")
    life.start_operator()
    await life.after(timedelta(minutes=10))
    assert (
        await life.states() == states if name == "ConfigMap" else (await life.states())["Active"] == states["Pending"]
    )
    assert await life.in_use() in await life.published()


@pytest.mark.parametrize("code", [400, 403])
@pytest.mark.parametrize("name", OWNED)
def test_a_webhook_that_denies_a_rotation_delays_it_and_breaks_nothing(name: str, code: int) -> None:
    """What was begun is finished first; a key that could not be published has not begun to wait."""
    world = World()
    world.begin(spec("ES256", prepublish="OnSchedule"))
    world.leader.seam.faults.append(unwelcome(_writes_of(name, "PUT"), code))
    for _ in range(30):
        world.life.time.pass_by(h(1))
        world.look()
    assert finish(world.life.condition("Degraded")) == ("True", "WriteRefused")
    assert finish(world.life.condition("Ready")) == ("False", "WriteRefused"), "an output is not as it should be"
    world.leader.seam.faults.pop()
    world.live(h(3))
    assert finish(world.life.condition("Degraded")) == ("False", "AsExpected")
    world.judge()
    world.assert_quiet()
    world.end()


async def test_in_a_namespace_that_terminates_nothing_is_made_and_nothing_else_goes() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    namespace = await life.people.read(NAMESPACES, None, REF.namespace)
    assert namespace is not None
    await life.people.delete(NAMESPACES, namespace)
    await life.delete(CONFIGMAPS, REF.name)  # the namespace controller goes about its work
    life.writes()
    for _ in range(3):
        with pytest.raises(NamespaceTerminating):
            await life.after(timedelta(minutes=1))
    assert not [write for write in life.writes() if write.startswith("DELETE")]
    assert await life.in_use()
    life.server.finish_namespace(REF.namespace)
    assert await life.after(timedelta(hours=1)) is None


@pytest.mark.parametrize("name", OWNED)
def test_a_write_that_lands_after_an_hour_lands_on_nothing(name: str) -> None:
    """The operator has given it up and done it again; the late one meets another resourceVersion."""
    world = World()
    world.begin(spec("ES256", prepublish="OnSchedule"))
    for wait in (h(24) - LEAD, LEAD, LEAD):
        stuck = Stuck(_writes_of(name, "PUT"))
        world.leader.seam.faults.append(stuck)
        world.life.time.pass_by(wait)
        world.look()
        world.leader.seam.faults.remove(stuck)
        world.life.time.pass_by(timedelta(seconds=1))
        world.look()
        world.life.time.pass_by(h(1))
        before = world.life.server.store.version
        assert all(reply.status == 409 for reply in stuck.release())
        assert world.life.server.store.version == before
    world.live(h(3))
    world.judge()
    world.end()


@pytest.mark.parametrize("by", [h(-2), h(2)], ids=["behind", "ahead"])
def test_a_node_clock_two_hours_off_moves_nothing_until_it_is_right(by: timedelta) -> None:
    world = World()
    world.begin(spec("ES256"))
    world.live(h(23))
    before = finish(world.life.states("a"))
    world.leader.ahead = by
    for _ in range(20):
        world.life.time.pass_by(timedelta(minutes=15))
        world.look()
    assert finish(world.life.states("a")) == before
    assert finish(world.life.condition("Degraded")) == ("True", "ClockUncertain")
    world.leader.ahead = timedelta()
    world.live(h(3))
    assert finish(world.life.states("a"))["Active"] == before["Pending"]
    world.judge()
    world.end()
