"""The threat table of docs/security.md: each row is complete, and what it is proven by exists."""

import re
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
HEAD = ["who, with which rights", "tries to", "outcome", "proven by", "what remains"]


def rows() -> list[list[str]]:
    lines = PAGE.read_text().partition("## Threat model")[2].splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("| who"))
    table = takewhile(lambda line: line.startswith("|"), lines[begin:])
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_table_has_the_columns_that_its_readers_look_for() -> None:
    assert rows()[0] == HEAD
    assert len(rows()) > 20


@pytest.mark.parametrize("row", rows()[2:], ids=lambda row: f"{row[0]}: {row[1]}")
def test_every_threat_is_complete_and_proven_by_tests_that_exist(row: list[str]) -> None:
    assert len(row) == len(HEAD)
    assert all(row)
    paths = re.findall(r"`(tests/[^`]+)`", row[HEAD.index("proven by")])
    assert paths
    for path in paths:
        assert "def test_" in (ROOT / path).read_text(), path
