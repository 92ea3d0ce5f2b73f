"""An event loop whose time is made up: sleeping costs nothing, and a test of hours ends in milliseconds."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from jwks_operator.api.names import SetRef

T = TypeVar("T")

BEGIN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Whenever it would wait for a timer, its clock jumps there; one that would wait for ever raises."""

    def __init__(self) -> None:
        self.moment = 1000.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.moment


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nothing will ever happen again"
            self._loop.moment += max(0.0, timeout)
        return ready


class World:
    """A wall clock on top of the running virtual loop; `jump` moves the wall clock alone."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begin = self._loop.time()
        self._jumped = timedelta(0)

    def elapsed(self) -> float:
        return self._loop.time() - self._begin

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.elapsed()) + self._jumped

    def jump(self, by: timedelta) -> None:
        self._jumped += by


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def ref(name: str, namespace: str = "shop") -> SetRef:
    return SetRef(namespace, name)
