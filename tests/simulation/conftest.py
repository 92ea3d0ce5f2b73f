"""No event loop runs here, so nothing can be handed to a thread: it is done at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest


async def _at_once(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "to_thread", _at_once)
