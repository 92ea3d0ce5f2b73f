"""The page and the plots in docs/ are what the report makes of the figures beside them."""

import json
from pathlib import Path
from typing import Any

import pytest

from scale import report

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def figures() -> Any:
    return json.loads((DOCS / "performance.json").read_text())


def test_the_page_says_what_was_measured(figures: Any) -> None:
    assert (DOCS / "performance.md").read_text() == report.render_page(figures)


def test_the_plots_show_what_was_measured(figures: Any) -> None:
    drawn = report.draw_pictures(figures)
    assert drawn
    assert {name: (DOCS / "img" / name).read_text() for name in drawn} == drawn


def test_no_result_of_the_published_run_was_wrong(figures: Any) -> None:
    assert [what for scenario in figures["scenarios"].values() for what in scenario["wrong"]] == []
