"""The health checks of docs/health-checks.md tell what they should of each status: the Lua, and the CEL in a rule."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import yaml
from lupa.lua51 import LuaRuntime

from controlplane import Access
from controlplane.errors import ApiError
from docs.pages import ROOT, blocks
from jwks_operator.api.crd import build_crd

PAGE = ROOT / "docs" / "health-checks.md"
LUA = next(block.text for block in blocks(PAGE, "lua"))
FLUX = next(yaml.safe_load(block.text) for block in blocks(PAGE, "yaml"))["healthCheckExprs"][0]
ORDER = {"failed": "Failed", "current": "Current"}
"""Expressions in the order in which Flux asks them (fluxcd/pkg, runtime/cel), and what it says where one holds."""
GENERATION = 3


def status(ready: str, degraded: str, observed: int = GENERATION) -> dict[str, Any]:
    """A status; the conditions are given as `True KeysInUse`."""
    told = {"Ready": ready, "Degraded": degraded, "Rotating": "True NextKeyPublished"}
    conditions = [
        {"type": kind, "status": words.split()[0], "reason": words.split()[1], "message": "why",
         "lastTransitionTime": "2026-11-22T18:00:00Z"}
        for kind, words in told.items()
    ]  # fmt: skip
    return {"observedGeneration": observed, "conditions": conditions}


WELL = status("True KeysInUse", "False AsExpected")
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "well": ({}, WELL, "Healthy", "Current"),
    "suspended": ({"suspend": True}, WELL, "Suspended", "Current"),
    "new": ({}, {}, "Progressing", "InProgress"),
    "edited": ({}, status("True KeysInUse", "False AsExpected", GENERATION - 1), "Progressing", "InProgress"),
    "starting": ({}, status("False Progressing", "False AsExpected"), "Progressing", "InProgress"),
    "waits for its lead": ({}, status("False WaitingForLead", "False AsExpected"), "Progressing", "InProgress"),
    "in the way": ({}, status("False NameConflict", "True NameConflict"), "Degraded", "Failed"),
    "refused": ({}, status("True KeysInUse", "True InvalidSchedule"), "Degraded", "Failed"),
    "lost": ({}, status("False KeysLost", "True KeysLost"), "Degraded", "Failed"),
}
"""Spec, status, what Argo CD says, what Flux says."""


@pytest.mark.parametrize(("spec", "said", "argo"), [row[:3] for row in ROWS.values()], ids=ROWS)
def test_argo_cd_sees_the_state(spec: dict[str, Any], said: dict[str, Any], argo: str) -> None:
    lua = LuaRuntime(unpack_returned_tuples=True)
    obj = {"metadata": {"generation": GENERATION}, "spec": spec, **({"status": said} if said else {})}
    check = cast("Callable[[object], Any]", lua.execute(f"return function(obj)\n{LUA}\nend"))
    health = check(lua.table_from(obj, recursive=True))
    assert health.status == argo
    assert "why" in health.message or argo == "Progressing"


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
