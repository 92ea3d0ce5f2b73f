"""Runs make targets and says how long each took: `python hack/stages.py lint+types unit`.

Targets with a plus between them run beside each other, and the output of each is shown when it has ended; the others
run one after another. Stops where one fails, with its exit code. Fast ones come first: a slip is seen in seconds.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import NamedTuple


class Ended(NamedTuple):
    """A stage that has ended, after so many seconds."""

    name: str
    code: int
    seconds: float


def run_alone(stage: str) -> Ended:
    """Run a stage whose output is shown as it comes."""
    print(f"\n=== {stage}", flush=True)
    started = monotonic()
    code = subprocess.run(["make", "--no-print-directory", stage], check=False).returncode
    return Ended(stage, code, monotonic() - started)


def run_aside(stage: str) -> Ended:
    """Run a stage whose output is shown as a whole when it has ended."""
    started = monotonic()
    command = ["make", "--no-print-directory", stage]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(f"\n=== {stage}\n{done.stdout}", end="", flush=True)
    return Ended(stage, done.returncode, monotonic() - started)


def run_group(group: str) -> list[Ended]:
    """Run the stages of a group beside each other."""
    names = group.split("+")
    if len(names) == 1:
        return [run_alone(group)]
    print(f"\n=== {', '.join(names)} beside each other", flush=True)
    with ThreadPoolExecutor(len(names)) as threads:
        return list(threads.map(run_aside, names))


def main(groups: list[str]) -> int:
    """Run the `groups` in order; return 0 or the exit code of the first stage that failed."""
    began = monotonic()
    ended: list[Ended] = []
    failed: list[Ended] = []
    for group in groups:
        ended += run_group(group)
        if failed := [stage for stage in ended if stage.code]:
            break
    print("\n=== times")
    for stage in ended:
        print(f"{stage.name:<16} {stage.seconds:7.1f} s")
    print(f"{'all':<16} {monotonic() - began:7.1f} s")
    for stage in failed:
        print(f"\n{stage.name} failed; repeat it alone with: make {stage.name}")
    return failed[0].code if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
