"""`make bench`, tiny, on a real control plane: it runs to its end, verifies what it made and writes its report."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def bench(directory: Path, *options: str) -> dict[str, Any]:
    """Run it with few sets; return what it wrote."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / each) for each in ("hack", "bench"))}
    command = [sys.executable, "-m", "scale", "--quick", f"--write={directory}", *options]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (directory / "performance.md").read_text() == done.stdout
    scenarios: dict[str, Any] = json.loads((directory / "performance.json").read_text())["scenarios"]
    assert [what for scenario in scenarios.values() for what in scenario["wrong"]] == []
    return scenarios


@pytest.mark.timeout(300)
def test_few_sets_are_created_started_rested_and_handed_over(tmp_path: Path) -> None:
    found = bench(tmp_path, "--only=create,rsa,many", "--sets=20", "--idle=4")
    assert dict(found["create"]["figures"]["steps"])["Bootstrap"] <= 5
    (made,) = found["create"]["figures"]["20"]["operator"]
    assert made["writes"] == found["create"]["figures"]["steps"][0][1] * 20
    assert found["create"]["figures"]["reads"] <= 6
    many = found["many"]["figures"]
    assert [start["writes"] for start in many["growth"]["starts"]] == [0, 0, 0]
    assert many["idle"]["resyncs"] >= 1
    assert many["idle"]["writes"] == 0
    assert many["idle"]["write_requests_served"] == {}
    assert many["churn"]["came_back"]["count"] == many["churn"]["edited"]["count"] >= 5
    assert len(many["handover"]["times"]) == 1
    assert {path.name for path in (tmp_path / "img").iterdir()} == {
        "performance-cpu.svg",
        "performance-memory.svg",
        "performance-lists.svg",
    }
