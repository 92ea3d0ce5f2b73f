"""A preset takes the place of a default and of nothing else, in the planner and at admission alike."""

from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.api.defaults import DEFAULTS
from jwks_operator.api.parse import SpecError, parse_spec
from jwks_operator.api.presets import PRESETS, Preset
from jwks_operator.core.model.policy import FACTS
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.timing.formulas import bounds_of
from jwks_operator.keys.algorithms import KeyClass


def timed(**timing: Any) -> Any:
    spec = {"keys": [{"name": "signing", "algorithm": "ES256"}], "timing": timing}
    return parse_spec({"metadata": {"name": "auth"}, "spec": spec})


def test_every_preset_has_a_row_with_a_source() -> None:
    assert set(PRESETS) == set(Preset)
    for verifier in PRESETS.values():
        assert verifier.source.startswith("https://")
        assert set(verifier.facts) <= set(DEFAULTS)
        assert verifier.facts


@pytest.mark.parametrize("preset", Preset)
def test_a_preset_fills_what_is_not_stated_and_gives_way_to_what_is(preset: Preset) -> None:
    known = PRESETS[preset].facts
    facts = policy_from_spec(timed(preset=preset.value)).facts
    assert {name: getattr(facts, name) for name in FACTS if name in DEFAULTS} == {**DEFAULTS, **known}
    stated = policy_from_spec(timed(preset=preset.value, verifierRefresh="7m"))
    assert stated.facts.verifier_refresh == timedelta(minutes=7)


@pytest.mark.parametrize("preset", Preset)
def test_the_lead_follows_the_preset(preset: Preset) -> None:
    policy = policy_from_spec(timed(preset=preset.value))
    lead = bounds_of(policy, policy.rotation, KeyClass.SIGNATURE).lead
    assert lead == timedelta(minutes=10) + PRESETS[preset].facts["verifier_refresh"]
    minutes = int(lead / timedelta(minutes=1))
    assert timed(preset=preset.value, lead=f"{minutes}m")
    with pytest.raises(SpecError, match=r"lead .* is shorter than propagation 5m"):
        timed(preset=preset.value, lead=f"{minutes - 1}m")
