"""`make bench`, tiny: all sets rotate at once."""

from pathlib import Path

import pytest

from nightly.bench.test_suite import bench


@pytest.mark.timeout(600)
def test_few_sets_rotate_at_once_while_others_are_revoked(tmp_path: Path) -> None:
    figures = bench(tmp_path, "--only=rotate", "--sets=20")["rotate"]["figures"]
    assert {kind for kind, _ in figures["steps"]} >= {"Bootstrap", "Activate", "Publish", "Destroy"}
    assert figures["wave"]["lateness"]["count"] == 20
    assert figures["revoked"]["count"] >= 1
