"""What the documents claim about Kubernetes versions, made from the record."""

import re
from collections.abc import Sequence
from pathlib import Path

from generated import ROOT, replace_section
from matrix.record import Counts, Row
from matrix.suites import SUITES

PAGE = ROOT / "docs" / "kubernetes-versions.md"
CHART = ROOT / "helm" / "jwks-operator" / "Chart.yaml"
BEGIN, END = "<!-- kubernetes versions, generated: make generate -->\n", "<!-- end of kubernetes versions -->\n"
CLAIMS = {
    ROOT / "README.md": "docs/kubernetes-versions.md",
    ROOT / "docs" / "operations.md": "kubernetes-versions.md",
    ROOT / "helm" / "jwks-operator" / "README.md": "../../docs/kubernetes-versions.md",
}
"""Pages with a place for the claim, and how each links to PAGE."""

HEAD = """\
# Kubernetes versions

<!-- generated from kubernetes-versions.json, do not edit: make generate -->

What ran, on which API server, when. Each row is one run of all tests that need an API server (admission of sets, the
chart and the release's files, the operator itself), on kube-apiserver, kube-controller-manager and etcd built from that
release's own Go modules. README and docs claim these versions and no others. Pods do not run here; `make e2e` runs them
on a node of the default version.

"""
TAIL = """
- *Left out*: tests of what that API server does not serve. `MutatingAdmissionPolicy` is the sidecar that a label
  brings; [examples/issuer.yaml](../examples/issuer.yaml) is the same by hand. `selectableFields` are what
  `kubectl get jwks --field-selector` can ask for.
- *Repeated*: failed beside other tests, passed when repeated alone.

`make matrix K8S=1.30.14,1.37.2` builds and tests any release (about six minutes of building for each, once);
`MATRIX_ARGS=--write` writes the table. The workflow `versions` does so every week.
"""


def read_floor() -> str:
    """Return the oldest minor version that the chart installs on, for instance "1.30"."""
    found = re.search(r'^kubeVersion: ">=(\d+\.\d+)\.0-0"$', CHART.read_text(), re.MULTILINE)
    if not found:
        raise ValueError(f"{CHART.name} names no oldest Kubernetes version")
    return found[1]


def list_passed(rows: Sequence[Row]) -> str:
    """Return the versions on which everything passed, oldest first, for a sentence."""
    passed = sorted((each for each in rows if each.passed), key=lambda row: row.number)
    return ", ".join(each.kubernetes for each in passed) or "none at the moment"


def render_claim(rows: Sequence[Row], link: str) -> str:
    """Return the sentence that a page makes about versions."""
    return f"Kubernetes {read_floor()} or newer; [tested on]({link}) {list_passed(rows)}.\n"


def render_floor(rows: Sequence[Row]) -> str:
    """Return what is to be said about the oldest version, and whether it was tested."""
    floor = read_floor()
    needs = f"The chart installs on {floor} or newer, because its objects need what {floor} serves"
    if floor in {each.minor for each in rows if each.passed}:
        return f"\n{needs}.\n"
    return f"\n{needs}. **No run on {floor} is in the table yet**; tested: {list_passed(rows)}.\n"


def render_table(rows: Sequence[Row]) -> str:
    """Return the table of versions and suites."""
    lines = [f"| Kubernetes | etcd | run on | {' | '.join(SUITES)} | left out | repeated |", "|---" * 8 + "|"]
    for each in rows:
        suites = " | ".join(_counts(each.suites.get(name)) for name in SUITES)
        lacks = ", ".join(f"`{name}`" for name in each.lacks) or "–"
        lines.append(
            f"| {each.kubernetes} | {each.etcd} | {each.date} | {suites} | {lacks} | {len(each.repeated) or '–'} |"
        )
    return "\n".join(lines) + "\n"


def _counts(found: Counts | None) -> str:
    if found is None:
        return "not run"
    failed = f", **{found.failed} failed**" if found.failed else ""
    skipped = f", {found.skipped} skipped" if found.skipped else ""
    return f"{found.passed} passed{failed}{skipped}"


def render_pages(rows: Sequence[Row]) -> dict[Path, str]:
    """Return every file with something of the record in it, as it should be."""
    texts = {PAGE: HEAD + render_table(rows) + render_floor(rows) + TAIL}
    for path, link in CLAIMS.items():
        texts[path] = replace_section(path.read_text(), BEGIN, END, render_claim(rows, link))
    return texts
