"""Everything has an end: also a plan that is never content."""

from dataclasses import replace

import pytest

from corridor.life import Life
from jwks_operator import reconcile
from jwks_operator.core.births import need_of
from jwks_operator.core.plan import Plan, decide
from jwks_operator.core.record import State
from jwks_operator.core.world import Reading, World


async def test_a_plan_that_asks_for_ever_more_keys_ends_the_pass_as_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life()
    await life.begin()

    def insatiable(world: World, reading: Reading, fresh: object = None) -> Plan:
        assert world.spec is not None
        return replace(decide(world, reading), needs=(need_of(world.spec.keys[0], State.PENDING),))

    monkeypatch.setattr(reconcile, "decide", insatiable)
    with pytest.raises(reconcile.UnsettledPlanError, match="shop/auth"):
        await life.pass_()
    assert life.writes() == []
