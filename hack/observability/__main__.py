"""`python -m observability` writes what is generated; `--check` compares and fails with a difference."""

import sys

from generated import ROOT, write_or_check
from observability import dashboard, reference

PAGES = {
    ROOT / "docs" / "metrics.md": reference.render,
    ROOT / "helm" / "jwks-operator" / "files" / "dashboard.json": dashboard.render,
}

if __name__ == "__main__":
    sys.exit(write_or_check({path: render() for path, render in PAGES.items()}, sys.argv[1:]))
