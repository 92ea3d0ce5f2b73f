"""The publishers of the chart: one Deployment each, with the right to read one ConfigMap and nothing else."""

from typing import Any

import pytest
import yaml

from chart.cases import CASES
from controlplane.errors import ControlPlaneError
from docs.pages import ROOT, blocks
from helmchart import render as chart

(CASE,) = (case for case in CASES if case.name == "publishers")
ONLY = "--show-only=templates/publishers.yaml"
EXAMPLE = yaml.safe_load((ROOT / "examples" / "publishers" / "values.yaml").read_text())
(SHOWN,) = (yaml.safe_load(block.text) for block in blocks(ROOT / "docs" / "buckets.md", "yaml"))


def rendered(values: dict[str, Any]) -> list[chart.Object]:
    text = chart.render({**values, "crds": {"install": False}}, ONLY)
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def of(objects: list[chart.Object], kind: str) -> list[chart.Object]:
    return [each for each in objects if each["kind"] == kind]


def test_the_example_has_a_deployment_an_account_and_one_rule_for_each_bucket() -> None:
    objects = rendered(EXAMPLE)
    wanted = EXAMPLE["publishers"]
    assert len(of(objects, "Deployment")) == len(of(objects, "ServiceAccount")) == len(wanted) == 4
    for role in of(objects, "Role"):
        rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["auth"], "verbs": ["list", "watch"]}
        assert role["rules"] == [rule]
        assert role["metadata"]["namespace"] == "shop"
    assert not of(objects, "ClusterRole")
    for deployment in of(objects, "Deployment"):
        assert deployment["spec"]["replicas"] == 1
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}, "two at once would be two writers"


def test_the_values_of_the_page_are_those_of_the_example() -> None:
    (shown,) = SHOWN["publishers"]
    assert {**shown, "name": "aws"} == EXAMPLE["publishers"][0]
    assert of(rendered(SHOWN), "Deployment")


GOOD = {"name": "cdn", "configMap": "auth", "to": "s3://keys"}


@pytest.mark.parametrize(
    ("publishers", "words"),
    [
        pytest.param([{**GOOD, "to": "https://keys"}], "/publishers/0/to", id="a scheme that is none"),
        pytest.param([{"name": "cdn", "to": "s3://keys"}], "configMap", id="no ConfigMap"),
        pytest.param([{**GOOD, "bucket": "keys"}], "bucket", id="a member misspelt"),
        pytest.param([GOOD, GOOD], "two of them have the same name", id="a name twice"),
        pytest.param([{**GOOD, "name": "c" * 40}], "choose a shorter name", id="a name too long"),
    ],
)
def test_values_that_cannot_work_are_refused(publishers: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ControlPlaneError, match=words):
        rendered({"publishers": publishers, "fullnameOverride": "a" * 30})
