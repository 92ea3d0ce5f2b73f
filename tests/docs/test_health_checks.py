"""The health checks of docs/health-checks.md tell what they should of each status: the Lua of Argo CD."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from lupa.lua51 import LuaRuntime

from docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "health-checks.md"
LUA = next(block.text for block in blocks(PAGE, "lua"))
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
