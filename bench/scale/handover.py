"""From a leader that is ended to the first write of the standby."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from scale.api import Object
from scale.generator import Ref
from scale.growth import LEASES
from scale.operators import Operator
from scale.outcome import spread_of
from scale.processes import cpu_seconds
from scale.revoker import Revoker
from scale.watch import Late, Watch

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{LEASES}/leases"
EVERY = 0.1
"""Seconds between the revocations that are to provoke a first write."""
REVOCATIONS = 30
CALM = 0.1
"""Share of a core below which a standby has read everything."""


class Holder:
    """Who holds the Lease, and since when."""

    def __init__(self) -> None:
        self.identity = ""
        self.since = 0.0

    def saw(self, _: str, lease: Object, now: float) -> None:
        """Take in a watch event; a Lease without a holder is on its way."""
        identity = lease["spec"].get("holderIdentity") or ""
        if identity and identity != self.identity:
            self.identity, self.since = identity, now


async def wait_until_calm(operator: Operator, seconds: float) -> None:
    """Wait until a process hardly works any more."""
    end = time.monotonic() + seconds
    used = cpu_seconds(operator.pid)
    while True:
        await asyncio.sleep(1)
        before, used = used, cpu_seconds(operator.pid)
        if used - before < CALM:
            return
        if time.monotonic() > end:
            raise Late(f"the standby is still at work after {seconds:.0f} s")


async def hand_over(leader: Operator, revoker: Revoker, victims: Sequence[Ref]) -> dict[str, Any]:
    """End the leader while keys are revoked one after another; a standby runs and has read everything.

    The figures, in seconds: `lease` until the standby held the Lease, `first_write` until the first ConfigMap was
    written after that, both from SIGTERM; `waited` is how long the revocations waited that were asked for meanwhile.
    """
    holder = Holder()
    async with Watch(revoker.api, LEASE, holder.saw) as lease:
        await lease.until("a leader", lambda: bool(holder.identity), 60)
        former, effects, waits = holder.identity, list[float](), list[float]()

        async def provoke(ref: Ref) -> None:
            sent = time.time()
            effects.append(await revoker.revoked_at(ref))
            waits.append(effects[-1] - sent)

        ended = time.time()
        leader.terminate()
        async with asyncio.TaskGroup() as group:
            for ref in victims[:REVOCATIONS]:
                group.create_task(provoke(ref))
                await asyncio.sleep(EVERY)
        await lease.until("the standby to lead", lambda: holder.identity != former, 60)
    await leader.stop()
    first = min((effect for effect in effects if effect >= holder.since), default=max(effects))
    return {
        "lease": round(holder.since - ended, 3),
        "first_write": round(first - ended, 3),
        "waited": spread_of(waits),
    }
