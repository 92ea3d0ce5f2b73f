"""A stage for each test: each has a set `accounts`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.stage import Stage, install, open_stage
from controlplane import Access


@pytest.fixture
def stage(control_plane: Access, tmp_path: Path) -> Iterator[Stage]:
    """A namespace with an operator."""
    install(control_plane, "crds")
    with open_stage(control_plane, tmp_path, "accounts") as stage:
        yield stage
