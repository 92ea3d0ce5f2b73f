"""NoValidationGap: whatever happens in whatever order, nothing valid is ever refused.

Random histories of one set and everybody around it. The judge is `promise`, which takes every delay at its worst;
`sampling` lets single tokens and caches live through the same history with delays of their own.
"""

import os
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fakes.faults import Answer, Fault, LoseRequest, LoseResponse, Stuck, writes
from jwks_operator.api.status_model import format_time
from simulation.enemies import ENEMIES, lose_keyring, restore_keyring, save_keyring
from simulation.imports import SHAPES, offer_buried, offer_foreign, source
from simulation.promise import SPANS_JUDGED, Promise
from simulation.sampling import refused
from simulation.world import World, finish

EXAMPLES = int(os.environ.get("SIMULATION_EXAMPLES", "40"))
"""Thousands under `make soak`."""

FACTS = ("tokenLifetime", "cacheMaxAge", "staleWindow", "edgeCache", "verifierRefresh", "propagation", "clockSkew")
SPANS = ("1s", "1m", "7m", "1h", "3h")
ALGORITHMS = ("ES256", "ES256", "Ed25519", "RS256", "ECDH-ES", "ECDH-ES+A256KW", "HS256", "HS512")
WINDOWS = [{"schedule": "0 */3 * * *", "duration": "1h"}]
minutes = st.sampled_from((0, 1, 5, 10, 60, 70, 130, 360, 1500)).map(lambda n: timedelta(minutes=n))
entries = st.sampled_from("ab")
numbers = st.integers(0, 7)
spans = st.sampled_from(SPANS)
rotations = st.fixed_dictionaries(
    {},
    optional={
        "policy": st.sampled_from(("Scheduled", "Manual")),
        "every": st.sampled_from(("5h", "24h")),
        "prepublish": st.sampled_from(("Always", "OnSchedule")),
        "rollbackWindow": st.sampled_from(("0s", "30m", "9h")),
        "windows": st.just(WINDOWS),
    },
)
timings = st.dictionaries(st.sampled_from(FACTS), spans, max_size=4)
offs = st.sampled_from((0, 0, -50, -30, 30, 50)).map(lambda n: timedelta(seconds=n))
"""How far the clock of a node is off: within the usual clockSkew, and by more than a Date header can explain."""
FORMATS = (["JWK"], ["JWK", "JWKSet"], ["PEM"], ["PEM", "JWKSet"])


def _entry(name: str, algorithm: str, imported: bool) -> dict[str, Any]:
    size = {"modulusLength": SHAPES[algorithm]} if algorithm in SHAPES else {}
    return {"name": name, "algorithm": algorithm, **size, **({"import": source(name)} if imported else {})}


kinds = st.tuples(st.sampled_from(ALGORITHMS), st.sampled_from((False, False, False, True)))
keys = st.dictionaries(entries, kinds, min_size=1).map(
    lambda named: [_entry(name, *kind) for name, kind in named.items()]
)
specs = st.fixed_dictionaries(
    {"keys": keys, "rotation": rotations, "publish": st.just({"maxKeys": 20})},
    optional={"suspend": st.booleans(), "secret": st.sampled_from(FORMATS).map(lambda forms: {"formats": forms})},
)
troubles = st.sampled_from(
    (
        lambda: Answer(409, writes),
        lambda: Answer(429, writes, retry_after=1),
        lambda: Answer(500, times=3),
        lambda: LoseRequest(writes),
        lambda: LoseResponse(writes),
    )
)


class AnyHistory(RuleBasedStateMachine):
    """One set, its operators, its users and its enemies."""

    @initialize(spec=specs, timing=timings, number=numbers)
    def create(self, spec: dict[str, Any], timing: dict[str, str], number: int) -> None:
        """What is to be imported comes a little later."""
        self.world = World()
        self.stuck: list[Stuck] = []
        self.world.begin({**spec, "suspend": False, "timing": timing})
        for entry in spec["keys"]:
            if "import" in entry:
                offer_foreign(self.world, entry["name"], entry["algorithm"], number)
                self.world.look()

    # --- users ---

    @rule(spec=specs, deaf=st.booleans(), timing=timings)
    def edit(self, spec: dict[str, Any], deaf: bool, timing: dict[str, str]) -> None:
        self.world.deaf |= deaf
        finish(self.world.life.set_spec(self.world.named({**spec, "timing": timing})))
        self.world.noticed()

    @rule(timing=timings)
    def restate_facts(self, timing: dict[str, str]) -> None:
        """Some facts are raised and others lowered, in one edit."""
        finish(self.world.life.edit_spec(timing=timing))
        self.world.noticed()

    @rule(verb=st.sampled_from(("rotate", "rollback")), entry=entries, wait=minutes)
    def ask(self, verb: str, entry: str, wait: timedelta) -> None:
        finish(self.world.life.annotate(**{verb: f"{entry}@{(self.world.now + wait).isoformat()}"}))
        self.world.noticed()

    @rule(entry=entries)
    def emergency(self, entry: str) -> None:
        finish(self.world.life.annotate(rotate=f"{entry}@{self.world.now.isoformat()}!"))
        self.world.noticed()

    @rule(verb=st.sampled_from(("hold", "revoke")), number=numbers)
    def name_a_key(self, verb: str, number: int) -> None:
        kids = self.world.kids() or ["none"]
        finish(self.world.life.annotate(**{verb: kids[number % len(kids)]}))
        self.world.noticed()

    @rule()
    def revoke_all(self) -> None:
        finish(self.world.life.edit_spec(revoked=[{"createdBefore": format_time(self.world.now)}]))
        self.world.noticed()

    # --- sources ---

    @rule(entry=entries, algorithm=st.sampled_from(ALGORITHMS), number=numbers)
    def offer(self, entry: str, algorithm: str, number: int) -> None:
        offer_foreign(self.world, entry, algorithm, number)
        self.world.look()

    @rule(entry=entries, number=numbers)
    def offer_what_is_buried(self, entry: str, number: int) -> None:
        offer_buried(self.world, entry, number)
        self.world.look()

    # --- time ---

    @rule(span=minutes)
    def live(self, span: timedelta) -> None:
        self.world.live(span)

    @rule(span=minutes)
    def sleep(self, span: timedelta) -> None:
        """The operator is stopped in its tracks, or nobody needs it."""
        self.world.life.time.pass_by(span)
        self.world.look()

    @rule(by=st.sampled_from((-3000, -100, -2, 2, 100, 3000)), whose=st.sampled_from(("node", "server")))
    def step_clock(self, by: int, whose: str) -> None:
        if whose == "node":
            self.world.leader.ahead += timedelta(minutes=by)
        else:
            self.world.server_ahead += timedelta(minutes=by)
        self.world.look()

    @rule()
    def set_clocks(self) -> None:
        self.world.set_clocks()

    @rule(by=st.sampled_from((-100, -1, 1, 100, 3000)), before=st.booleans(), after=st.booleans(), off=offs)
    def step_all_clocks(self, by: int, before: bool, after: bool, off: timedelta) -> None:
        """Who leads when they have settled has lived through it; who leads next need not have."""
        self.world.step_all_clocks(timedelta(minutes=by))
        if before:
            self.world.fail_over(paused=False)
        self.world.settle()
        if after:
            self.world.fail_over(paused=False, off=off)
            self.world.fail_over(paused=False)
            self.world.look()

    # --- operators ---

    @rule(calls=st.integers(0, 20), span=minutes, later=minutes, off=offs)
    def die(self, calls: int, span: timedelta, later: timedelta, off: timedelta) -> None:
        """Die in the middle of the next pass; another one takes over some time after."""
        self.world.life.time.pass_by(span)
        self.world.leader.advance(calls)
        self.world.fail_over(paused=False, off=off)
        self.world.life.time.pass_by(later)
        self.world.look()

    @rule(calls=st.integers(0, 20), span=minutes, off=offs)
    def pause(self, calls: int, span: timedelta, off: timedelta) -> None:
        """Stand still in the middle of the next pass; another one takes over at once."""
        self.world.life.time.pass_by(span)
        self.world.leader.advance(calls)
        self.world.fail_over(paused=True, off=off)
        self.world.look()

    @precondition(lambda self: self.world.asleep)
    @rule()
    def wake_up(self) -> None:
        """Whoever stood still goes on as if nothing had been."""
        self.world.asleep.pop(0).wake_up()
        self.world.look()

    @rule(order=st.lists(st.booleans(), max_size=30), span=minutes, off=offs)
    def lead_both(self, order: list[bool], span: timedelta, off: timedelta) -> None:
        self.world.life.time.pass_by(span)
        self.world.steps(order, off)
        self.world.look()

    @rule(trouble=troubles, span=minutes)
    def have_trouble(self, trouble: Any, span: timedelta) -> None:
        fault: Fault = trouble()
        self.world.leader.seam.faults.append(fault)
        self.world.live(span)
        self.world.leader.seam.faults.remove(fault)
        self.world.look()

    @rule(span=minutes)
    def get_stuck(self, span: timedelta) -> None:
        """A write is on its way for long; the operator has given it up."""
        self.world.life.time.pass_by(span)
        self.stuck.append(Stuck(writes))
        self.world.leader.seam.faults.append(self.stuck[-1])
        self.world.look()
        self.world.leader.seam.faults.remove(self.stuck[-1])
        self.world.look()

    @precondition(lambda self: self.stuck)
    @rule()
    def land(self) -> None:
        self.stuck.pop(0).release()
        self.world.look()

    # --- enemies ---

    @rule(enemy=st.sampled_from(sorted(ENEMIES)), number=numbers, span=minutes)
    def tamper(self, enemy: str, number: int, span: timedelta) -> None:
        """The operator notices some time after."""
        ENEMIES[enemy](self.world, number)
        self.world.life.time.pass_by(span)
        self.world.look()

    @rule()
    def back_up(self) -> None:
        save_keyring(self.world)

    @rule(number=numbers, restored=st.booleans())
    def lose_the_keyring(self, number: int, restored: bool) -> None:
        if restored:
            restore_keyring(self.world, number)
        else:
            lose_keyring(self.world)
        self.world.look()

    # --- judgement ---

    @invariant()
    def nothing_valid_is_refused(self) -> None:
        if hasattr(self, "world"):
            self.world.judge()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.world.live(timedelta(hours=6))
                self.world.judge()
                self.world.assert_quiet()
                SPANS_JUDGED.append(Promise(self.world.chronicle).count_spans())
                assert refused(self.world.chronicle, Random(len(self.world.chronicle.known)), lives=40) == []
            finally:
                self.world.end()


TestNoValidationGap = AnyHistory.TestCase
TestNoValidationGap.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize="SIMULATION_EXAMPLES" not in os.environ,
    phases=[Phase.generate, Phase.shrink] if "SIMULATION_SHRINK" in os.environ else [Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
