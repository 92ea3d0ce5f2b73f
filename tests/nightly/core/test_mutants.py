"""The safety tests have teeth: without each piece of safety, the history or the random histories that guard it fail."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from core import rows
from core.history import SIGNING, START, History
from core.laws import obey
from core.rows import At, Row, annotate, edit, play, row, with_rotation, with_timing
from core.test_any_history import AnyHistory
from hurried import some_history_fails
from jwks_operator.core.model import key_states
from jwks_operator.core.model.observed_state import Reading
from jwks_operator.core.model.policy import Facts
from jwks_operator.core.model.record import Bounds
from jwks_operator.core.planner import (
    candidates,
    case_questions,
    key_requests,
    recovery,
    rules,
    succession,
    timestamp_reset,
)
from jwks_operator.core.timing import policy_change
from jwks_operator.core.timing.formulas import LONG_AGO
from jwks_operator.core.transitions import apply_transition
from jwks_operator.core.transitions.transition_table import Row as TableRow

FIRST = rows.FIRST
ROTATED = "signing: k2 Active, k3 Pending, k1 Retired"
DAILY = with_rotation(every="24h")
LATE = with_rotation(every="24h", prepublish="OnSchedule")
ASK = annotate("signing@2026-03-02T12:10:00Z")

LEAD = row("lead", At("10m", ASK, FIRST), At("1h10m-1s", None, FIRST))
FLOOR = row(
    "floor",
    At("10h", rows.all_of(edit(with_timing(LATE, verifierRefresh="1m")), annotate("signing@2026-03-02T12:00:00Z"))),
    At("12h", None, FIRST),
    spec=with_timing(LATE, verifierRefresh="2h50m"),
)
RETENTION = row("retention", At("24h", None, ROTATED), At("25h", None, ROTATED), spec=DAILY)
LOWERED = row(
    "lowered",
    At("24h", edit(with_timing(LATE)), "signing: k2 Active, k1 Retired"),
    At("30h-1s", None, "signing: k2 Active, k1 Retired without private half"),
    spec=with_timing(LATE, retention="6h"),
)
FORMER = row(
    "former",
    At("10h", edit(with_timing(LATE, propagation="1m", cacheMaxAge="10m", verifierRefresh="1m"))),
    At("10h", annotate("signing@2026-03-02T12:00:00Z"), FIRST, "Activate signing 11h11m"),
    At("11h10m", None, FIRST),
    spec=with_timing(LATE, propagation="1h", cacheMaxAge="1m", verifierRefresh="1m"),
)
FORGOTTEN = row(
    "forgotten",
    At("24h-1s", edit(with_timing(LATE))),
    At("24h", None, "signing: k2 Active, k1 Retired"),
    At("25h", rows.lose_keyring),
    At("31h", None, "signing: k2 Active, k1 Retired without private half"),
    spec=with_timing(LATE, tokenLifetime="6h"),
)
TWO_CLOCKS = row(
    "two clocks",
    At("1h", rows.led_by("-30s")),
    At("2h", rows.lose_configmap, FIRST),
    At("2h1m", rows.led_by("30s")),
    At("2h1m", ASK, FIRST),
    At("3h10m-1s", None, FIRST),
)
HANDED_OVER = row(
    "handed over",
    At("10m", ASK),
    At("20m", rows.step_clock("5h")),
    At("30m", rows.settle, FIRST),
    At("31m", rows.hand_over, FIRST),
    At("1h40m-1s", None, FIRST),
)
DRIFT = row("drift", At("23h30m", rows.lose_configmap), At("24h", None, FIRST), spec=DAILY)
STEP = row("step", At("10m", ASK), At("20m", rows.step_clock("5h")), At("30m", rows.settle, FIRST))
BACK = row(
    "back",
    At("24h", None, ROTATED),
    At("24h10m", rows.step_clock("-3h")),
    At("24h20m", rows.settle),
    At("25h30m", None, "signing: k2 Active, k3 Pending"),
    spec=DAILY,
)
ONCE = row(
    "once",
    At("24h", annotate("signing@2026-03-03T12:00:00Z"), ROTATED),
    At("30h", None, "signing: k2 Active, k3 Pending"),
)
SUSPENDED = row("suspended", At("800h", None, "signing: k1 Active"), spec={**SIGNING, "suspend": True})
HELD = row(
    "held",
    At("40h", None, "signing: k2 Active, k3 Pending, k1 Retired without private half"),
    spec={**DAILY, "held": ["k1"]},
)
DOUBT = row("doubt", At("23h", rows.doubt), At("30h", None, FIRST), spec=DAILY)
UNTRUSTED = row(
    "untrusted", At("23h", rows.doubt), At("23h30m", rows.lose_configmap), At("26h", rows.trust, FIRST), spec=DAILY
)

Patch = Callable[[pytest.MonkeyPatch], None]


def patched(module: Any, name: str, make: Callable[[Any], Any]) -> Patch:
    """Replace something by what `make` makes of it."""
    return lambda patch: patch.setattr(module, name, make(getattr(module, name)))


def _no_retention(real: Any) -> Any:
    return lambda record, key, *rest: None if real(record, key, *rest) is None else key.retired


def _never_held(real: Any) -> Any:
    return lambda record, key, held: real(record, key, frozenset())


def _always_trusted(real: Any) -> Any:
    return lambda world, reading, fresh=None: real(world, replace(reading, trusted=True), fresh)


def _stepless(real: Any) -> Any:
    """What is known of a step is kept in memory, as long as that lasts."""
    return lambda world, record, reading, asked: real(world, record, replace(reading, since=None), asked)


MUTANTS: Mapping[str, tuple[Patch, Row]] = {
    "the lead is ignored": (patched(succession, "time_known_everywhere", lambda _: lambda *facts: LONG_AGO), LEAD),
    "the floor is ignored": (patched(key_states, "_floors", lambda _: lambda record, now: {}), FLOOR),
    "a lowered lead is no step": (patched(policy_change, "_lowers", lambda _: lambda *specs: False), FLOOR),
    "retention is ignored": (patched(candidates, "removal_time", _no_retention), RETENTION),
    "the newer bounds win": (patched(Bounds, "largest", lambda _: lambda former, newer: newer), LOWERED),
    "the longest of two sums counts": (
        patched(Facts, "longest", lambda _: lambda former, _new: former),
        FORMER,
    ),
    "former facts are lost with the keyring": (
        patched(recovery, "remember_waits", lambda real: lambda record, waits: real(record, {})),
        FORGOTTEN,
    ),
    "a clock behind stamps its own time": (patched(Reading, "latest", lambda _: property(lambda r: r.now)), TWO_CLOCKS),
    "a clock ahead waits its own time": (patched(Reading, "earliest", lambda _: property(lambda r: r.now)), TWO_CLOCKS),
    "the next leader knows nothing of a step": (
        patched(rules, "reset_doubtful", _stepless),
        HANDED_OVER,
    ),
    "drift restarts no clock": (patched(timestamp_reset, "_doubted", lambda _: lambda key, stale: key), DRIFT),
    "a step of the clock restarts no wait": (
        patched(timestamp_reset, "_after_a_step", lambda _: lambda record, since: record),
        STEP,
    ),
    "a witness in the future is kept": (
        patched(timestamp_reset, "_from_the_future", lambda _: lambda key, now: False),
        BACK,
    ),
    "a request is not recorded": (
        patched(apply_transition, "mark_honoured", lambda _: lambda record, *rest: record),
        ONCE,
    ),
    "suspend is ignored": (patched(case_questions, "is_held_by", lambda _: lambda *held: False), SUSPENDED),
    "held is ignored": (patched(candidates, "removal_time", _never_held), HELD),
    "a clock in doubt is ignored": (patched(rules, "decide", _always_trusted), DOUBT),
    "repair leaves the old witness": (
        patched(timestamp_reset, "_doubted", lambda _: lambda key, stale: key),
        UNTRUSTED,
    ),
}


@pytest.mark.parametrize(("mutant", "guard"), MUTANTS.values(), ids=[name.replace(" ", "_") for name in MUTANTS])
def test_without_it_its_history_fails(mutant: Patch, guard: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    play(guard)
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        play(guard)


OBSERVED: Mapping[str, Patch] = {
    "the lead is ignored": MUTANTS["the lead is ignored"][0],
    "retention is ignored": MUTANTS["retention is ignored"][0],
    "the former key stays in use": patched(TableRow, "replaces_active", lambda _: property(lambda row: False)),
}
"""What random histories find within a second; the rest is left to the rows above."""


@pytest.mark.parametrize("mutant", OBSERVED.values(), ids=[name.replace(" ", "_") for name in OBSERVED])
def test_without_it_some_random_history_fails(mutant: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    some_history_fails(AnyHistory, steps=25)


def test_a_buried_key_must_not_come_back() -> None:
    history = History.of(DAILY)
    obey(history)
    history.live(START + rows.timestamp("26h"))
    record = history.record()
    assert record is not None
    with pytest.raises(key_states.IllegalMoveError):
        key_requests.refuse_buried(record, history.born["k1"])
