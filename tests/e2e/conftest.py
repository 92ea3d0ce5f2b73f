"""One cluster for all end-to-end tests, and traffic that goes on while they do things to it."""

import os
from collections.abc import Iterator

import pytest

from e2e.guide import Guide
from e2e.stage import SUMMARY, Stage, own_stage, users_stage
from e2e.traffic import SYNC, Traffic
from node import Node


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The cluster."""
    if kubeconfig := os.environ.get("E2E_KUBECONFIG"):
        yield users_stage(kubeconfig)
        return
    stage = own_stage(SYNC)
    yield stage
    if stage.node:
        stage.node.stop()


@pytest.fixture
def node(stage: Stage) -> Node:
    """The node, for tests that do things to it; they are not run on a cluster of the user's."""
    assert stage.node
    return stage.node


@pytest.fixture(scope="session")
def guide(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Guide:
    """The page that is followed."""
    return Guide(stage, tmp_path_factory.mktemp("backup"))


@pytest.fixture(scope="session")
def traffic(stage: Stage) -> Traffic:
    """Tokens that are issued and verified from here on."""
    traffic = Traffic(stage)
    traffic.start()
    return traffic


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, and say so, what would do things to a node of the user's."""
    if "E2E_KUBECONFIG" not in os.environ:
        return
    theirs = [item for item in items if item.get_closest_marker("own_node")]
    items[:] = [item for item in items if item not in theirs]
    config.hook.pytest_deselected(items=theirs)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how much was proven."""
    if summary := config.stash.get(SUMMARY, None):
        terminalreporter.write_line(summary)
