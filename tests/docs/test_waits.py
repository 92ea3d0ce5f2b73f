"""Lead and retention are told from one table: no page and no module has a sum of facts of its own."""

import re
from itertools import chain
from pathlib import Path

from jwks_operator.api.defaults import DEFAULTS, LEAD_TERMS, RESTART, RETENTION_TERMS
from jwks_operator.core.model.policy import FACTS
from jwks_operator.keys.algorithms import KeyClass

ROOT = Path(__file__).parents[2]
MADE = re.compile("<!-- waits, generated.*?<!-- end of waits -->", re.DOTALL)
SUM = re.compile(r"\b(propagation|verifierRefresh|tokenLifetime|cacheMaxAge|staleWindow) \+")


def test_no_sum_of_facts_is_written_by_hand() -> None:
    pages = (path for path in (ROOT / "docs").rglob("*.md") if path.name != "reference.md")
    texts = {path: path.read_text() for path in chain(pages, (ROOT / "operator").rglob("*.py"))}
    assert [str(path.relative_to(ROOT)) for path, text in texts.items() if SUM.search(MADE.sub("", text))] == []
    assert SUM.search((ROOT / "docs" / "rotation.md").read_text())


def test_every_term_is_a_fact_that_has_a_type_and_a_default() -> None:
    assert {*FACTS} == {*DEFAULTS, RESTART, "excess"}
    assert {*chain(*LEAD_TERMS.values(), *RETENTION_TERMS.values())} == {*DEFAULTS, RESTART}


def test_the_page_about_restarts_says_which_waits_they_lengthen() -> None:
    rows = re.findall(r"^\| (\w+) .*\| ([a-z ]+) \|$", (ROOT / "docs" / "restarts.md").read_text(), re.MULTILINE)
    waits = {"lead": LEAD_TERMS, "retention": RETENTION_TERMS}
    for kind in KeyClass:
        told = " and ".join(name for name, table in waits.items() if RESTART in table[kind])
        assert (kind.value, told) in rows
