"""The table of specs against the models, and what a parsed spec is."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from api.specs import ACCEPTED, ES256, REFUSED, Case
from jwks_operator.api.defaults import DEFAULTS, LEAD_TERMS, RESTART, RETENTION_TERMS
from jwks_operator.api.durations import format_duration
from jwks_operator.api.parse import SpecError, parse_spec
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.keys.algorithms import KeyClass


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_an_accepted_spec_means_the_same_after_a_round_trip(case: Case) -> None:
    spec = parse_spec(case.object)
    written = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert written.keys() == case.spec.keys()
    assert parse_spec({**case.object, "spec": written}) == spec
    in_full = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert parse_spec({**case.object, "spec": in_full}) == spec


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_refused_spec_gets_one_error_that_names_the_field(case: Case) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(case.object)
    (error,) = caught.value.errors
    assert error.path == case.path
    assert case.says in error.message
    assert str(caught.value) == f"{error.path}: {error.message}"


def test_every_broken_field_is_named() -> None:
    spec = {"keys": [{**ES256, "modulusLength": 2048}], "timing": {"lead": "1s", "preset": "Squid"}, "held": [7]}
    with pytest.raises(SpecError) as caught:
        parse_spec({"metadata": {"name": "auth"}, "spec": spec})
    assert [error.path for error in caught.value.errors] == [
        "spec.keys[0].modulusLength", "spec.timing.preset", "spec.held[0]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "spec", [{"keys": [ES256], "windows": []}, {"keys": [ES256], "timing": {"token_lifetime": "1h"}}]
)
def test_a_field_this_version_does_not_know_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(SpecError, match="unknown field; remove it"):
        parse_spec({"metadata": {"name": "auth"}, "spec": spec})


@pytest.mark.parametrize(
    "found", [{}, {"metadata": {}}, {"metadata": {"name": "auth"}}, {"metadata": {"name": "auth"}, "spec": None}]
)
def test_an_object_without_spec_is_refused(found: dict[str, object]) -> None:
    with pytest.raises(SpecError, match="spec"):
        parse_spec(found)


def test_the_smallest_spec_is_a_production_answer() -> None:
    spec = parse_spec({"metadata": {"name": "auth"}, "spec": {"keys": [ES256]}})
    assert spec == JsonWebKeySetSpec.model_validate({"keys": [ES256]})
    assert spec.rotation.policy == "Scheduled"
    assert spec.rotation.prepublish == "Always"
    assert (spec.rotation.every, spec.rotation.schedule) == (None, None)
    assert spec.publish.config_map.name is None
    assert spec.publish.config_map.key == "jwks.json"
    assert spec.publish.max_keys == 30
    assert spec.secret.formats == ("JWK", "PEM")
    assert (spec.recovery, spec.deletion_policy, spec.suspend) == ("Regenerate", "Delete", False)


def test_an_entry_has_its_own_rotation_or_that_of_the_set() -> None:
    own = {"name": "legacy", "algorithm": "RS256", "rotation": {"every": "1h"}}
    spec = parse_spec(Case("", {"keys": [ES256, own], "rotation": {"policy": "Manual"}}).object)
    assert [spec.rotation_of(entry).policy for entry in spec.keys] == ["Manual", "Scheduled"]


SHORT = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=30)).map(
    lambda value: timedelta(milliseconds=value // timedelta(milliseconds=1))
)


@given(facts=st.fixed_dictionaries({}, optional=dict.fromkeys(DEFAULTS, SHORT)), override=SHORT)
@pytest.mark.parametrize(("field", "terms"), [("lead", LEAD_TERMS), ("retention", RETENTION_TERMS)])
def test_an_override_is_accepted_exactly_from_the_sum_of_its_facts_on(
    field: str, terms: dict[KeyClass, tuple[str, ...]], facts: dict[str, timedelta], override: timedelta
) -> None:
    timing = {to_camel(name): format_duration(value) for name, value in {**facts, field: override}.items()}
    stated = (term for term in terms[KeyClass.SIGNATURE] if term != RESTART)
    needed = sum((facts.get(term, DEFAULTS[term]) for term in stated), timedelta())
    case = Case("", {"timing": timing})
    if override >= needed:
        assert getattr(parse_spec(case.object).timing, field) == override
    else:
        with pytest.raises(SpecError, match=f"^spec.timing.{field}: {field} .* is shorter than propagation "):
            parse_spec(case.object)


def test_a_fact_is_the_given_one_or_its_default() -> None:
    spec = parse_spec(Case("", {"timing": {"clockSkew": "0s"}}).object)
    assert spec.fact("clock_skew") == timedelta(0)
    assert spec.fact("propagation") == DEFAULTS["propagation"]
