"""`python -m helmchart` writes what is generated in the chart, `--check` tells whether it is up to date."""

import json
import sys
from pathlib import Path

from generated import ROOT, replace_section, write_or_check
from helmchart.values import read_rows, render_table

CHART = ROOT / "helm" / "jwks-operator"
CRD = ROOT / "crds" / "jsonwebkeysets.jwks-operator.dev.yaml"
BEGIN = "<!-- generated from values.yaml, do not edit: make generate -->"
END = "<!-- end of what is generated -->"


def generate_files() -> dict[Path, str]:
    """Return each file with its content as it should be."""
    readme = (CHART / "README.md").read_text()
    values = render_table(
        read_rows((CHART / "values.yaml").read_text()), json.loads((CHART / "values.schema.json").read_text())
    )
    return {
        CHART / "README.md": replace_section(readme, BEGIN, END, f"\n\n{values}\n"),
        CHART / "files" / "crd.yaml": CRD.read_text(),
    }


if __name__ == "__main__":
    sys.exit(write_or_check(generate_files(), sys.argv[1:]))
