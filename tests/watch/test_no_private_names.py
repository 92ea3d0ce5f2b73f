"""kopf is used by its public names alone, so that a new version of it breaks a test at worst, and not the process."""

import re
from pathlib import Path

import kopf

ROOT = Path(__file__).parents[2]
PRIVATE = re.compile(r"\bkopf(\.\w+)*\._[a-z]|from kopf\.(?!on\b)|import kopf\.(?!on\b)")
NAMED = re.compile(r"\bkopf\.(\w+)")


def test_no_file_names_anything_private_of_kopf() -> None:
    files = [path for room in ("operator", "tests", "hack") for path in (ROOT / room).rglob("*.py")]
    assert len(files) > 100
    assert [str(path.relative_to(ROOT)) for path in files if PRIVATE.search(path.read_text())] == []


def test_the_adapter_uses_only_what_kopf_exports() -> None:
    files = (ROOT / "operator" / "jwks_operator" / "watch").glob("kopf_*.py")
    named = {name for path in files for name in NAMED.findall(path.read_text())}
    assert named <= set(kopf.__all__)
    assert {"spawn_tasks", "run_tasks", "OperatorSettings"} <= named
