"""Mass rotation: all sets due at the same second, and a second wave during which keys of other sets are revoked."""

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from scale.chronicle import follow_chronicle
from scale.create import GOAL, MOST_WRITES, make
from scale.generator import Generator, Ref, Spec, set_refs, set_spec
from scale.growth import time_limit
from scale.options import Options
from scale.outcome import Outcome, spread_of
from scale.recorder import Recorder
from scale.revoker import Revoker
from scale.site import Site, open_site
from scale.survey import find_wrong
from scale.tape import Bare, Tape, make_tape
from scale.watch import Late
from scale.waves import Stage

MOST_WRITES_OF_A_STEP = 4
REVOKED_WITHIN = 1.0
PROPAGATION, CACHE, REFRESH, SKEW = 2, 2, 2, 3
LEAD = PROPAGATION + CACHE + REFRESH
"""Facts of the sets and the lead that follows from them, in seconds."""
WAVES = 3
"""The third one is for a machine on which the first one lasts too long for the second one."""
CALM = 20
"""Seconds between what a wave leaves to do and the next one."""
AHEAD = 2.0
"""Seconds in which everything is prepared for a wave."""
MANUAL: Spec = {"policy": "Manual"}


async def rotate_sets(options: Options) -> Outcome:
    """Measure two waves, the second one beside revocations, and the writes of a wave bare."""
    outcome = Outcome()
    async with open_site(options.workers) as place:
        recorded = await rehearse(place)
        outcome.figures["steps"] = recorded.steps()
        for kind, writes in recorded.steps():
            most = MOST_WRITES if kind == "Bootstrap" else MOST_WRITES_OF_A_STEP
            outcome.at_most(f"writes of step {kind}, as recorded", writes, most)
        await _operated(place, options, outcome)
        await _bare(place, options, recorded, outcome)
    wave, bare = outcome.figures["wave"], outcome.figures["bare"]
    ratio = round(wave["writes_per_second"] / bare["writes_per_second"], 3)
    outcome.figures["ratio"] = ratio
    outcome.at_least(f"rotate {options.rotating:,} sets due at once: writes/s beside bare writes", ratio, GOAL)
    late = wave["lateness"]
    outcome.tell(
        f"rotate {options.rotating:,}: lateness of activations, p50, p99, max",
        f"{late['p50']:.1f} s, {late['p99']:.1f} s, {late['max']:.1f} s",
    )
    told = outcome.figures["revoked"]
    what = f"{told['count']} revocations while {options.rotating:,} sets rotate: off the ConfigMap, p99"
    outcome.at_most(what, told["p99"], REVOKED_WITHIN, "s")
    return outcome


async def rehearse(place: Site) -> Tape:
    """Record one set from its creation to the removal of its first key."""
    (ref,) = set_refs("rehearsal", 0, 1)
    of = fast_spec(MANUAL, 1)
    generator = Generator(place.api)
    await generator.namespaces([ref])
    async with (
        Recorder(place.plane, place.api.session) as recorder,
        place.operator("--no-leader-elect", kubeconfig=recorder.kubeconfig) as operator,
        follow_chronicle(place.api) as (told, watches),
    ):
        await operator.ready()
        await make(place, [ref], of)
        await watches.know(told, [ref])
        first = told.kid_in_use(ref)
        await generator.rotate(ref)
        await watches.configmaps.until("the first key to go", lambda: first not in told.kids(ref), 120)
        await operator.settled(60)
    return make_tape(ref, of, recorder.written)


def retention_seconds(tokens: int) -> int:
    """Return how long a key stays published after its last use, in seconds."""
    return PROPAGATION + tokens + SKEW


def fast_spec(rotation: Spec, tokens: int) -> Spec:
    """Return the spec of a set with short waits; a private half goes with its key, so that no step comes between."""
    facts = {
        "propagation": PROPAGATION,
        "cacheMaxAge": CACHE,
        "verifierRefresh": REFRESH,
        "tokenLifetime": tokens,
        "clockSkew": SKEW,
    }
    rotation = {**rotation, "rollbackWindow": f"{retention_seconds(tokens)}s"}
    return set_spec(rotation=rotation, timing={name: f"{seconds}s" for name, seconds in facts.items()})


async def _operated(place: Site, options: Options, outcome: Outcome) -> None:
    victims, sets = set_refs("victim", 0, options.victims), set_refs("rotate", 0, options.rotating)
    await Generator(place.api).namespaces([*victims, *sets])
    async with (
        place.operator("--no-leader-elect") as operator,
        follow_chronicle(place.api) as (told, watches),
    ):
        await operator.ready()
        begun = time.time()
        await make(place, victims, fast_spec(MANUAL, options.tokens))
        dues = _dues((time.time() - begun) / len(victims) * len(sets), options.tokens)
        await make(place, sets, fast_spec({"schedule": _cron(*dues)}, options.tokens))
        stage = Stage(place, operator, told, sets)
        await operator.settled(60)
        await watches.know(told, [*victims, *sets])
        first = {ref: told.kid_in_use(ref) for ref in sets}
        outcome.figures["wave"] = await stage.wave(dues[0].timestamp())
        stage.say("wave", outcome.figures["wave"])
        await stage.until("the first keys to go", lambda: not any(first[ref] in told.kids(ref) for ref in sets))
        await operator.settled(time_limit(len(sets)))
        outcome.wrong += await find_wrong(place.api, sets)
        await _revoke(stage, Revoker(place.api, told, watches.configmaps), victims, dues[1:], outcome)
        for ref in sets:
            outcome.wrong += told.broken_waits(ref, LEAD, retention_seconds(options.tokens))


async def _revoke(
    stage: Stage, revoker: Revoker, victims: Sequence[Ref], dues: Sequence[datetime], outcome: Outcome
) -> None:
    """Revoke in calm first, and then for as long as the next wave lasts."""
    calm = victims[: len(victims) // 10 + 1]
    outcome.figures["revoked_in_calm"] = spread_of([await revoker.revoke(ref) for ref in calm])
    ahead = [due.timestamp() for due in dues if due.timestamp() > time.time() + AHEAD]
    if not ahead:
        raise Late("the first wave was not over before the last one")
    over = asyncio.Event()

    async def one_after_another() -> list[float]:
        await asyncio.sleep(ahead[0] - time.time())
        return [await revoker.revoke(ref) for ref in victims[len(calm) :] if not over.is_set()]

    async with asyncio.TaskGroup() as group:
        revoking = group.create_task(one_after_another())
        outcome.figures["wave_with_revocations"] = await stage.wave(ahead[0])
        over.set()
    await stage.operator.settled(time_limit(len(stage.rotating)))
    outcome.figures["revoked"] = spread_of(revoking.result())
    for what in ("wave_with_revocations", "revoked_in_calm", "revoked"):
        stage.say(what, outcome.figures[what])
    outcome.wrong += await find_wrong(stage.place.api, [*victims, *stage.rotating], revoker.revoked)


async def _bare(place: Site, options: Options, recorded: Tape, outcome: Outcome) -> None:
    """Do the same writes to as many sets, which nobody looks after."""
    sets = set_refs("bare", 0, options.rotating)
    bare = Bare(Generator(place.api), place.workers)
    await bare.generator.namespaces(sets)
    await bare.create(sets, recorded.of("Bootstrap"))
    wave = recorded.of("Activate", "Publish")
    async with follow_chronicle(place.api) as (told, watches):
        await watches.know(told, sets)
        meter = place.meter()
        await bare.go_on(sets, wave)
        lap = meter.lap()
    writes = len(wave.writes) * len(sets)
    outcome.figures["bare"] = {
        "sets": len(sets),
        "seconds": round(lap.seconds, 2),
        "writes": writes,
        "writes_per_second": round(writes / lap.seconds, 1),
        "cpu": dict(lap.cpu),
    }


def _dues(making: float, tokens: int) -> list[datetime]:
    """Return full minutes for the waves: the first one after the sets will have been made, about so many seconds.

    A wave takes up to twice as long, and the removal of the keys that it retired half as long as making them.
    """
    first = datetime.now(UTC) + timedelta(seconds=making * 1.2 + LEAD + SKEW + 5)
    first = first.replace(second=0, microsecond=0) + timedelta(minutes=1)
    between = timedelta(minutes=math.ceil((2.5 * making + retention_seconds(tokens) + CALM) / 60))
    return [first + number * between for number in range(WAVES)]


def _cron(*times: datetime) -> str:
    """Return a schedule of these minutes; across an hour it has others besides, all of them hours away."""

    def listed(numbers: Iterator[int]) -> str:
        return ",".join(str(number) for number in dict.fromkeys(numbers))

    return f"{listed(t.minute for t in times)} {listed(t.hour for t in times)} * * *"
