"""A task that the process needs and cannot keep ends the real process: in order, with exit code 1 and the reason."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.chronicle import Chronicle
from cluster.operators import Operator
from cluster.stage import Stage, grant, install, new_namespace, rules
from controlplane import Access

SPEC = {"keys": [{"name": "signing", "algorithm": "ES256"}]}
FAULTY = Path(__file__).with_name("failing_operator.py")
PATIENCE = 120.0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("cancel", "the task resync was cancelled"),
        ("raise", "the task event recorder failed 6 times within 60 s, at last with RuntimeError"),
    ],
)
def test_a_task_that_cannot_be_kept_ends_the_process_with_its_reason(
    control_plane: Access, tmp_path: Path, fault: str, reason: str
) -> None:
    install(control_plane, "crds")
    namespace = new_namespace(control_plane, "task")
    options = (f"--namespace={namespace}", f"--lease-namespace={namespace}", "--leader-elect", "--admin-port=0")
    environ = {**os.environ, "KUBECONFIG": str(grant(control_plane, namespace, rules()))}
    log = tmp_path / "operator.log"
    chronicle = Chronicle(control_plane, namespace)
    stage = Stage(control_plane, namespace, chronicle, Operator(tmp_path, log))
    try:
        stage.create("doomed", SPEC)
        with log.open("wb") as output:
            command = [sys.executable, str(FAULTY), fault, "--log-format=text", *options]
            process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
        try:
            assert process.wait(PATIENCE) == 1
        finally:
            process.kill()
            process.wait()
        printed = stage.operator.printed
        assert f"the process ends: {reason}" in printed
        assert printed.rstrip().endswith(f"Error: {reason}")
        assert "the Lease is released" in printed, "another replica need not wait"
        assert "Traceback" not in printed.rpartition("the process ends")[2]
    finally:
        chronicle.close()
        control_plane.api("DELETE", f"/api/v1/namespaces/{namespace}")
