"""The configurations of gateways in examples/: their sets are accepted."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.stage import ROOT
from jwks_operator.api.durations import format_duration
from jwks_operator.api.names import KIND
from jwks_operator.api.parse import parse_spec
from jwks_operator.api.reader_row import Reader
from jwks_operator.api.reader_table import READERS

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


def test_the_reader_of_each_gateway_is_named_and_its_configuration_has_the_figures_of_the_table() -> None:
    named = {path.stem: parse_spec(next(documents(path))).readers for path in FILES if path.stem != "kube-apiserver"}
    assert named == {
        "apisix": (Reader.APISIX,),
        "envoy": (Reader.ENVOY,),
        "envoy-gateway": (),
        "istio": (Reader.ISTIO,),
        "kong": (Reader.KONG,),
        "krakend": (Reader.KRAKEND,),
        "nginx-plus": (Reader.NGINX_PLUS,),
        "oauth2-proxy": (Reader.OAUTH2_PROXY,),
    }
    krakend = json.loads(config_of("krakend", "krakend.json"))["endpoints"][0]["extra_config"]["auth/validator"]
    assert timedelta(seconds=krakend["cache_duration"]) == READERS[Reader.KRAKEND].refresh
    (service,) = yaml.safe_load(config_of("kong", "kong.yaml"))["services"]
    assert f"{service['plugins'][0]['config']['rediscovery_lifetime']} s" in READERS[Reader.KONG].unknown_kid
    (route,) = yaml.safe_load(config_of("apisix", "apisix.yaml"))["routes"]
    assert route["plugins"]["openid-connect"]["use_jwks"]
    spec = parse_spec(next(documents(ROOT / "examples" / "gateways" / "nginx-plus.yaml")))
    assert f"proxy_cache_valid 200 {format_duration(spec.fact('edge_cache'))};" in config_of(
        "nginx-plus", "default.conf"
    )


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_page_links_every_example(path: Path) -> None:
    assert f"(../examples/gateways/{path.name})" in (ROOT / "docs" / "gateways.md").read_text()


def config_of(name: str, key: str) -> str:
    """A file out of the ConfigMap of an example."""
    path = ROOT / "examples" / "gateways" / f"{name}.yaml"
    (found,) = (each["data"][key] for each in documents(path) if each["kind"] == "ConfigMap")
    return str(found)
