"""Write or check the reference: `python -m reference [--check]`."""

import sys
from pathlib import Path

from reference.page import page

FILE = Path(__file__).parents[2] / "docs" / "reference.md"


def main(arguments: list[str]) -> int:
    """Return 0, or 1 if `--check` found another text than the schema gives."""
    text = page()
    if "--check" not in arguments:
        FILE.write_text(text)
    elif not FILE.exists() or FILE.read_text() != text:
        print("docs/reference.md is out of date; run make generate", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
