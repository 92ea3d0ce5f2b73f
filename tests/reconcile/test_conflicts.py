"""OneWriter and foreign objects: what is not ours is never touched, what was not read is never overwritten."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from fakes.faults import Answer, LoseResponse, Stuck, to
from fakes.keys import KeysAtOnce
from fakes.seam import FakeTransport
from jwks_operator.api.names import keyring_name
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Client, Resource
from jwks_operator.kube.errors import Conflict, KubeError, Refused
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.config import ReconcilerConfig
from jwks_operator.reconcile.observed_versions import ObservedVersions
from jwks_operator.reconcile.reconciler import Reconciler
from reconcile.life import ES256, REF, Life

FOREIGN = {
    "ConfigMap": (CONFIGMAPS, REF.name, {"data": {"theirs": "1"}}),
    "Secret": (SECRETS, REF.name, {"data": {"theirs": "MQ=="}}),
    "keyring": (SECRETS, keyring_name(REF.name), {"data": {"theirs": "MQ=="}}),
}


@pytest.mark.parametrize(("resource", "name", "body"), FOREIGN.values(), ids=FOREIGN)
async def test_a_foreign_object_of_that_name_is_never_touched(
    resource: Resource, name: str, body: dict[str, object]
) -> None:
    life = Life()
    await life.begin()
    await life.people.create(resource, REF.namespace, {"metadata": {"name": name}, **body})
    before = await life.read(resource, name)
    wake = await life.pass_()
    assert wake is not None, "no watch tells of the end of a foreign object, so it is looked at again"
    assert await life.read(resource, name) == before
    assert await life.condition("Ready") == ("False", "NameConflict")
    await life.delete(resource, name)
    await life.after(timedelta(minutes=1))
    assert await life.condition("Ready") == ("True", "KeysInUse")


def _second_operator(life: Life) -> Reconciler:
    clock = Clock(life.time.wall, life.time.ticks)
    client = Client(FakeTransport(life.server), clock.hear_date)
    return Reconciler(client, KeysAtOnce(life.keys), clock, ObservedVersions(), ReconcilerConfig())


async def _both(life: Life, other: Reconciler) -> None:
    for _ in range(4):
        await asyncio.gather(life.pass_(), other.reconcile(REF), return_exceptions=True)


@pytest.mark.parametrize("lag", range(1, 12))
async def test_two_operators_at_once_never_have_two_active_keys_or_lose_a_private_half(lag: int) -> None:
    """The one waits before its n-th call while the other goes on: every interleaving of a paused leader."""
    life = Life()
    await life.begin()
    for span in (timedelta(0), timedelta(hours=720), timedelta(minutes=70)):
        life.time.pass_by(span)
        gate = _Gate(lag)
        life.start_operator(gate)
        paused = asyncio.create_task(life.pass_())
        await gate.reached(paused)
        await _second_operator(life).reconcile(REF)
        gate.open()
        with suppress(Conflict):
            await paused
        await _second_operator(life).reconcile(REF)
        states = await life.states()
        assert len(states["Active"]) == 1
        assert await life.in_use() == states["Active"][0]
        private = {d["kid"] for d in (await life.keyring()).values() if "private" in d}
        assert {*states["Active"], *states["Pending"]} <= private


class _Gate(Stuck):
    """Holds the n-th call until the test lets it through."""

    def __init__(self, nth: int) -> None:
        super().__init__(lambda call: True, times=1_000_000)
        self._nth = nth
        self._here = asyncio.Event()
        self._through = asyncio.Event()

    async def before(self, number: int, call: object, server: object) -> None:
        del call, server
        if number == self._nth:
            self._here.set()
            await self._through.wait()

    async def reached(self, task: "asyncio.Task[object]") -> None:
        waiting = asyncio.create_task(self._here.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    def open(self) -> None:
        self._through.set()


async def test_a_write_that_was_stuck_for_an_hour_lands_on_nothing() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    life.time.pass_by(timedelta(hours=720))
    stuck = Stuck(to("secrets/auth", "PUT"))
    life.start_operator(stuck)
    with pytest.raises(KubeError):
        await life.pass_()
    life.start_operator()
    await life.after(timedelta(minutes=1))
    before = await life.keyring(), await life.published(), await life.in_use()
    life.time.pass_by(timedelta(hours=1))
    assert [reply.status for reply in stuck.release()] == [409]
    assert before == (await life.keyring(), await life.published(), await life.in_use())


async def test_a_stamp_is_never_older_than_its_effect_however_long_the_write_took() -> None:
    """The ConfigMap lands, its answer is lost; the witness is the later pass that saw it."""
    life = Life()
    await life.begin({**ES256, "rotation": {"prepublish": "OnSchedule"}})
    await life.pass_()
    await life.after(timedelta(hours=720) - timedelta(minutes=70))
    assert len(await life.published()) == 2
    life = Life()
    await life.begin({**ES256, "rotation": {"prepublish": "OnSchedule"}})
    await life.pass_()
    life.time.pass_by(timedelta(hours=720) - timedelta(minutes=70))
    life.start_operator(LoseResponse(to("configmaps", "PUT")))
    with pytest.raises(KubeError):
        await life.pass_()
    seen = life.time.now
    await life.after(timedelta(minutes=30))
    pending = (await life.status())["keys"][1]
    assert pending["state"] == "Pending"
    assert pending["published"] > seen.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("code", [409, 429, 500, 503])
async def test_any_refused_write_is_taken_up_again_by_the_next_pass(code: int) -> None:
    for nth in range(1, 6):
        life = Life()
        await life.begin()
        fault = Answer(code, lambda call: call.method != "GET" and not call.path.endswith("/events"), times=nth)
        life.start_operator(fault)
        for _ in range(nth + 2):
            try:
                await life.pass_()
            except KubeError:
                life.time.pass_by(timedelta(seconds=1))
        assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_a_write_that_the_server_refuses_is_told_in_the_status() -> None:
    life = Life()
    await life.begin()
    life.start_operator(Answer(403, to("configmaps", "POST"), times=100))
    with pytest.raises(Refused):
        await life.pass_()
    assert await life.condition("Degraded") == ("True", "WriteRefused")
    life.start_operator()
    await life.pass_()
    assert await life.condition("Degraded") == ("False", "AsExpected")
