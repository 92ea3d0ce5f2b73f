"""`python -m observability` writes what is generated; `--check` compares and fails with a difference."""

import difflib
import sys
from pathlib import Path

from observability import dashboard, reference

ROOT = Path(__file__).parents[2]
PAGES = {
    ROOT / "docs" / "metrics.md": reference.render,
    ROOT / "helm" / "jwks-operator" / "files" / "dashboard.json": dashboard.render,
}


def main(arguments: list[str]) -> int:
    """Write or check; return the exit status."""
    status = 0
    for path, render in PAGES.items():
        if "--check" not in arguments:
            path.write_text(render())
        elif (there := path.read_text() if path.exists() else "") != render():
            name = str(path.relative_to(ROOT))
            difference = difflib.unified_diff(there.splitlines(True), render().splitlines(True), name, "generated")
            sys.stdout.writelines(difference)
            print("make: run make generate", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
