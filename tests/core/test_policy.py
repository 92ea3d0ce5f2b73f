"""What a spec asks for: defaults resolved, and nothing in force that the spec says is not."""

from datetime import timedelta
from typing import Any

import pytest

from core.history import SIGNING, START, History
from jwks_operator.api import defaults
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.model import policy_from_spec as deriving
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.planner.spec_checks import find_complaint


def of(**members: Any) -> Policy:
    return policy_from_spec(JsonWebKeySetSpec.model_validate({**SIGNING, **members}))


def test_what_is_silent_and_what_says_the_default_are_the_same() -> None:
    assert of() == of(rotation={"every": "720h"}, timing={"propagation": "5m"}, secret={"formats": ["JWK", "PEM"]})


def test_no_spec_gets_the_policy_of_another_one_that_stood_in_its_place_in_memory() -> None:
    hours = range(1000, 2000)
    assert [of(rotation={"every": f"{hour}h"}).rotation.every for hour in hours] == [timedelta(hours=h) for h in hours]


def test_a_default_that_changes_with_a_version_is_a_change_of_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    before = of()
    monkeypatch.setattr(deriving, "DEFAULT_EVERY", defaults.DEFAULT_EVERY / 2)
    assert of() != before
    assert of().rotation.every == timedelta(hours=360)


def test_by_hand_means_that_neither_interval_nor_schedule_counts() -> None:
    """They may stand beside it and wait until the policy is Scheduled again."""
    by_hand = {**SIGNING, "rotation": {"policy": "Manual", "schedule": "0 3 * * *"}}
    assert find_complaint(JsonWebKeySetSpec.model_validate(by_hand), START) is None
    history = History.of(by_hand)
    history.live(START + timedelta(days=9))
    assert history.states() == "signing: k1 Active, k2 Pending"
