"""One stage for each module, on the session's control plane."""

from collections.abc import Iterator

import pytest

from cluster.stage import Stage, install, open_stage
from controlplane import Access


@pytest.fixture(scope="session")
def crds(control_plane: Access) -> None:
    """Once for each worker: kubectl takes its time."""
    install(control_plane, "crds")


@pytest.fixture(scope="module")
def stage(
    control_plane: Access, crds: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """The module's namespace and operator; the module's OPTIONS go onto the command line."""
    title = request.module.__name__.rpartition(".")[2].replace("test_", "")
    options: tuple[str, ...] = getattr(request.module, "OPTIONS", ())
    with open_stage(control_plane, tmp_path_factory.mktemp(title), title, *options) as stage:
        yield stage
