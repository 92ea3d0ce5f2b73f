"""Two operators without an election that look after one set: nothing is lost, and both say the same of it."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from fakes.keys import KeysAtOnce
from fakes.seam import FakeTransport
from jwks_operator.kube.client import EVENTS, SETS, Client
from jwks_operator.kube.errors import KubeError
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.observed_versions import ObservedVersions
from jwks_operator.reconcile.reconciler import Reconciler
from reconcile.life import REF, Life


class Both(Life):
    """`one` and `two` run their passes at the same time; whoever meets a conflict comes again."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.operators = [self._operator(name) for name in ("one", "two")]

    def _operator(self, name: str) -> Reconciler:
        clock = Clock(self.time.wall, self.time.ticks)
        client = Client(FakeTransport(self.server), clock.hear_date, name=lambda: name)
        return Reconciler(client, KeysAtOnce(self.keys), clock, ObservedVersions(), replace(self.means))

    async def both(self) -> None:
        for _ in range(4):
            await asyncio.gather(*(self._pass(operator) for operator in self.operators))
            self.operators.reverse()

    async def _pass(self, operator: Reconciler) -> None:
        with suppress(KubeError):
            await operator.reconcile(REF)

    async def rotate(self) -> None:
        self.time.pass_by(timedelta(days=31))
        await self.both()


async def test_two_operators_are_named_by_both_until_one_is_alone() -> None:
    life = Both()
    await life.begin()
    await life.both()
    for _ in range(3):
        for operator in life.operators:
            life.time.pass_by(timedelta(days=31))
            await operator.reconcile(REF)
    await life.both()
    assert await life.condition("Degraded") == ("True", "OtherOperator")
    told = next(c["message"] for c in (await life.status())["conditions"] if c["type"] == "Degraded")
    assert "one and two" in told
    before = await life.read(SETS, REF.name)
    await life.both()
    assert await life.read(SETS, REF.name) == before, "they do not overwrite each other's status"
    events, _ = await life.people.list(EVENTS, REF.namespace)
    assert sum(event["reason"] == "OtherOperator" for event in events) == 1
    life.time.pass_by(timedelta(hours=1))
    await life.operators[0].reconcile(REF)
    assert await life.condition("Degraded") == ("False", "AsExpected")


async def test_at_the_same_time_they_lose_no_key_and_never_use_two() -> None:
    life = Both()
    await life.begin()
    for _ in range(6):
        await life.both()
        states = await life.states()
        assert len(states["Active"]) == 1
        assert set(states["Active"]) <= set(await life.published())
        await life.rotate()
