"""The property of a revocation has teeth: without each of its pieces some combination keeps the key."""

from itertools import product
from typing import Any

import pytest

from jwks_operator.core.planner import revocation, rules
from jwks_operator.reconcile import reconciler
from jwks_operator.reconcile.withdrawal import Withdrawn
from reconcile.test_revocation_everywhere import STATES, check_combination


async def _nothing_withdrawn(_client: Any, decision: Any, *_: Any) -> Withdrawn:
    return Withdrawn(decision)


async def _check_all_objects(spec: str, record: str, clock: str) -> None:
    for configmap, secret in product(STATES, STATES):
        await check_combination(spec, record, clock, configmap, secret)


MUTANTS: dict[str, tuple[Any, str, Any, tuple[str, str, str]]] = {
    "a foreign object stops everything": (revocation, "is_under_way", lambda *_: False, ("ok", "ok", "ok")),
    "a clock in doubt stops it": (
        rules,
        "RULES",
        (*rules.RULES[:6], rules.find_due_candidates, rules.hold_for_the_clock, *rules.RULES[6:]),
        ("ok", "ok", "doubt"),
    ),
    "nothing is withdrawn without a record": (
        reconciler,
        "withdraw_revoked",
        _nothing_withdrawn,
        ("unreadable", "unreadable", "ok"),
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=[name.replace(" ", "_") for name in MUTANTS])
async def test_without_it_some_object_keeps_the_key(
    mutant: tuple[Any, str, Any, tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, name, value, case = mutant
    monkeypatch.setattr(place, name, value)
    with pytest.raises(AssertionError):
        await _check_all_objects(*case)
