"""The workflows: a linter reads them, and what they run is of a named version and made by make."""

import re
import subprocess
from pathlib import Path

import pytest

from gotools import find_tool

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_the_linter_finds_nothing() -> None:
    command = [str(find_tool("actionlint")), "-no-color", "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_and_nobody_has_more_rights_than_a_job_needs(path: Path) -> None:
    text = path.read_text()
    for action in re.findall(r"uses: (\S+)", text):
        assert re.search(r"@(v\d+\.\d+\.\d+|[0-9a-f]{40})$", action), action
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)
    for target in re.findall(r"\bmake ([a-z][a-z-]*)", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
