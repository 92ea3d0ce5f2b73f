"""The node keeps to itself, and leaves nothing behind however its owner ends."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from e2e.stage import ROOT, Stage
from node import Node

pytestmark = [pytest.mark.own_node, pytest.mark.timeout(300)]

HACK = ROOT / "hack"
OWNER = "from node import Node; import time; node = Node.start(); print(node.layout.name, flush=True); time.sleep(600)"


def test_a_second_node_runs_beside_the_first_and_goes_with_its_killed_owner(stage: Stage, node: Node) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], env={**os.environ, "PYTHONPATH": str(HACK)}, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    second = owner.stdout.readline().strip()
    assert second
    assert second not in stage.kubectl("get", "nodes")
    assert traces(second)
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    end = time.monotonic() + 60
    while traces(second) and time.monotonic() < end:
        time.sleep(0.2)
    assert not traces(second)
    assert traces(node.layout.name)


def traces(name: str) -> list[str]:
    """Where a node can be found: processes, directory, cgroups."""
    cgroups = Path("/sys/fs/cgroup")
    places = [Path(tempfile.gettempdir(), name), cgroups / name, *(tree / name for tree in cgroups.iterdir())]
    found = [str(place) for place in places if place.exists()]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if name in process.read_text():
                found.append(str(process))
        except OSError:
            continue  # it has ended
    return found
