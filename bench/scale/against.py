"""Creation by this operator beside that of another commit, in alternating runs on fresh control planes.

Figures of different machines cannot be compared, and those of one machine only if both were measured at one time. So
both are measured here, and the best run of each counts: other work on the machine can only make a run worse.
"""

import asyncio
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from scale.create import Made, describe_made, make_operated
from scale.generator import set_spec
from scale.options import Options
from scale.outcome import Outcome
from scale.site import open_site

ROOT = Path(__file__).parents[2]
WORST = 1.15
"""How much more than the other commit this one may cost."""


async def measure_against(options: Options) -> Outcome:
    """Measure CPU and time of created sets; CPU of more than `WORST` times that of the other commit is wrong."""
    outcome, size = Outcome(), options.create[0]
    runs: dict[str, list[Made]] = {"this": [], options.against: []}
    with tempfile.TemporaryDirectory(prefix="jwks-operator-against-") as directory:
        await asyncio.to_thread(export_tree, options.against, Path(directory))
        trees = {"this": ROOT, options.against: Path(directory)}
        for number in range(options.rounds):
            for by in list(runs)[:: 1 if number % 2 == 0 else -1]:
                async with open_site(options.workers, trees[by] / "crds") as place:
                    tree = trees[by] / "operator"
                    runs[by].append(await make_operated(place, size, set_spec(), outcome, tree))
                sys.stderr.write(f"{by}: {describe_made(runs[by][-1])}\n")
    judge_runs(outcome, runs["this"], runs[options.against], options.against)
    return outcome


def export_tree(commit: str, directory: Path) -> None:
    """Write the operator of a commit and its CRD into a directory."""
    command = ["git", "archive", commit, "operator", "crds"]
    packed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as tar:
        tar.extractall(directory, filter="data")


def judge_runs(outcome: Outcome, ours: Sequence[Made], theirs: Sequence[Made], commit: str) -> None:
    """Compare the best runs of both: CPU of more than `WORST` times is wrong; the machine's time is only reported."""
    costs, before = ([made.cpu["operator"] / made.sets * 1000 for made in runs] for runs in (ours, theirs))
    outcome.figures |= {"cpu_ms": costs, "cpu_ms_before": before}
    label = f"CPU of the operator to create a set, beside {commit}"
    ratio = min(costs) / min(before)
    outcome.at_most(label, ratio, WORST)
    if ratio > WORST:
        outcome.wrong.append(f"{label}: {ratio:.2f} times")
    slower = min(made.seconds for made in ours) / min(made.seconds for made in theirs)
    outcome.tell(f"time to create {ours[0].sets} sets, beside {commit}", f"{slower:.2f}")
