"""The committed definition and the examples agree with the models."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from jwks_operator.api.crd import build_crd, to_yaml
from jwks_operator.api.parse import parse_spec
from jwks_operator.keys.algorithms import RSA_DEFAULT_MODULUS_LENGTH, RSA_MODULUS_LENGTHS

ROOT = Path(__file__).parents[2]
SCHEMA = build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SPEC = SCHEMA["properties"]["spec"]
Schema = dict[str, Any]


def fields(schema: Schema, path: str) -> Iterator[tuple[str, Schema, Schema]]:
    """Yield path, schema and parent's schema of every field below, lists and maps included."""
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child, schema
        yield from fields(child, f"{path}.{name}")
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if inner:
            yield from fields(inner, path)


def is_refused(path: str, parent: Schema) -> bool:
    rules = parent.get("x-kubernetes-validations", [])
    own = [rule for rule in rules if rule["fieldPath"] == "." + path.rpartition(".")[2]]
    return any(rule.get("reason") == "FieldValueForbidden" for rule in own)


def supported(schema: Schema, path: str) -> Iterator[str]:
    """Yield the path of every field that may be set."""
    for name, child in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        if not is_refused(here, schema):
            yield here
            yield from supported(child.get("items", child), here)


def written(value: Any, path: str) -> Iterator[str]:
    """Yield the path of every field that is set."""
    for item in value if isinstance(value, list) else [value]:
        for name, child in item.items() if isinstance(item, dict) else ():
            yield f"{path}.{name}"
            yield from written(child, f"{path}.{name}")


def test_the_committed_definition_is_up_to_date() -> None:
    committed = (ROOT / "crds" / "jsonwebkeysets.jwks-operator.dev.yaml").read_text()
    assert committed == to_yaml(), "run make generate"


def test_the_text_says_what_the_definition_says() -> None:
    assert yaml.safe_load(to_yaml()) == build_crd()
    assert to_yaml().startswith("# generated, do not edit: make generate\n")


@pytest.mark.parametrize(
    ("path", "schema"), [(p, s) for p, s, _ in fields(SCHEMA, "") if not p.startswith(".metadata")]
)
def test_every_field_explains_itself(path: str, schema: Schema) -> None:
    assert schema["description"].endswith("."), path
    assert "\n" not in schema["description"]


def test_every_refused_field_says_so_first_and_no_other() -> None:
    for path, schema, parent in fields(SPEC, "spec"):
        assert schema["description"].startswith("Not supported by this version.") == is_refused(path, parent), path


def test_timing_has_no_defaults_in_the_schema() -> None:
    assert not [path for path, schema, _ in fields(SPEC["properties"]["timing"], "timing") if "default" in schema]


def test_the_sizes_of_rsa_keys_are_those_of_the_table() -> None:
    modulus = SPEC["properties"]["keys"]["items"]["properties"]["modulusLength"]
    assert modulus["enum"] == [*RSA_MODULUS_LENGTHS]
    assert f"Default {RSA_DEFAULT_MODULUS_LENGTH}." in modulus["description"]


@pytest.mark.parametrize("name", ["quickstart", "full"])
def test_an_example_is_accepted(name: str) -> None:
    parse_spec(yaml.safe_load((ROOT / "examples" / f"{name}.yaml").read_text()))


def test_the_quickstart_is_the_smallest_spec() -> None:
    example = yaml.safe_load((ROOT / "examples" / "quickstart.yaml").read_text())
    assert example["spec"] == {"keys": [{"name": "signing", "algorithm": "ES256"}]}


def test_the_full_example_shows_every_supported_field() -> None:
    example = yaml.safe_load((ROOT / "examples" / "full.yaml").read_text())
    alternative = {"spec.keys.rotation.every", "spec.rotation.schedule", "spec.rotation.timeZone"}
    assert {*supported(SPEC, "spec")} - {*written(example["spec"], "spec")} == alternative
