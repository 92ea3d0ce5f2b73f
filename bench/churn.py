"""Many sets under churn through a fault-injecting proxy, for any time: `make churn` (CHURN_MINUTES=20).

Starts a control plane, lives tests/soak/churn.py on it, prints the page and writes it if asked to. Ends with 1 if
anything does not hold. `--again` only writes the page again from the figures that are there.
"""

import argparse
import json
import logging
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import churn_report
from cluster.stage import install
from controlplane import ControlPlane
from soak.churn import Lived, Plan, live
from soak.crowd import DELAY
from soak.health import slope
from soak.verdicts import bytes_for_each_rotation, verdicts, warm

SETS = 150
EVERY = (120, 150, 180)
ACT, SAMPLE, TROUBLE = 1.5, 4.0, 10.0


def make_document(lived: Lived, load: Sequence[float]) -> dict[str, Any]:
    """Return everything that was measured and the conditions, as plain JSON."""
    samples = warm(lived)
    times = [sample.second for sample in samples]
    cores = len(os.sched_getaffinity(0))
    return {
        "machine": f"{cores} cores, {platform.machine()}, Python {platform.python_version()}",
        "load": list(load),
        "plan": asdict(lived.plan),
        "delay": DELAY,
        "verdicts": [asdict(verdict) for verdict in verdicts(lived)],
        "rss_mb_per_hour": slope(times, [sample.rss_mb for sample in samples]) * 3600,
        "rss_bytes_per_rotation": bytes_for_each_rotation(samples),
        "cpu_share": slope(times, [sample.cpu for sample in samples]),
        "troubles": dict(lived.troubles),
        "did": lived.did,
        "took": {what: _spread(seconds) for what, seconds in lived.took.items()},
        "activations_judged": lived.activations,
        "private_texts_looked_for": lived.private_texts,
        "objections": lived.objections,
        "before": asdict(lived.before),
        "after": None if lived.after is None else asdict(lived.after),
        "samples": [asdict(sample) for sample in lived.samples],
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {"times": len(ordered), "median": statistics.median(ordered), "p99": p99, "most": ordered[-1]}


def measure(minutes: float, sets: int, seed: int) -> dict[str, Any]:
    """Live so long and return the figures."""
    every = tuple(max(6, round(each * min(1.0, minutes / 5))) for each in EVERY)
    plan = Plan(seed, minutes * 60, sets, every, ACT, SAMPLE, TROUBLE)
    with ControlPlane.start() as plane, tempfile.TemporaryDirectory() as directory:
        install(plane, "crds")
        lived = live(plane, Path(directory), plan)
    return make_document(lived, os.getloadavg())


def main() -> int:
    """Run, print the page and write it if asked to; return 1 if something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--sets", type=int, default=SETS)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)), help="default: by chance")
    parser.add_argument("--write", type=Path, help="directory for endurance.md, endurance.json and img/endurance.svg")
    parser.add_argument("--again", action="store_true", help="measure nothing: take endurance.json out of --write")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    if options.again:
        result = json.loads((options.write / "endurance.json").read_text())
    else:
        result = measure(options.minutes, options.sets, options.seed)
    if options.write:
        (options.write / "endurance.json").write_text(churn_report.dump(result))
        (options.write / "endurance.md").write_text(churn_report.render_page(result))
        (options.write / "img" / "endurance.svg").write_text(churn_report.draw_picture(result))
    sys.stdout.write(churn_report.render_page(result))
    sys.stdout.writelines(f"{objection}\n" for objection in result["objections"])
    return 0 if all(verdict["holds"] for verdict in result["verdicts"]) else 1


if __name__ == "__main__":
    sys.exit(main())
