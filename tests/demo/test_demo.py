"""`make demo DEMO_ARGS=--once`, as the README promises it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.cluster
@pytest.mark.timeout(900)  # a first run builds the control plane
def test_three_rotations_and_not_one_failed_token() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--once"], cwd=ROOT / "hack", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = re.search(r"^(\d+) full rotations, (\d+) tokens, (\d+) verifications, 0 failures", done.stdout, re.M)
    assert summary, done.stdout
    rotations, tokens, verifications = map(int, summary.groups())
    assert rotations >= 3
    assert verifications > tokens > 50
