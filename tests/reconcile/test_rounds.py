"""The rounds of a pass: each step is told, what was done is shown, and also a plan that is never content ends."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.faults import Answer, to
from jwks_operator.core.model.observed_state import ObservedState, Reading
from jwks_operator.core.planner.key_requests import need_of
from jwks_operator.core.planner.plan import Plan
from jwks_operator.core.planner.rules import decide
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.kube.client import EVENTS, Call
from jwks_operator.kube.errors import Unavailable
from jwks_operator.reconcile import reconciler
from reconcile.life import REF, Life

MONTH = timedelta(hours=720)


async def test_a_plan_that_asks_for_ever_more_keys_ends_the_pass_as_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life()
    await life.begin()

    def insatiable(world: ObservedState, reading: Reading, fresh: object = None) -> Plan:
        assert world.written is not None
        return replace(decide(world, reading), needs=(need_of(world.written.keys[0], State.PENDING),))

    monkeypatch.setattr(reconciler, "decide", insatiable)
    with pytest.raises(reconciler.UnsettledPlanError, match="shop/auth"):
        await life.pass_()
    assert life.writes() == []


async def reasons(life: Life) -> list[str]:
    return [event["reason"] for event in (await life.people.list(EVENTS, REF.namespace))[0]]


async def test_every_step_of_a_pass_has_its_event() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    before = await reasons(life)
    await life.after(MONTH)
    assert sorted(await reasons(life)) == sorted([*before, "KeyActivated", "KeyRetired", "KeyPublished"])


async def test_what_a_pass_has_done_is_shown_also_if_its_next_step_fails() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    first = (await life.states())["Active"]
    writes: list[Call] = []

    def of_the_next_step(call: Call) -> bool:
        writes.extend([call] if to("configmaps", "PUT")(call) else [])
        return call in writes[1:]

    life.start_operator(Answer(503, of_the_next_step, times=9))
    life.time.pass_by(MONTH)
    with pytest.raises(Unavailable):
        await life.pass_()
    assert (await life.states())["Retired"] == first
    assert "KeyActivated" in await reasons(life)
