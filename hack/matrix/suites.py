"""Runs the suites on one set of binaries, and reads from pytest's report what came of it."""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controlplane.errors import ControlPlaneError
from generated import ROOT
from matrix.record import Counts

SUITES = {
    "admission": ("api",),
    "chart": ("chart", "release"),
    "cluster": (
        "cluster",
        "conformance",
        "docs",
        "examples",
        "frame",
        "ha",
        "kube",
        "plugin",
        "publish",
        "serve",
        "statuspage",
    ),
}
"""Suites by name: folders of tests, of which those run that need an API server."""
LACKS = "not served: "
"""How the reason of a skipped test begins when the API server lacks what it is about."""


@dataclass(frozen=True)
class Case:
    """One test: its name, its suite, how it ended, seconds, and why it was skipped."""

    name: str
    suite: str
    outcome: str
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """What came of a run; `repeated` are the tests that passed at the second try only."""

    suites: dict[str, Counts]
    lacks: tuple[str, ...]
    repeated: tuple[str, ...]


def run_suites(assets: Path, names: Iterable[str], jobs: int) -> Report:
    """Run these suites on the binaries in `assets` with `jobs` processes; repeat what failed once, alone."""
    folders = [ROOT / "tests" / folder for name in names for folder in SUITES[name]]
    with tempfile.TemporaryDirectory(prefix="matrix-") as directory:
        scratch = Path(directory)
        parallel = [f"-n{jobs}", "--dist=loadfile"]
        first = _run_pytest(assets, scratch, [*parallel, *map(str, folders)])
        if not any(each.outcome == "failed" for each in first):
            return summarise_cases(first, [])
        return summarise_cases(first, _run_pytest(assets, scratch, ["-n0", "--last-failed", *map(str, folders)]))


def _run_pytest(assets: Path, scratch: Path, arguments: list[str]) -> list[Case]:
    report = scratch / "report.xml"
    marks = ["-m", "cluster and not soak and not e2e"]
    options = [f"--junitxml={report}", "-q", f"--override-ini=cache_dir={scratch / 'cache'}"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *marks, *options, *arguments],
        cwd=ROOT,
        env={**os.environ, "KUBEBUILDER_ASSETS": str(assets)},
        check=False,  # what failed is in the report
    )
    if not report.exists():
        raise ControlPlaneError("pytest ended without a report; what it printed says why")
    return read_report(report.read_text())


def read_report(text: str) -> list[Case]:
    """Read the tests of a JUnit report, as pytest writes it."""
    suites = {folder: name for name, folders in SUITES.items() for folder in folders}
    found = []
    for each in ET.fromstring(text).iter("testcase"):  # noqa: S314  pytest's own report
        skipped = each.find("skipped")
        bad = each.find("failure") is not None or each.find("error") is not None
        found.append(
            Case(
                name=f"{each.attrib['classname']}::{each.attrib['name']}",
                suite=suites[each.attrib["classname"].split(".")[1]],
                outcome="failed" if bad else "passed" if skipped is None else "skipped",
                seconds=float(each.attrib["time"]),
                reason="" if skipped is None else skipped.attrib.get("message", ""),
            )
        )
    return found


def summarise_cases(first: Iterable[Case], again: Iterable[Case]) -> Report:
    """Count the tests of a run. `again` are those that failed in it, repeated: their second outcome counts."""
    second = {each.name: each for each in again}
    last = [second.get(each.name, each) for each in first]
    outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    seconds: Counter[str] = Counter()
    for each in last:
        outcomes[each.suite][each.outcome] += 1
        seconds[each.suite] += int(each.seconds * 1000)
    return Report(
        suites={
            name: Counts(found["passed"], found["failed"], found["skipped"], seconds[name] // 1000)
            for name, found in sorted(outcomes.items())
        },
        lacks=tuple(sorted({each.reason.removeprefix(LACKS) for each in last if each.reason.startswith(LACKS)})),
        repeated=tuple(sorted(each.name for each in second.values() if each.outcome == "passed")),
    )
