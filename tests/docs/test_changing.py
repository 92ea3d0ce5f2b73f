"""docs/changing.md names files that exist, what is in them, and no more of them than a change may touch."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "changing.md").read_text()
MOST = {"An algorithm": 2, "A timing fact": 2, "A request verb": 3, "A cause": 1, "A file format": 2, "A metric": 2}

SECTIONS = {
    title: re.findall(r"^- `([^`]+)`: `([^`]+)`$", text, re.MULTILINE)
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
LISTED = [(title, path, needle) for title, rows in SECTIONS.items() for path, needle in rows]


def test_the_page_has_the_six_changes() -> None:
    assert SECTIONS.keys() == MOST.keys()


@pytest.mark.parametrize("title", MOST)
def test_a_change_touches_few_files(title: str) -> None:
    assert 1 <= len(SECTIONS[title]) <= MOST[title]


@pytest.mark.parametrize(("title", "path", "needle"), LISTED, ids=[f"{title}: {path}" for title, path, _ in LISTED])
def test_each_file_has_what_the_page_names(title: str, path: str, needle: str) -> None:
    file = ROOT / path
    assert needle in file.read_text(), f"{title}: {path}"
