"""The demo needs nothing that `make setup` and Go do not bring."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_knows_no_helm() -> None:
    program = "import sys, demo.__main__; sys.exit(bool({'gotools', 'helmchart', 'manifests'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT / "hack", check=False).returncode == 0
