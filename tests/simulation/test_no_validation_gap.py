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
from jwks_operator.api.status import format_time
from simulation.enemies import ENEMIES, lose_keyring, restore_keyring, save_keyring
from simulation.sampling import refused
from simulation.world import World, finish

EXAMPLES = int(os.environ.get("SIMULATION_EXAMPLES", "40"))
"""Thousands under `make soak`."""

FACTS = ("tokenLifetime", "cacheMaxAge", "staleWindow", "edgeCache", "verifierRefresh", "propagation", "clockSkew")
SPANS = ("1s", "1m", "7m", "1h", "3h")
ALGORITHMS = ("ES256", "Ed25519", "ECDH-ES", "ECDH-ES+A256KW", "HS256", "HS512")
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
keys = st.dictionaries(entries, st.sampled_from(ALGORITHMS), min_size=1).map(
    lambda named: [{"name": name, "algorithm": algorithm} for name, algorithm in named.items()]
)
specs = st.fixed_dictionaries(
    {"keys": keys, "rotation": rotations, "publish": st.just({"maxKeys": 20})},
    optional={
        "suspend": st.booleans(),
        "secret": st.sampled_from(({"formats": ["JWK"]}, {"formats": ["JWK", "JWKSet"]})),
    },
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

    @initialize(spec=specs, facts=st.sampled_from([*((fact,) for fact in FACTS), FACTS]), span=spans)
    def create(self, spec: dict[str, Any], facts: tuple[str, ...], span: str) -> None:
        """Of the facts one is raised and lowered in the course of the history, or all of them together.

        The record keeps the largest waits, not the largest of each term: one fact that is lowered while another
        one is raised is a promise about the past that it does not give.
        """
        self.world = World()
        self.facts = facts
        self.stuck: list[Stuck] = []
        self.lowered = False
        self.world.begin({**spec, "suspend": False, "timing": dict.fromkeys(facts, span)})

    # --- users ---

    @rule(spec=specs, deaf=st.booleans(), span=spans)
    def edit(self, spec: dict[str, Any], deaf: bool, span: str) -> None:
        self.world.deaf |= deaf
        self.lowered = True
        finish(self.world.life.set_spec({**spec, "timing": dict.fromkeys(self.facts, span)}))
        self.world.noticed()

    @rule(span=spans)
    def restate_facts(self, span: str) -> None:
        self.lowered = True
        finish(self.world.life.edit_spec(timing=dict.fromkeys(self.facts, span)))
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

    # --- time ---

    @rule(span=minutes)
    def live(self, span: timedelta) -> None:
        self.world.live(span)

    @rule(span=minutes)
    def sleep(self, span: timedelta) -> None:
        """The operator is stopped in its tracks, or nobody needs it."""
        self.world.life.time.pass_by(span)
        self.world.look()

    @rule(by=st.sampled_from((-3000, -100, -2, 2, 100, 3000)), whose=st.sampled_from(("node", "server", "both")))
    def step_clock(self, by: int, whose: str) -> None:
        """A step that both take back in time is no matter; forward, no new operator could know of it."""
        step = timedelta(minutes=by)
        if whose == "both":
            step = -abs(step)
        if whose in {"node", "both"}:
            self.world.leader.ahead += step
        if whose in {"server", "both"}:
            self.world.server_ahead += step
        self.world.look()

    @rule()
    def set_clocks(self) -> None:
        self.world.leader.ahead = self.world.server_ahead = timedelta()
        self.world.look()

    # --- operators ---

    @rule(calls=st.integers(0, 20), span=minutes, later=minutes)
    def die(self, calls: int, span: timedelta, later: timedelta) -> None:
        """Die in the middle of the next pass; another one takes over some time after."""
        self.world.life.time.pass_by(span)
        self.world.leader.advance(calls)
        self.world.fail_over(paused=False)
        self.world.life.time.pass_by(later)
        self.world.look()

    @rule(calls=st.integers(0, 20), span=minutes)
    def pause(self, calls: int, span: timedelta) -> None:
        """Stand still in the middle of the next pass; another one takes over at once."""
        self.world.life.time.pass_by(span)
        self.world.leader.advance(calls)
        self.world.fail_over(paused=True)
        self.world.look()

    @precondition(lambda self: self.world.asleep)
    @rule()
    def wake_up(self) -> None:
        """Whoever stood still goes on as if nothing had been."""
        self.world.asleep.pop(0).wake_up()
        self.world.look()

    @rule(order=st.lists(st.booleans(), max_size=30), span=minutes)
    def lead_both(self, order: list[bool], span: timedelta) -> None:
        self.world.life.time.pass_by(span)
        self.world.steps(order)
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

    @precondition(lambda self: not self.lowered)
    @rule(number=numbers, restored=st.booleans())
    def lose_the_keyring(self, number: int, restored: bool) -> None:
        """What a keyring alone knew of former facts cannot be known after it."""
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
