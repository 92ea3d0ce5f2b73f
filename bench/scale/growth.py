"""Growth to many sets on one control plane: what creation, a start, rest and a resync cost at each size."""

import sys
import time
from dataclasses import dataclass
from statistics import median

from scale.create import SECONDS_A_SET, make
from scale.generator import Generator, Ref, set_refs, set_spec
from scale.operators import Metrics, Operator
from scale.options import Options
from scale.outcome import Outcome
from scale.processes import Lap, cpu_seconds, read_memory
from scale.site import Site
from scale.survey import read_versions
from scale.verify import find_changed

LEASES = "bench"
ELECTED = ("--leader-elect", f"--lease-namespace={LEASES}")
RESYNCS = 3
_LISTS = "jwks_operator_api_request_duration_seconds_sum"


@dataclass(frozen=True, slots=True)
class Creation:
    """What it cost to create the last ones of so many sets; CPU in seconds, `servers` are API server and etcd."""

    sets: int
    created: int
    seconds: float
    cpu: float
    servers_cpu: float


@dataclass(frozen=True, slots=True)
class Start:
    """What a start with so many sets cost that had nothing to do, and what a resync costs afterwards (the median).

    `seconds` run from the start of the process until nothing was left to look at; CPU in seconds, memory in MB.
    """

    sets: int
    seconds: float
    cpu: float
    peak: float
    rest: float
    writes: int
    resync_cpu: float
    list_seconds: float


async def grow(place: Site, options: Options, outcome: Outcome) -> tuple[list[Creation], list[Start]]:
    """Start the operator at each size, the last one included, and have it create the sets up to the next size."""
    creations, starts, sizes = list[Creation](), list[Start](), options.many
    for there, size in zip((0, *sizes), (*sizes, None), strict=True):
        before = await read_versions(place.api)
        async with place.operator(*ELECTED, f"--resync-interval={options.resyncs}s") as operator:
            await operator.ready(time_limit(there))
            if there:
                starts.append(await _start(place, operator, there, 2 * options.resyncs))
                outcome.wrong += find_changed(before, await read_versions(place.api))
                sys.stderr.write(f"{starts[-1]}\n")
            if size is not None:
                creations.append(await _create(place, operator, there, size))
                sys.stderr.write(f"{creations[-1]}\n")
    return creations, starts


def many_refs(count: int) -> list[Ref]:
    """Return the first of the many sets."""
    return set_refs("many", 0, count)


def time_limit(sets: int) -> float:
    """Return the seconds within which an operator must be through with so many sets."""
    return 60 + SECONDS_A_SET * sets


async def _create(place: Site, operator: Operator, there: int, size: int) -> Creation:
    sets = set_refs("many", there, size - there)
    known = {ref.namespace for ref in many_refs(there)}
    await Generator(place.api).namespaces([ref for ref in sets if ref.namespace not in known])
    meter = place.meter(operator=operator)
    await make(place, sets, set_spec())
    await operator.settled(time_limit(size))
    lap = meter.lap()
    return Creation(size, size - there, round(lap.seconds, 2), lap.cpu["operator"], _servers(lap))


async def _start(place: Site, operator: Operator, sets: int, resynced: float) -> Start:
    """Measure the start that is under way, and then resyncs; each comes within so many seconds."""
    settled = await operator.settled(time_limit(sets))
    seconds, cpu, peak = time.time() - operator.started, cpu_seconds(operator.pid), read_memory(operator.pid).peak
    await operator.resynced(resynced)
    cpus, lists = zip(*[await _resync(place, operator, resynced) for _ in range(RESYNCS)], strict=True)
    return Start(
        sets, round(seconds, 2), cpu, peak, read_memory(operator.pid).now, settled.writes(), median(cpus), median(lists)
    )


async def _resync(place: Site, operator: Operator, within: float) -> tuple[float, float]:
    """Return the CPU seconds of the next resync, and how long its lists took."""
    before, meter = _listing(await operator.metrics()), place.meter(operator=operator)
    await operator.resynced(within)
    return meter.lap().cpu["operator"], round(_listing(await operator.metrics()) - before, 3)


def _listing(metrics: Metrics) -> float:
    return metrics.value(_LISTS, verb="list")


def _servers(lap: Lap) -> float:
    return round(lap.cpu["kube-apiserver"] + lap.cpu["etcd"], 2)
