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
    for action in re.findall(r"uses: (.+)", text):
        assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", action), action
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)
    for target in re.findall(r"\bmake ([a-z][a-z-]*)", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target


def test_one_action_has_one_digest() -> None:
    pins = {tuple(each) for path in WORKFLOWS for each in re.findall(r"uses: (\S+)@(\S+) # (\S+)", path.read_text())}
    assert len({name for name, _, _ in pins}) == len(pins)


def test_what_is_released_has_the_version_and_not_the_tag() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert "github.ref_name" not in text
    assert text.count("steps.version.outputs.version") == 2
