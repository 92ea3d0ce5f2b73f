"""Creation: so many sets until all are Ready, beside bare writes of the same objects."""

import sys
from collections.abc import Awaitable, Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from scale.api import Object
from scale.generator import ALL_SETS, Generator, Ref, Spec, set_refs, set_spec
from scale.options import Options
from scale.outcome import Outcome
from scale.recorder import Recorder
from scale.site import Site, open_site
from scale.survey import find_wrong
from scale.tape import Bare, Tape, make_tape
from scale.verify import is_ready
from scale.watch import Watch

OPERATOR, BARE, READER = "operator", "bare", "reader"
"""Who creates: the operator; a client that only writes; and one that reads what the operator reads before."""
GOAL = 0.70
MOST_WRITES = 5
WARM = 20
"""Sets that are created before the measured ones, on both sides."""
SECONDS_A_SET = 0.3
"""Longest time for one of many sets, for deadlines."""


@dataclass(frozen=True, slots=True)
class Made:
    """So many sets: wall time, CPU seconds by process, and how many writes it took besides the users'.

    `events` is how many Events were posted by then; the operator posts them behind its work.
    """

    sets: int
    seconds: float
    cpu: dict[str, float]
    writes: int
    events: int = 0

    def rate(self) -> float:
        """Writes a second, those of the users included."""
        return (self.writes + self.sets) / self.seconds


class Readiness:
    """Which sets were seen Ready: in `ready`, uid and generation of each, and when it was told."""

    def __init__(self) -> None:
        self.ready: dict[Ref, tuple[str, int, float]] = {}

    def saw(self, change: str, the_set: Object, now: float) -> None:
        """Take in a watch event."""
        meta = the_set["metadata"]
        ref = Ref(meta["namespace"], meta["name"])
        if change != "DELETED" and is_ready(the_set):
            self.ready[ref] = meta["uid"], meta["generation"], now
        else:
            self.ready.pop(ref, None)


async def create_sets(options: Options) -> Outcome:
    """Measure all sizes: the first in alternating pairs, larger ones once."""
    outcome = Outcome()
    of = set_spec()
    async with open_site(options.workers) as place:
        recorded = await rehearse(place, of)
    outcome.figures |= {"steps": recorded.steps(), "reads": len(recorded.reads)}
    outcome.at_most("writes to create a set, as recorded", len(recorded.writes), MOST_WRITES)
    tapes = {BARE: replace(recorded, reads=()), READER: recorded}
    for size in options.create:
        made: dict[str, list[Made]] = {OPERATOR: [], BARE: [], READER: []}
        for number in range(options.pairs if size == options.create[0] else 1):
            for by in list(made)[:: 1 if number % 2 == 0 else -1]:
                async with open_site(options.workers) as place:
                    if by == OPERATOR:
                        made[by].append(await make_operated(place, size, of, outcome))
                    else:
                        made[by].append(await _bare(place, size, tapes[by]))
                sys.stderr.write(f"create {size}: {by} {describe_made(made[by][-1])}\n")
        operated = made[OPERATOR]
        ratios, most = (_beside(made[by], made[BARE]) for by in (OPERATOR, READER))
        outcome.figures[str(size)] = {by: [_figures(each) for each in runs] for by, runs in made.items()}
        outcome.figures[str(size)] |= {"ratios": ratios, "reader_ratios": most}
        outcome.at_least(f"create {size:,} ES256 sets: writes/s beside bare writes", median(ratios), GOAL)
        what = f"create {size:,}: the same reads and writes without an operator, beside bare writes"
        outcome.tell(what, f"{median(most):.2f}")
        outcome.tell(f"create {size:,}: sets/s", f"{median(made.sets / made.seconds for made in operated):.1f}")
        outcome.at_most(
            f"create {size:,}: writes a set", max(made.writes / made.sets for made in operated), MOST_WRITES
        )
    return outcome


async def rehearse(place: Site, of: Spec) -> Tape:
    """Have one set made by an operator that is recorded."""
    (ref,) = set_refs("rehearsal", 0, 1)
    generator = Generator(place.api)
    await generator.namespaces([ref])
    async with (
        Recorder(place.plane, place.api.session) as recorder,
        place.operator("--no-leader-elect", kubeconfig=recorder.kubeconfig) as operator,
    ):
        await operator.ready()
        await make(place, [ref], of)
        await operator.settled(60)
    return make_tape(ref, of, recorder.written, recorder.read_before)


async def make(place: Site, sets: Collection[Ref], of: Spec) -> None:
    """Create sets and wait until all of them are Ready."""
    await wait_until_ready(place, sets, Generator(place.api).create(sets, of))


async def wait_until_ready(place: Site, sets: Collection[Ref], work: Awaitable[None]) -> None:
    """Have this work done, and wait until a watch has told that all of these sets are Ready."""
    readiness = Readiness()
    wanted = set(sets)
    async with Watch(place.api, ALL_SETS, readiness.saw) as watch:
        await work
        await watch.until("all sets Ready", lambda: wanted <= readiness.ready.keys(), 60 + SECONDS_A_SET * len(sets))


async def make_operated(place: Site, size: int, of: Spec, outcome: Outcome, tree: Path | None = None) -> Made:
    """Have so many sets made by an operator, that of another tree if one is given."""
    warm, sets = set_refs("warm", 0, WARM), set_refs("made", 0, size)
    await Generator(place.api).namespaces([*warm, *sets])
    async with place.operator("--no-leader-elect", tree=tree) as operator:
        await operator.ready()
        await make(place, warm, of)
        before = await operator.settled(60)
        meter = place.meter(operator=operator)
        await make(place, sets, of)
        lap, then = meter.lap(), await operator.metrics()
        writes = (await operator.settled(60)).writes() - before.writes()
    outcome.wrong += await find_wrong(place.api, sets)
    return Made(size, round(lap.seconds, 3), dict(lap.cpu), writes, then.events() - before.events())


async def _bare(place: Site, size: int, recorded: Tape) -> Made:
    warm, sets = set_refs("warm", 0, WARM), set_refs("made", 0, size)
    bare = Bare(Generator(place.api), place.workers)
    await bare.generator.namespaces([*warm, *sets])
    await bare.create(warm, recorded)
    meter = place.meter()
    await wait_until_ready(place, sets, bare.create(sets, recorded))
    lap = meter.lap()
    return Made(size, round(lap.seconds, 3), dict(lap.cpu), len(recorded.writes) * size)


def _beside(some: Iterable[Made], bare: Iterable[Made]) -> list[float]:
    return [round(made.rate() / theirs.rate(), 3) for made, theirs in zip(some, bare, strict=True)]


def _figures(made: Made) -> dict[str, Any]:
    return {**asdict(made), "writes_per_second": round(made.rate(), 1)}


def describe_made(made: Made) -> str:
    """Return what a run came to, in a line."""
    each = ", ".join(f"{name} {used / made.sets * 1000:.1f}" for name, used in made.cpu.items())
    return f"{made.seconds:.1f} s, {made.rate():.0f} writes/s, CPU ms a set: {each}"
