"""Many sets on one control plane: growth, a restart, rest, and hand-overs to a standby."""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from scale.chronicle import follow_chronicle
from scale.churn import churn_sets
from scale.generator import Ref, set_spec
from scale.growth import ELECTED, LEASES, grow, many_refs, time_limit
from scale.handover import REVOCATIONS, hand_over, wait_until_calm
from scale.linear import tell_growth
from scale.operators import Operator
from scale.options import Options
from scale.outcome import Outcome, percentile_of, spread_of
from scale.paper import weigh_objects
from scale.processes import read_memory
from scale.revoker import Revoker
from scale.site import Site, open_site
from scale.survey import find_wrong, read_versions, write_requests
from scale.verify import find_changed

REST, PEAK = 250, 400
IDLE_CPU = 1.0
ACTS_WITHIN, HANDS_OVER_WITHIN = 15, 2
RESYNC_INTERVAL = 600
"""The operator's default, in seconds."""
PACE = 0.5
"""Seconds between revocations that come one after another."""
CHURN = 50
"""About how many sets are edited, deleted and created again."""
PROBES = 5
"""Revocations that wait for a start, evenly among all sets."""


async def many_sets(options: Options) -> Outcome:
    """Grow to the largest number, and see what holds there."""
    sets, outcome = many_refs(options.many[-1]), Outcome()
    async with open_site(options.workers) as place:
        await place.api.send("POST", "/api/v1/namespaces", {"metadata": {"name": LEASES}})
        creations, starts = await grow(place, options, outcome)
        tell_growth(creations, starts, outcome)
        outcome.figures["sizes"] = await weigh_objects(place.api)
        async with follow_chronicle(place.api) as (told, watches), AsyncExitStack() as operators:
            await watches.know(told, sets)
            crowd = Crowd(place, sets, Revoker(place.api, told, watches.configmaps), operators, outcome)
            leader = await crowd.restart(options.idle)
            await crowd.rest(leader, options.idle)
            await crowd.churn(leader)
            await crowd.hand_overs(leader, options.handovers)
            outcome.wrong += await find_wrong(place.api, sets, crowd.revoker.revoked)
    return outcome


@dataclass
class Crowd:
    """Many sets, a client that revokes their keys, and the operators that look after them."""

    place: Site
    sets: Sequence[Ref]
    revoker: Revoker
    operators: AsyncExitStack
    outcome: Outcome

    def __post_init__(self) -> None:
        step = max(1, len(self.sets) // PROBES)
        self._probes = list(self.sets[step // 2 :: step][:PROBES])
        others = [ref for ref in self.sets if ref not in set(self._probes)] or self.sets
        self._victims: Iterator[Ref] = cycle(others[:: max(1, len(others) // 1000)])

    async def restart(self, idle: float) -> Operator:
        """Start an operator while some revocations wait for it, and make more until it has looked at everything."""
        interval = RESYNC_INTERVAL if idle >= RESYNC_INTERVAL else max(2, round(idle / 2))
        operator = await self._start(f"--resync-interval={interval}s")
        async with asyncio.TaskGroup() as group:
            ready = group.create_task(operator.ready(time_limit(len(self.sets))))
            probes = [group.create_task(self.revoker.revoked_at(ref)) for ref in self._probes]
        acted = [probe.result() - operator.started for probe in probes]
        looking = asyncio.create_task(operator.caught_up(time_limit(len(self.sets))))
        meanwhile = list[float]()
        while not looking.done():
            meanwhile.append(await self.revoker.revoke(next(self._victims)))
            await asyncio.sleep(PACE)
        await looking
        seconds = time.time() - operator.started
        figures: dict[str, Any] = {
            "sets": len(self.sets),
            "ready_seconds": round(ready.result(), 2),
            "acted_seconds": [round(seconds, 2) for seconds in acted],
            "looked_at_everything_seconds": round(seconds, 2),
            "revoked_meanwhile": spread_of(meanwhile or [0.0]),
            "peak": read_memory(operator.pid).peak,
        }
        self._note("restart", figures)
        what = f"restart with {len(self.sets):,} sets: until the last of {PROBES} waiting revocations had its effect"
        self.outcome.at_most(what, max(acted), ACTS_WITHIN, "s")
        what = f"restart with {len(self.sets):,} sets: revocations while it looks at everything, p50, max"
        late = figures["revoked_meanwhile"]
        self.outcome.tell(what, f"{late['p50']:.2f} s, {late['max']:.2f} s")
        self.outcome.at_most(f"memory: peak of a start with {len(self.sets):,} sets", figures["peak"], PEAK, "MB")
        return operator

    async def rest(self, operator: Operator, seconds: float) -> None:
        """Do nothing for so long, and longer if no resync was among it; whatever is written then is too much."""
        await operator.settled(time_limit(len(self.sets)))
        await wait_until_calm(operator, 60)
        before, counted = await read_versions(self.place.api), await write_requests(self.place.api)
        written, resyncs = (await operator.metrics()).writes(), operator.resyncs()
        meter = self.place.meter(operator=operator)
        await asyncio.sleep(seconds)
        if operator.resyncs() == resyncs:
            await operator.resynced(seconds)
        lap = meter.lap()
        writes = (await operator.metrics()).writes() - written
        after = await write_requests(self.place.api)
        served = {asked: count - counted.get(asked, 0) for asked, count in after.items()}
        strays = find_changed(before, await read_versions(self.place.api))
        share = 100 * lap.cpu["operator"] / lap.seconds
        rss = read_memory(operator.pid).now
        self._note(
            "idle",
            {
                "sets": len(self.sets),
                "seconds": round(lap.seconds, 1),
                "resyncs": operator.resyncs() - resyncs,
                "writes": writes,
                "write_requests_served": {asked: count for asked, count in served.items() if count},
                "changed": len(strays),
                "cpu": dict(lap.cpu),
                "cpu_percent": round(share, 2),
                "rest": rss,
            },
        )
        self.outcome.wrong += strays
        long = f"idle, {len(self.sets):,} sets, {lap.seconds / 60:.3g} minutes"
        self.outcome.at_most(f"{long}: writes to sets and their objects", writes + sum(served.values()), 0)
        resyncs = operator.resyncs() - resyncs
        self.outcome.at_most(f"{long}: CPU of one core, {resyncs} resync(s) included", share, IDLE_CPU, "%")
        self.outcome.at_most(f"memory: at rest with {len(self.sets):,} sets", rss, REST, "MB")

    async def churn(self, operator: Operator) -> None:
        """Edit some sets, delete them and create them again."""
        some = {*self._probes, *self.sets[:: max(1, len(self.sets) // CHURN)]}
        figures, wrong = await churn_sets(self.place, self.revoker.told, sorted(some), set_spec())
        await operator.settled(time_limit(len(self.sets)))
        self._note("churn", {"sets": len(self.sets), **figures})
        self.outcome.wrong += wrong
        late, what = figures["edited"], f"edits with {len(self.sets):,} sets: until Ready, p50, p99"
        self.outcome.tell(what, f"{late['p50']:.2f} s, {late['p99']:.2f} s")

    async def hand_overs(self, leader: Operator, times: int) -> None:
        """Let one standby after the other take over."""
        found = list[dict[str, Any]]()
        for _ in range(times):
            standby = await self._start()
            await standby.ready(time_limit(len(self.sets)))
            await leader.settled(time_limit(len(self.sets)))
            await wait_until_calm(standby, time_limit(len(self.sets)))
            found.append(await hand_over(leader, self.revoker, list(islice(self._victims, REVOCATIONS))))
            leader = standby
        await leader.settled(time_limit(len(self.sets)))
        self._note("handover", {"sets": len(self.sets), "times": found})
        median = percentile_of([each["first_write"] for each in found], 0.5)
        what = f"hand-over to the standby with {len(self.sets):,} sets: until its first write"
        self.outcome.at_most(what, median, HANDS_OVER_WITHIN, "s")

    async def _start(self, *options: str) -> Operator:
        return await self.operators.enter_async_context(self.place.operator(*ELECTED, *options))

    def _note(self, name: str, figures: dict[str, Any]) -> None:
        self.outcome.figures[name] = figures
        sys.stderr.write(f"{name}: {figures}\n")
