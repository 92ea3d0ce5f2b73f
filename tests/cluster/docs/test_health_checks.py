"""The health checks of docs/health-checks.md tell what they should of each status: the CEL of Flux, in a rule."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from controlplane import Access
from controlplane.errors import ApiError
from docs.pages import blocks
from docs.test_health_checks import GENERATION, PAGE, ROWS
from jwks_operator.api.crd import build_crd

FLUX = next(yaml.safe_load(block.text) for block in blocks(PAGE, "yaml"))["healthCheckExprs"][0]
ORDER = {"failed": "Failed", "current": "Current"}
"""Expressions in the order in which Flux asks them (fluxcd/pkg, runtime/cel), and what it says where one holds."""


def within_self(expression: str) -> str:
    """The expression of a rule, which finds at `self` what Flux finds at the top."""
    return re.sub(r"(?<![.\w])(status|metadata)\.", r"self.\1.", expression)


@pytest.fixture(scope="module")
def judged(control_plane: Access) -> Iterator[str]:
    """A kind of object that has a status like a set and refuses, by name, what the expressions find in it."""
    status_schema = build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    rules = [{"rule": f"!({within_self(FLUX[word])})", "message": word} for word in ORDER]
    fields = {
        "metadata": {"type": "object", "properties": {"generation": {"type": "integer"}}},
        "status": status_schema,
    }
    told = {"type": "object", "properties": fields, "x-kubernetes-validations": rules}
    schema = {"type": "object", "properties": {"spec": told}}
    names = {"kind": "JudgedStatus", "plural": "judgedstatuses"}
    kind = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "judgedstatuses.tests.jwks-operator.dev"},
        "spec": {
            "group": "tests.jwks-operator.dev",
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    applied = control_plane.kubectl("apply", "--filename=-", input=json.dumps(kind))
    assert applied.returncode == 0, applied.stderr
    waited = control_plane.kubectl("wait", "--for=condition=Established", f"crd/{kind['metadata']['name']}")  # type: ignore[index]  # a dict of dicts
    assert waited.returncode == 0, waited.stderr
    yield "/apis/tests.jwks-operator.dev/v1/namespaces/default/judgedstatuses?dryRun=All"
    control_plane.kubectl("delete", "--filename=-", "--wait=false", input=json.dumps(kind))


@pytest.mark.parametrize(("said", "flux"), [(row[1], row[3]) for row in ROWS.values()], ids=ROWS)
def test_flux_sees_the_state(control_plane: Access, judged: str, said: dict[str, Any], flux: str) -> None:
    if said.get("observedGeneration", GENERATION) != GENERATION:  # Flux looks at this before it asks
        assert flux == "InProgress"
        return
    body = {
        "apiVersion": "tests.jwks-operator.dev/v1",
        "kind": "JudgedStatus",
        "metadata": {"name": "one"},
        "spec": {"metadata": {"generation": GENERATION}, "status": said},
    }
    holding = ""
    try:
        control_plane.api("POST", judged, body)
    except ApiError as refusal:
        holding = str(refusal)
    assert next((state for word, state in ORDER.items() if f": {word}" in holding), "InProgress") == flux, holding
