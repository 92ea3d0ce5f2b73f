"""The simulation has teeth: without each piece of safety, a history of whole passes shows the gap."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from fakes.writes import Writes
from hurried import some_history_fails
from jwks_operator.core.features import imports
from jwks_operator.core.model import key_states
from jwks_operator.core.model.observed_state import Reading
from jwks_operator.core.model.policy import NO_FACTS, Facts
from jwks_operator.core.model.record import Bounds
from jwks_operator.core.outputs import status
from jwks_operator.core.outputs.projections import Effect
from jwks_operator.core.planner import (
    candidates,
    key_requests,
    recovery,
    revocation,
    rules,
    succession,
    timestamp_reset,
)
from jwks_operator.core.timing import policy_change
from jwks_operator.kube import apply, client
from jwks_operator.reconcile import reconciler
from jwks_operator.reconcile.reconciler import Reconciler
from simulation import clocks, directed
from simulation.directed import History
from simulation.test_no_validation_gap import AnyHistory
from simulation.world import World

Patch = Callable[[pytest.MonkeyPatch], None]


def patched(module: Any, name: str, make: Callable[[Any], Any]) -> Patch:
    """Replace something by what `make` makes of it."""
    return lambda patch: patch.setattr(module, name, make(getattr(module, name)))


def _no_retention(real: Any) -> Any:
    return lambda record, key, *rest: None if real(record, key, *rest) is None else key.retired


def _always_trusted(real: Any) -> Any:
    return lambda world, reading, *fresh: real(world, replace(reading, trusted=True), *fresh)


def _uid_of_no_matter(real: Any) -> Any:
    return lambda world, record, *rest: real(world, replace(record, uid=world.keyring_uid), *rest)


def _held_back(real: Any) -> Any:
    return lambda record, written, *rest: tuple(
        one for one in real(record, written, *rest) if one.kid not in written.held
    )


def _stamp_of_the_plan(_real: Any) -> Any:
    return lambda _self, this: this.reading.now if this.reading.trusted else None


def _stamp_in_doubt(_real: Any) -> Any:
    return lambda self, _this: self._clock.now()


def _latency_of_now(real: Any) -> Any:
    return lambda record, now: real(replace(record, longest=None), now)


def _forgetful(patch: pytest.MonkeyPatch) -> None:
    """Neither the keys nor the record know of former facts."""
    patched(Bounds, "largest", lambda _: lambda self, newer: newer)(patch)
    patched(policy_change, "longest_facts", lambda _: lambda record, _now: NO_FACTS)(patch)


def _no_tombstones(patch: pytest.MonkeyPatch) -> None:
    for module in (imports, key_requests):
        patched(module, "is_buried", lambda _: lambda record, key: False)(patch)


LEAD = patched(succession, "time_known_everywhere", lambda _: lambda record, pending, published: published)
RETENTION = patched(candidates, "removal_time", _no_retention)
FENCES = patched(Writes, "_check_fence", lambda _: lambda *call: None)

MUTANTS: Mapping[str, tuple[Patch, History]] = {
    "lead, signature": (LEAD, directed.rotate_soon_after_publication),
    "lead, encryption": (LEAD, directed.rotate_under_encryption),
    "lead, symmetric": (LEAD, directed.rotate_under_symmetry),
    "lead of an added entry": (LEAD, directed.add_an_entry),
    "lead floor": (patched(key_states, "_floors", lambda _: lambda *facts: {}), directed.lower_the_lead),
    "a lowered lead is a step": (
        patched(policy_change, "_lowers", lambda _: lambda *specs: False),
        directed.lower_the_lead,
    ),
    "retention, signature": (RETENTION, directed.rotate_soon_after_publication),
    "retention, encryption": (RETENTION, directed.rotate_under_encryption),
    "retention, symmetric": (RETENTION, directed.rotate_under_symmetry),
    "retention of a removed entry": (RETENTION, directed.remove_an_entry),
    "the largest bounds": (_forgetful, directed.lower_the_lifetime),
    "the longest of each fact": (
        patched(Facts, "longest", lambda _: lambda former, _new: former),
        directed.lower_one_fact_and_raise_another,
    ),
    "former facts after the loss of the keyring": (
        patched(recovery, "remember_waits", lambda real: lambda record, _waits: real(record, {})),
        directed.lose_the_keyring_after_a_lowered_lifetime,
    ),
    "the latency of a former lead": (
        patched(status, "revocation_latency", _latency_of_now),
        directed.revoke_after_a_lowered_lead,
    ),
    "a stamp by the API server's time": (
        patched(Reading, "latest", lambda _: property(lambda reading: reading.now)),
        clocks.hand_over_between_two_clocks,
    ),
    "a lead by the API server's time": (
        patched(Reading, "earliest", lambda _: property(lambda reading: reading.now)),
        clocks.hand_over_between_two_clocks,
    ),
    "a retention by the API server's time": (
        patched(Reading, "earliest", lambda _: property(lambda reading: reading.now)),
        clocks.retire_between_two_clocks,
    ),
    "a step of all clocks is written down": (
        patched(timestamp_reset, "_after_a_step", lambda _: lambda record, _since: record),
        clocks.hand_over_after_a_step,
    ),
    "first keys of each class to their checkers first": (
        patched(apply, "effect_order", lambda _: lambda _record: (Effect.PUBLIC, Effect.PRIVATE)),
        directed.begin_with_mixed_classes,
    ),
    "tombstones": (_no_tombstones, directed.offer_a_revoked_key_again),
    "the check side first": (
        patched(apply, "effect_order", lambda real: lambda record: real(record)[::-1]),
        directed.rotate_soon_after_publication,
    ),
    "a stamp after its effect": (
        patched(Reconciler, "_confirmed", _stamp_of_the_plan),
        directed.stand_still_before_a_stamp,
    ),
    "no stamp in doubt": (patched(Reconciler, "_confirmed", _stamp_in_doubt), clocks.take_over_with_a_clock_behind),
    "no move in doubt": (patched(reconciler, "decide", _always_trusted), clocks.step_a_clock),
    "drift restarts the lead": (
        patched(timestamp_reset, "_doubted", lambda _: lambda key, stale: key),
        directed.lose_the_configmap_before_a_rotation,
    ),
    "drift restarts the retention": (
        patched(timestamp_reset, "_doubted", lambda _: lambda key, stale: key),
        directed.put_an_old_secret_back,
    ),
    "fences of the ConfigMap": (FENCES, directed.stand_still_in_front_of_the_configmap),
    "fences of the Secret": (FENCES, directed.stand_still_in_front_of_the_secret),
    "fences of the record": (FENCES, directed.stand_still_in_front_of_the_record),
    "a kind that is not served tells nothing": (
        patched(client, "confirms_absence", lambda _: lambda asked, status: True),
        directed.apply_the_crd_again,
    ),
    "the record's own uid": (patched(rules, "reset_doubtful", _uid_of_no_matter), directed.restore_a_backup),
    "revocation before all": (patched(revocation, "list_revoked", _held_back), directed.revoke_what_is_held),
    "windows": (
        patched(succession, "next_opening", lambda _: lambda rotation, time: time),
        directed.rotate_outside_of_the_windows,
    ),
}


def play(history: History) -> None:
    """Live through a history and judge it."""
    world = World()
    try:
        history(world)
        world.judge()
    finally:
        world.end()


@pytest.mark.parametrize("history", {history: None for _, history in MUTANTS.values()}, ids=lambda one: one.__name__)
def test_nothing_is_refused_in(history: History) -> None:
    play(history)


@pytest.mark.parametrize(("mutant", "history"), MUTANTS.values(), ids=MUTANTS)
def test_without_it_something_is_refused(mutant: Patch, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        play(history)


@pytest.mark.parametrize("mutant", [LEAD, RETENTION], ids=["lead", "retention"])
def test_without_it_some_random_history_fails(mutant: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    some_history_fails(AnyHistory, steps=20)
