"""`make bench`: run the scenarios, print the report, write it if asked to."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import uvloop

from last_release import find_last_release
from scale import report
from scale.against import measure_against
from scale.create import create_sets
from scale.machine import describe_machine
from scale.many import many_sets
from scale.options import QUICK, Options
from scale.outcome import Outcome
from scale.peer import measure_peers
from scale.rotate import rotate_sets
from scale.rsa import measure_rsa

SCENARIOS: dict[str, Callable[[Options], Coroutine[Any, Any, Outcome]]] = {
    "create": create_sets,
    "rotate": rotate_sets,
    "rsa": measure_rsa,
    "many": many_sets,
    "peer": measure_peers,
}
AGAINST = "against"
"""A scenario that runs alone."""
LAST = "the last release"


def main() -> int:
    """Return 1 if something was found wrong; a goal that is missed is told and no error."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", default=",".join(SCENARIOS), help=f"some of {','.join(SCENARIOS)}")
    parser.add_argument("--quick", action="store_true", help="everything small: a few minutes in all")
    parser.add_argument("--sets", type=int, help="so many sets where there are many")
    parser.add_argument("--idle", type=float, help="seconds of rest")
    parser.add_argument("--write", type=Path, help="directory for performance.md, performance.json and the pictures")
    parser.add_argument("--against", metavar="COMMIT", nargs="?", const=LAST, help="only compare with that operator")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # which ends what was started
    names = given.only.split(",")
    if strange := set(names) - SCENARIOS.keys():
        parser.error(f"there is no scenario {', '.join(sorted(strange))}; there are {', '.join(SCENARIOS)}")
    options = QUICK if given.quick else Options()
    options = options if given.sets is None else options.with_sets(given.sets)
    options = options if given.idle is None else replace(options, idle=given.idle)
    if given.against:
        commit = find_last_release() if given.against == LAST else given.against
        names, options = [AGAINST], replace(options, against=commit)
    document = {
        "machine": describe_machine(),
        "options": asdict(options),
        "scenarios": {name: run(name, options) for name in names},
    }
    if given.write:
        document = _merged(given.write / "performance.json", document)
        report.write_report(document, given.write)
    sys.stdout.write(report.render_page(document))
    return 1 if any(scenario["wrong"] for scenario in document["scenarios"].values()) else 0


def run(name: str, options: Options) -> dict[str, Any]:
    """Run one scenario; return its outcome as plain JSON, and how busy the machine was before and after."""
    begun, before = time.monotonic(), os.getloadavg()[0]
    outcome = asdict(uvloop.run({**SCENARIOS, AGAINST: measure_against}[name](options)))
    return {**outcome, "seconds": round(time.monotonic() - begun), "load": [before, os.getloadavg()[0]]}


def _merged(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Write the figures; scenarios that were not run now keep those of their last run."""
    former = json.loads(path.read_text())["scenarios"] if path.exists() else {}
    together = {name: ({**former, **document["scenarios"]}).get(name) for name in SCENARIOS}
    document = {**document, "scenarios": {name: found for name, found in together.items() if found}}
    path.write_text(json.dumps(document, indent=1) + "\n")
    return document


if __name__ == "__main__":
    sys.exit(main())
