"""`python -m helmchart` writes what is generated in the chart, `--check` tells whether it is up to date."""

import sys
from pathlib import Path

from helmchart.values import rows, table

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "jwks-operator"
CRD = ROOT / "crds" / "jsonwebkeysets.jwks-operator.dev.yaml"
BEGIN = "<!-- generated from values.yaml, do not edit: make generate -->"
END = "<!-- end of what is generated -->"


def generated() -> dict[Path, str]:
    """Return each file with its content as it should be."""
    readme = (CHART / "README.md").read_text()
    before, _, rest = readme.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"helm/jwks-operator/README.md lacks the line {BEGIN} or {END}")
    values = table(rows((CHART / "values.yaml").read_text()))
    return {
        CHART / "README.md": f"{before}{BEGIN}\n\n{values}\n{END}{after}",
        CHART / "files" / "crd.yaml": CRD.read_text(),
    }


def main(arguments: list[str]) -> int:
    """Write or, with --check, compare; return the exit status."""
    stale = {path: text for path, text in generated().items() if not path.exists() or path.read_text() != text}
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run make generate", file=sys.stderr)
        return bool(stale)
    for path, text in stale.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
