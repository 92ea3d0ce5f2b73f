"""What is generated is written, or compared with what is there: the one way that every generator has to do it."""

import difflib
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


def replace_section(text: str, begin: str, end: str, section: str) -> str:
    """Return the text of a page with what stands between two marks replaced; ValueError if a mark is missing."""
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"the page has no section from {begin.strip()} to {end.strip()}")
    return "".join((before, begin, section, end, after))


def write_or_check(texts: Mapping[Path, str], arguments: list[str]) -> int:
    """Write each text to its file; with `--check` print how the files differ and return 1 if one does."""
    stale = {path: text for path, text in texts.items() if not path.exists() or path.read_text() != text}
    if "--check" not in arguments:
        for path, text in stale.items():
            path.write_text(text)
        return 0
    for path, text in stale.items():
        there = path.read_text().splitlines(True) if path.exists() else []
        name = str(path.relative_to(ROOT))
        sys.stdout.writelines(difflib.unified_diff(there, text.splitlines(True), name, "generated"))
        print(f"{name} is out of date; run make generate", file=sys.stderr)
    return 1 if stale else 0
