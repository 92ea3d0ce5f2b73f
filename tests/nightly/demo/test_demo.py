"""`make demo DEMO_ARGS=--once`, as the README promises it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane import ControlPlane

ROOT = Path(__file__).parents[3]


def demo(**environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "demo", "--once"],
        cwd=ROOT / "hack",
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def judge(done: "subprocess.CompletedProcess[str]") -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    summary = re.search(r"^(\d+) full rotations, (\d+) tokens, (\d+) verifications, 0 failures", done.stdout, re.M)
    assert summary, done.stdout
    rotations, tokens, verifications = map(int, summary.groups())
    assert rotations >= 3
    assert verifications > tokens > 50


@pytest.mark.timeout(900)  # a first run builds the control plane
def test_three_rotations_and_not_one_failed_token() -> None:
    done = demo()
    judge(done)
    assert "demo: what happens now, and how long it takes" in done.stdout


@pytest.mark.timeout(300)
def test_a_cluster_of_the_users_is_left_as_it_was_found() -> None:
    with ControlPlane.start() as plane:
        environ = {**plane.environ(), "DEMO_KUBECONFIG": str(plane.kubeconfig)}
        judge(demo(**environ))
        left = plane.kubectl("get", "crd,namespaces", "--output=name").stdout
        assert "jwks" not in left
        plane.kubectl("apply", "--server-side", f"--filename={ROOT / 'crds'}")
        refused = demo(**environ)
        assert refused.returncode == 1
        assert "an operator may look after it" in refused.stderr
