"""Killed at any call of a life with a historical set, the operator leaves a true history."""

from datetime import timedelta

from fakes.faults import Crash, CrashAfter
from jwks_operator.kube.client import SECRETS
from reconcile.life import Life
from reconcile.test_historical import DAY, MINUTE, spec, told


async def test_a_crash_at_any_call_leaves_a_true_history() -> None:
    async def whole_life(life: Life) -> None:
        for span in (timedelta(0), MINUTE, DAY, MINUTE, timedelta(minutes=80), timedelta(hours=3)):
            life.time.pass_by(span)
            for _ in range(2):
                try:
                    await life.pass_()
                except Crash:
                    life.start_operator()
                    life.time.pass_by(timedelta(seconds=2))

    life = Life()
    await life.begin(spec())
    await whole_life(life)
    for nth in range(1, len(life.seam.log) + 1):
        life = Life()
        await life.begin(spec())
        life.start_operator(CrashAfter(nth))
        await whole_life(life)
        assert len((await told(life))["keys"]) == 1
        life.writes()
        await life.pass_()
        assert life.writes() == [], f"call {nth}"
    assert await life.read(SECRETS, "auth-keyring")
