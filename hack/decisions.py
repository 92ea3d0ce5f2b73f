"""Write or check the rules and the transitions in docs/architecture.md: `python -m decisions [--check]`."""

import sys
from collections.abc import Iterator

from generated import ROOT, replace_section, write_or_check
from jwks_operator.core.planner.causes import Cause
from jwks_operator.core.planner.rules import RULES
from jwks_operator.core.transitions.transition_table import TABLE, Row

PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- decisions, generated: make generate -->\n", "<!-- end of decisions -->\n"


def render_page(text: str) -> str:
    """Return the text of the page with both tables as they are now; ValueError if there is no place for them."""
    return replace_section(text, BEGIN, END, "".join((*_rules(), "\n", *_transitions())))


def _rules() -> Iterator[str]:
    yield "| | rule | what it decides |\n|---|---|---|\n"
    for number, rule in enumerate(RULES, start=1):
        yield f"| {number} | `{rule.__name__}` | {' '.join((rule.__doc__ or '').split())} |\n"


def _transitions() -> Iterator[str]:
    yield "| | transition | from → to | causes | held by | Event |\n|---|---|---|---|---|---|\n"
    for number, row in enumerate(TABLE, start=1):
        causes = ", ".join(cause.value for cause in Cause if row.transition in cause.starts)
        holds = ", ".join(sorted(hold.value for hold in row.held_by))
        event = "" if row.event is None else row.event.value
        yield f"| {number} | `{row.transition.value}` | {_moves(row)} | {causes} | {holds} | {event} |\n"


def _moves(row: Row) -> str:
    return ", ".join(f"{'new' if source is None else source.value} → {target.value}" for source, target in row.moves)


if __name__ == "__main__":
    sys.exit(write_or_check({PAGE: render_page(PAGE.read_text())}, sys.argv[1:]))
