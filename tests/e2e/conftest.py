"""One cluster for all end-to-end tests, and traffic that goes on while they do things to it."""

import os
from collections.abc import Generator, Iterator

import pytest

from e2e.guide import Guide
from e2e.stage import SUMMARY, Stage, own_stage, users_stage
from e2e.traffic import SYNC, Traffic
from node import Node

STAGE = pytest.StashKey[Stage]()
"""The node while it lives, for those who ask what went wrong."""


@pytest.fixture(scope="session")
def stage(pytestconfig: pytest.Config) -> Iterator[Stage]:
    """The cluster."""
    if kubeconfig := os.environ.get("E2E_KUBECONFIG"):
        yield users_stage(kubeconfig)  # stays, to be looked at
        return
    stage = own_stage(SYNC)
    pytestconfig.stash[STAGE] = stage
    yield stage
    del pytestconfig.stash[STAGE]
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
    if not os.environ.get("E2E_KUBECONFIG"):
        return
    theirs = [item for item in items if item.get_closest_marker("own_node")]
    items[:] = [item for item in items if item not in theirs]
    config.hook.pytest_deselected(items=theirs)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the cluster beside a failure; the node is gone when somebody reads it."""
    report = yield
    stage = item.config.stash.get(STAGE, None)
    if report.failed and stage:
        report.sections.append(("the cluster", stage.picture()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how much was proven."""
    if summary := config.stash.get(SUMMARY, None):
        terminalreporter.write_line(summary)
