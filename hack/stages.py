"""Runs make targets one after another and says how long each took: `python hack/stages.py lint types ...`.

Stops at the first that fails, with its exit code. Fast ones come first, so that a slip is seen in seconds.
"""

import subprocess
import sys
from time import monotonic


def main(stages: list[str]) -> int:
    """Run the `stages` in order; return 0 or the exit code of the first one that failed."""
    times: list[tuple[str, float]] = []
    code = 0
    for stage in stages:
        print(f"\n=== {stage}", flush=True)
        started = monotonic()
        code = subprocess.run(["make", "--no-print-directory", stage], check=False).returncode
        times.append((stage, monotonic() - started))
        if code:
            break
    print("\n=== times")
    for stage, seconds in times:
        print(f"{stage:<16} {seconds:7.1f} s")
    print(f"{'all':<16} {sum(seconds for _, seconds in times):7.1f} s")
    if code:
        print(f"\n{times[-1][0]} failed; repeat it alone with: make {times[-1][0]}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
