"""The fixtures of tests/control_plane.py, in a session of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_workers_of_one_session_share_one_control_plane_that_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "test_sharing.py").write_text(
        "import pathlib, pytest\n"
        "@pytest.mark.parametrize('row', range(4))\n"
        "def test_sees(control_plane, namespace, row):\n"
        "    pathlib.Path(__file__).with_name(f'{namespace}.seen').write_text(str(control_plane.directory))\n"
    )
    command = [sys.executable, "-m", "pytest", "-n", "2", "-p", "control_plane", "-p", "no:cacheprovider"]
    options = ["--rootdir", str(tmp_path), str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'hack'}:{ROOT / 'tests'}"}
    done = subprocess.run([*command, *options], env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    seen = [file.read_text() for file in tmp_path.glob("*.seen")]
    assert len(seen) == 4
    assert len(set(seen)) == 1
    assert not Path(seen[0]).exists()
