"""Write or check the table of lead and retention in docs/rotation.md: `python -m waits [--check]`."""

import sys

from generated import ROOT, replace_section, write_or_check
from jwks_operator.api.defaults import LEAD_TERMS, RETENTION_TERMS, sum_of
from jwks_operator.keys.algorithms import KeyClass

PAGE = ROOT / "docs" / "rotation.md"
BEGIN, END = "<!-- waits, generated: make generate -->\n", "<!-- end of waits -->\n"


def render_page(text: str) -> str:
    """Return the text of the page with the table as it is now; ValueError if there is no place for it."""
    rows = [f"| {kind} | {sum_of(LEAD_TERMS[kind])} | {sum_of(RETENTION_TERMS[kind])} |\n" for kind in KeyClass]
    return replace_section(text, BEGIN, END, "".join(("| class | lead | retention |\n|---|---|---|\n", *rows)))


if __name__ == "__main__":
    sys.exit(write_or_check({PAGE: render_page(PAGE.read_text())}, sys.argv[1:]))
