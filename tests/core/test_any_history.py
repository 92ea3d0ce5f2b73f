"""Any history at all: random edits, requests, drift, deaths and clocks, with the one rule observed from outside."""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core import rows
from core.history import Crashed, History
from core.laws import obey
from jwks_operator.core.model.key_states import LIVING

FACTS = ("tokenLifetime", "cacheMaxAge", "staleWindow", "edgeCache", "verifierRefresh", "propagation", "clockSkew")
SPANS = ("1s", "1m", "7m", "1h", "3h")
MINUTES = st.sampled_from((0, 1, 5, 10, 60, 70, 130, 360, 1440, 1500, 4000)).map(lambda n: timedelta(minutes=n))
TIMINGS = st.dictionaries(st.sampled_from(FACTS), st.sampled_from(SPANS), max_size=3)
ROTATIONS = st.fixed_dictionaries(
    {},
    optional={
        "policy": st.sampled_from(("Scheduled", "Manual")),
        "every": st.sampled_from(("5h", "24h")),
        "prepublish": st.sampled_from(("Always", "OnSchedule")),
        "rollbackWindow": st.sampled_from(("0s", "30m", "9h")),
    },
)
ENTRIES = st.dictionaries(st.sampled_from("ab"), st.sampled_from(("ES256", "RS256")), min_size=1)
SPECS = st.fixed_dictionaries(
    {"keys": ENTRIES.map(lambda named: rows.entries(**named)["keys"]), "timing": TIMINGS, "rotation": ROTATIONS},
    optional={
        "suspend": st.booleans(),
        "held": st.lists(st.sampled_from([f"k{n}" for n in range(1, 6)]), max_size=2, unique=True),
    },
)


class AnyHistory(RuleBasedStateMachine):
    """One set, its operator and its enemies."""

    @initialize(spec=SPECS)
    def create(self, spec: dict[str, Any]) -> None:
        self.history = History.of({**spec, "suspend": False})
        obey(self.history)
        self.pass_()

    def pass_(self) -> None:
        self.history.pass_()
        if self.history.doubt is not None:
            self.history.pass_()  # a step without its witness is told by the next pass
        living = sorted(key.kid for key in self.history.known() if key.state in LIVING)
        assert sorted(self.history.published()) == living, "what is published is not what is known"
        before = list(self.history.writes)
        again = self.history.plan
        self.history.pass_()
        assert self.history.writes == before, "a world at rest was written to"
        assert self.history.plan == again, "the same facts gave another plan"

    # --- people ---

    @rule(spec=SPECS)
    def edit(self, spec: dict[str, Any]) -> None:
        rows.edit(spec)(self.history)
        self.pass_()

    @rule(timing=TIMINGS)
    def restate_facts(self, timing: dict[str, str]) -> None:
        assert self.history.spec is not None
        spec = self.history.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        rows.edit({**spec, "timing": timing})(self.history)
        self.pass_()

    @rule(entry=st.sampled_from("ab"), wait=MINUTES, emergency=st.booleans())
    def ask(self, entry: str, wait: timedelta, emergency: bool) -> None:
        time = self.history.now + self.history.ahead + wait
        rows.annotate(f"{entry}@{time.isoformat()}{'!' if emergency else ''}")(self.history)
        self.pass_()

    @rule(verb=st.sampled_from(("hold", "revoke")), number=st.integers(0, 3))
    def name_a_key(self, verb: str, number: int) -> None:
        kids = [key.kid for key in self.history.known()]
        rows.annotate(**{verb: kids[number % len(kids)] if kids else "k0"})(self.history)
        self.pass_()

    @rule(entry=st.sampled_from("ab"))
    def roll_back(self, entry: str) -> None:
        time = self.history.now + self.history.ahead
        rows.annotate(rollback=f"{entry}@{time.isoformat()}")(self.history)
        self.pass_()

    # --- time ---

    @rule(wait=MINUTES)
    def wait(self, wait: timedelta) -> None:
        self.history.live(self.history.now + wait)
        self.pass_()

    @rule(wait=MINUTES)
    def sleep(self, wait: timedelta) -> None:
        self.history.now += wait
        self.pass_()

    @rule(wait=MINUTES, writes=st.integers(0, 6))
    def die(self, wait: timedelta, writes: int) -> None:
        """Die before one of the next writes; a new operator takes over at any time after."""
        self.history.dies_before = writes
        try:
            self.history.live(self.history.now + wait)
        except Crashed:
            self.history.now += wait
        self.history.dies_before = None
        self.pass_()

    @rule(minutes=st.sampled_from((-3000, -100, -1, 1, 100, 3000)))
    def step_clock(self, minutes: int) -> None:
        self.history.ahead += timedelta(minutes=minutes)
        rows.doubt(self.history)
        self.pass_()

    @precondition(lambda self: self.history.doubt is not None)
    @rule()
    def settle(self) -> None:
        rows.settle(self.history)
        self.pass_()

    # --- enemies ---

    @precondition(lambda self: self.history.record() is not None)
    @rule(
        enemy=st.sampled_from((rows.lose_configmap, rows.edit_configmap, rows.lose_secret, rows.strip_labels)),
        wait=MINUTES,
        writes=st.integers(0, 8),
    )
    def drift(self, enemy: rows.Act, wait: timedelta, writes: int) -> None:
        """The operator looks some time after, and may die while it repairs."""
        enemy(self.history)
        self.history.now += wait
        self.history.dies_before = writes
        try:
            self.history.pass_()
        except Crashed:
            self.history.now += wait
        self.history.dies_before = None
        self.pass_()

    @invariant()
    def no_valid_token_is_refused(self) -> None:
        if hasattr(self, "history"):
            gaps = self.history.observer.gaps()
            assert not gaps, gaps


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
