"""The stages of `make test` and `make nightly` are folders: a test runs in one of them because of where it is."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FOLDERS = sorted(path.name for path in TESTS.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))
WITH_CONTROL_PLANE = {"cluster", "nightly", "e2e"}
STARTING = ("control_plane: Access", "control_plane: Any", "ControlPlane.start(")


@pytest.mark.parametrize("folder", [name for name in FOLDERS if name not in WITH_CONTROL_PLANE])
def test_what_needs_a_control_plane_is_where_make_unit_does_not_look(folder: str) -> None:
    files = [path for path in (TESTS / folder).rglob("test_*.py") if path != Path(__file__)]
    assert [path.name for path in files if any(word in path.read_text() for word in STARTING)] == []
