"""No event loop runs here, so nothing can be handed to a thread: it is done at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from simulation.promise import SPANS_JUDGED


async def _at_once(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "to_thread", _at_once)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was judged."""
    if SPANS_JUDGED:
        told = f"{sum(SPANS_JUDGED):,} simulated use x check spans in {len(SPANS_JUDGED):,} histories"
        terminalreporter.write_line(told)
