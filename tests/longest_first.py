"""With `--dist loadfile`, the files that took longest the last time begin first, so that none is left alone at the end.

The seconds of each file are kept in pytest's cache. The main process reads them once and hands them to its workers,
which all have to put the files into the same order.
"""

from collections import defaultdict
from typing import Any

import pytest

KEY = "seconds/of-files"


class LongestFirst:
    """What each file took, from the runs before and in this one."""

    def __init__(self, before: dict[str, float]) -> None:
        self._before = before
        self._now: defaultdict[str, float] = defaultdict(float)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: -self._before.get(_file(item.nodeid), 0.0))  # stable: a file's tests stay in order

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._now[_file(report.nodeid)] += report.duration


class MainProcess(LongestFirst):
    """Keeps the times, and gives the workers those of before."""

    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[KEY] = self._before

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        cache = session.config.cache
        if cache is not None:
            cache.set(KEY, cache.get(KEY, {}) | self._now)


def pytest_configure(config: pytest.Config) -> None:
    """Take part only where files are handed out whole, and xdist is told not to sort them itself."""
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(LongestFirst(config.workerinput.get(KEY, {})))
    elif config.getoption("dist", "no") == "loadfile" and config.cache is not None:
        config.option.loadscopereorder = False
        config.pluginmanager.register(MainProcess(config.cache.get(KEY, {})))


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
