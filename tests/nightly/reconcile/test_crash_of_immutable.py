"""Killed at any API call while every object of a set is immutable and has to be made again: no used key is lost."""

from datetime import timedelta

import pytest

from fakes.faults import Crash, CrashAfter, CrashBefore
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from reconcile.life import REF
from reconcile.test_immutable import frozen

RETENTION = timedelta(minutes=70)


async def _calls_of_a_rotation() -> int:
    life = await frozen()
    life.start_operator()
    await life.pass_()
    return len(life.seam.log)


@pytest.mark.parametrize("fault", [CrashBefore, CrashAfter])
@pytest.mark.parametrize("revoking", [False, True], ids=["rotating", "revoking"])
async def test_a_crash_while_immutable_objects_are_made_again_loses_no_used_key(
    revoking: bool, fault: type[CrashBefore]
) -> None:
    for nth in range(1, await _calls_of_a_rotation() + 1):
        life = await frozen()
        first = (await life.states())["Active"][0]
        if revoking:
            await life.annotate(revoke=first)
        life.start_operator(fault(nth))
        used = {first}
        for _ in range(3):
            try:
                await life.pass_()
            except Crash:
                life.start_operator()
            secret = await life.people.read(SECRETS, REF.namespace, REF.name)
            configmap = await life.people.read(CONFIGMAPS, REF.namespace, REF.name)
            if secret is not None and configmap is not None and "signing.kid" in secret["data"]:
                leaves = revoking and await life.in_use() == first
                assert leaves or await life.in_use() in await life.published(), f"call {nth}"
                used.add(await life.in_use())
        assert await life.condition("Ready") == ("True", "KeysInUse"), f"call {nth}"
        assert await life.in_use() == (await life.states())["Active"][0]
        kept = used - {first} if revoking else used
        assert kept <= set(await life.published()), f"call {nth}: a used key is lost"
        assert (first in await life.published()) is not revoking, f"call {nth}"
        await life.live(3 * RETENTION)
        assert await life.condition("Degraded") == ("False", "AsExpected"), f"call {nth}"
        assert (await life.states())["Pending"], f"call {nth}"
