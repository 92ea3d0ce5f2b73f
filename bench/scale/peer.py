"""Peers: as many Certificates of cert-manager until all are Ready, beside our sets and bare writes."""

import asyncio
import re
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from controlplane.errors import ControlPlaneError
from scale import certmanager
from scale.api import Api, run_each
from scale.create import SECONDS_A_SET, WARM, Readiness, make, rehearse
from scale.generator import POSTING, Generator, Ref, set_refs, set_spec
from scale.options import Options
from scale.outcome import Outcome
from scale.processes import Lap, Memory, Meter, read_memory
from scale.site import SERVERS, Site, open_site
from scale.survey import find_wrong
from scale.tape import Bare, Tape
from scale.watch import Late, Watch

MOST = 1000
"""Objects of each side: this bounds the time."""
QUIET, QUIET_WITHIN = 2.0, 60.0
"""Seconds without a write after which nothing is under way, and the longest wait for that."""
OURS, THEIRS, BARE = "jwks-operator", "cert-manager", "bare writes"
_VERBS = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE"})
_OBJECTS = frozenset({"jsonwebkeysets", "certificates", "certificaterequests", "secrets", "configmaps"})

Requests = Mapping[str, int]
"""How many by `verb resource`, those in conflict included."""


@dataclass(frozen=True, slots=True)
class Side:
    """So many objects until all were Ready; `requests` and memory are those when all was quiet again."""

    objects: int
    seconds: float
    cpu: dict[str, float]
    requests: dict[str, int]
    conflicts: int
    megabytes: Memory | None

    def writes(self) -> int:
        """Return the writes besides the users' and Events, those in conflict included."""
        return sum(count for what, count in self.requests.items() if not what.endswith(" events")) - self.objects


async def measure_peers(options: Options) -> Outcome:
    """Measure all sides in turns, each on a fresh control plane."""
    outcome = Outcome()
    try:
        build = await asyncio.to_thread(certmanager.resolve)
    except ControlPlaneError as error:
        outcome.figures["missing"] = str(error).partition("\n")[0]
        outcome.tell(f"{THEIRS} beside us", "not measured: it could not be built")
        return outcome
    size = min(MOST, options.create[0])
    async with open_site(options.workers) as place:
        recorded = await rehearse(place, set_spec())
    turns: dict[str, Callable[[Site], Awaitable[Side]]] = {
        OURS: lambda place: _ours(place, size, outcome),
        THEIRS: lambda place: _theirs(place, size, build, outcome),
        BARE: lambda place: _bare(place, size, recorded),
    }
    sides: dict[str, list[Side]] = {who: [] for who in turns}
    for number in range(options.pairs):
        for who in list(turns) if number % 2 == 0 else reversed(turns):
            async with open_site(options.workers) as place:
                sides[who].append(await turns[who](place))
            sys.stderr.write(f"peer {who}: {_line(sides[who][-1])}\n")
    outcome.figures.update(
        version=certmanager.read_version(), sides={who: [asdict(s) for s in sides[who]] for who in sides}
    )
    for who in (OURS, THEIRS):
        rate = median(side.objects / side.seconds for side in sides[who])
        outcome.tell(f"{who}, {size:,} objects with a P-256 key: Ready/s", f"{rate:.1f}")
    return outcome


async def _ours(place: Site, size: int, outcome: Outcome) -> Side:
    warm, sets = set_refs("warm", 0, WARM), set_refs("made", 0, size)
    await Generator(place.api).namespaces([*warm, *sets])
    async with place.operator("--no-leader-elect") as operator:
        await operator.ready()
        await make(place, warm, set_spec())
        side = await _measured(place, operator.pid, size, lambda: make(place, sets, set_spec()))
    outcome.wrong += await find_wrong(place.api, sets)
    return side


async def _theirs(place: Site, size: int, build: Path, outcome: Outcome) -> Side:
    for arguments in (("apply", "--server-side"), ("wait", "--for=condition=Established", "--timeout=30s")):
        done = await asyncio.to_thread(place.plane.kubectl, *arguments, f"--filename={build / 'crds'}")
        if done.returncode:
            raise RuntimeError(f"kubectl {arguments[0]}: {done.stderr}")
    warm, certificates = set_refs("warm", 0, WARM), set_refs("made", 0, size)
    await Generator(place.api).namespaces([*warm, *certificates])
    await certmanager.wait_until_served(place.api)
    for namespace in sorted({ref.namespace for ref in [*warm, *certificates]}):
        await certmanager.add_issuer(place.api, namespace)
    async with certmanager.CertManager(place.plane, build) as running:
        await _issue(place.api, warm)
        side = await _measured(place, running.pid, size, lambda: _issue(place.api, certificates))
    outcome.wrong += await certmanager.find_wrong(place.api, certificates)
    return side


async def _issue(api: Api, certificates: Collection[Ref]) -> None:
    readiness, wanted = Readiness(), set(certificates)
    async with Watch(api, certmanager.CERTIFICATES, readiness.saw) as watch:
        await run_each(certificates, lambda ref: certmanager.add_certificate(api, ref), POSTING)
        seconds = 60 + SECONDS_A_SET * len(certificates)
        await watch.until("all Certificates Ready", lambda: wanted <= readiness.ready.keys(), seconds)


async def _bare(place: Site, size: int, recorded: Tape) -> Side:
    warm, sets = set_refs("warm", 0, WARM), set_refs("made", 0, size)
    bare = Bare(Generator(place.api), place.workers)
    await bare.generator.namespaces([*warm, *sets])
    await bare.create(warm, recorded)
    return await _measured(place, None, size, lambda: bare.create(sets, recorded))


async def _measured(place: Site, pid: int | None, size: int, work: Callable[[], Awaitable[None]]) -> Side:
    before, conflicts = await _quiet(place.api)
    servers = {name: each for name, each in place.plane.pids().items() if name in SERVERS}
    meter = Meter(servers if pid is None else {**servers, "operator": pid})
    await work()
    lap: Lap = meter.lap()
    after, conflicts_then = await _quiet(place.api)
    requests = {what: count - before.get(what, 0) for what, count in sorted(after.items())}
    return Side(
        objects=size,
        seconds=round(lap.seconds, 3),
        cpu=dict(lap.cpu),
        requests={what: count for what, count in requests.items() if count},
        conflicts=conflicts_then - conflicts,
        megabytes=None if pid is None else read_memory(pid),
    )


async def _quiet(api: Api) -> tuple[Requests, int]:
    """Wait until nobody writes; return the requests so far, and how many of them met a conflict (409)."""
    end, seen = time.monotonic() + QUIET_WITHIN, await _requests(api)
    while True:
        await asyncio.sleep(QUIET)
        now = await _requests(api)
        if now == seen:
            return now
        if time.monotonic() > end:
            raise Late(f"objects still change after {QUIET_WITHIN:.0f} s")
        seen = now


async def _requests(api: Api) -> tuple[Requests, int]:
    found: Counter[str] = Counter()
    conflicts = 0
    for line in (await api.text("/metrics")).splitlines():
        if line.startswith("apiserver_request_total{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if labels["verb"] in _VERBS and labels["resource"] in _OBJECTS | {"events"}:
                count = int(float(line.rpartition(" ")[2]))
                part = f"/{labels['subresource']}" if labels["subresource"] else ""
                found[f"{labels['verb']} {labels['resource']}{part}"] += count
                conflicts += count if labels["code"] == "409" else 0
    return found, conflicts


def _line(side: Side) -> str:
    used = ", ".join(f"{name} {seconds / side.objects * 1000:.1f}" for name, seconds in side.cpu.items())
    each_of = f"{side.writes() / side.objects:.2f} writes each ({side.conflicts} conflicts in all)"
    return f"{side.seconds:.1f} s, {side.objects / side.seconds:.1f}/s, {each_of}, CPU ms each: {used}"
