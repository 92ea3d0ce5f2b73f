"""Alerts, dashboard and documents ask for metrics that exist, and say what they should."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gotools.tools import find_tool
from jwks_operator.metrics.catalog import CATALOG
from metrics.crowd import look, metrics_of
from metrics.scrape import Scrape
from metrics.test_page import GAUGES
from observability import dashboard, reference

ROOT = Path(__file__).parents[2]
FILES = ROOT / "helm" / "jwks-operator" / "files"
ALERTS = FILES / "alerts.yaml"
CASES = Path(__file__).with_name("alerts.test.yaml")
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
NAMES = [rule["alert"] for rule in RULES]
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()
METRIC = re.compile(r"\b(?:jwks_operator|jwks_server|process)_[a-z_]+\b")


def promtool(*arguments: str, text: str | None = None) -> str:
    done = subprocess.run(
        [find_tool("promtool"), *arguments], input=text, cwd=CASES.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def panels() -> Iterator[dict[str, Any]]:
    yield from json.loads((FILES / "dashboard.json").read_text())["panels"]


@pytest.fixture
async def page() -> Scrape:
    """A page on which every histogram has its buckets."""
    metrics = metrics_of(3, await look())
    metrics.set_process_gauges(GAUGES)
    metrics.count_request("get", "secrets", "200", 0.01)
    return Scrape(metrics.render_page().decode())


def test_every_alert_fires_when_it_should_and_not_before() -> None:
    assert "SUCCESS" in promtool("test", "rules", CASES.name)


def test_every_alert_is_seen_firing() -> None:
    expected = CASES.read_text()
    for name in NAMES:
        assert f"alertname: {name}" in expected or f'alertname="{name}"' in expected, name


def test_the_alerts_are_rules_without_a_slip() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(ALERTS))


async def test_the_page_is_as_prometheus_wants_it(page: Scrape) -> None:
    assert promtool("check", "metrics", text=page.page) == ""


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_says_what_is_wrong_and_where_help_is(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{rule['alert'].lower()}"
    assert f"\n## {rule['alert']}\n" in RUNBOOKS


def test_every_runbook_belongs_to_an_alert() -> None:
    assert re.findall(r"^## (\S+)$", RUNBOOKS, re.MULTILINE) == NAMES


async def test_whatever_is_asked_for_is_exposed(page: Scrape) -> None:
    exposed = page.names() | Scrape(reference.sample_server_page()).names() | {family.full_name for family in CATALOG}
    asked = [rule["expr"] for rule in RULES] + list(dashboard.all_queries()) + list(reference.QUERIES.values())
    assert {name for query in asked for name in METRIC.findall(query)} <= exposed


def test_everything_exposed_is_shown_or_watched() -> None:
    asked = " ".join([rule["expr"] for rule in RULES] + list(dashboard.all_queries()))
    assert [family.name for family in CATALOG if family.full_name not in asked] == []


def test_every_query_of_dashboard_and_documents_is_promql(tmp_path: Path) -> None:
    queries = [
        *dashboard.all_queries(),
        *reference.QUERIES.values(),
        *re.findall(r"^    (\S.*)$", RUNBOOKS, re.MULTILINE),
    ]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", str(file))


def test_panels_have_a_place_and_a_number_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(x + place["x"], y + place["y"]) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= dashboard.WIDTH
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers)


def test_every_panel_asks_the_chosen_data_source_and_says_what_it_shows() -> None:
    for panel in panels():
        if panel["type"] == "row":
            continue
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["targets"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
