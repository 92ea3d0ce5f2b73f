"""The configurations of gateways in examples/: their sets are accepted."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.stage import ROOT
from jwks_operator.api.names import KIND
from jwks_operator.api.parse import parse_spec

FILES = sorted((ROOT / "examples" / "gateways").glob("*.yaml"))


def name_of(path: Path) -> str:
    return path.stem


def documents(path: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(path.read_text())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_its_sets_are_accepted(path: Path) -> None:
    for each in documents(path):
        if each["kind"] == KIND:
            assert parse_spec(each).keys


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_everybody_speaks_of_the_same_issuer(path: Path) -> None:
    issuers = set(re.findall(r"https://auth\.[a-z.]+", path.read_text()))
    assert issuers == {"https://auth.example.com"}


def test_envoy_gateway_reads_a_data_key_that_is_published() -> None:
    the_set, policy, _ = documents(ROOT / "examples" / "gateways" / "envoy-gateway.yaml")
    spec = parse_spec(the_set)
    (provider,) = policy["spec"]["jwt"]["providers"]
    assert provider["localJWKS"]["valueRef"]["name"] == the_set["metadata"]["name"]
    assert "jwks" in spec.publish.config_map.aliases
