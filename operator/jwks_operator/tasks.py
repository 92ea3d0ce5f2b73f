"""Long-lived tasks have an owner: one that fails is started again, and one that cannot be kept ends the process.

A task that ends by itself is silent in asyncio: nothing runs any more, and the process looks healthy. `Keeper` starts
such tasks. A failure, foreign cancellations included, is logged and the task starts again after a growing pause. A task
that fails again and again, or whose own task was cancelled by another one, makes the keeper give up, with a reason.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

logger = logging.getLogger(__name__)

Run = Callable[[], Coroutine[Any, Any, None]]
"""Starts the task's work; the coroutine runs until it is cancelled."""

PAUSES: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each restart in a row."""
CALM: Final = 60.0
"""Seconds after which a failure is not counted any more."""


class TaskFailed(Exception):
    """A task that the process needs cannot be kept running; the message names the task and the reason."""


def was_meant() -> bool:
    """Tell whether a CancelledError just caught was meant for this task.

    Otherwise a task beneath it was cancelled, such as a connection being made: when watching ends, every task
    is cancelled that began after it, whosever it is.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _only_log(reason: str) -> None:
    logger.critical("%s", reason)


class Keeper:
    """Owns the long-lived tasks of a process or of a part of it."""

    def __init__(self, give_up: Callable[[str], None] = _only_log, closing: Callable[[], bool] = lambda: False) -> None:
        """`give_up` is called with the reason when a task cannot be kept; `closing` tells that tasks may end."""
        self._give_up = give_up
        self._closing = closing
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, run: Run, name: str) -> asyncio.Task[None]:
        """Start `run` as a task and keep it running; cancel the task to end it, once `closing` is true."""
        task = asyncio.create_task(self._keep(run, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def _keep(self, run: Run, name: str) -> None:
        failures: deque[float] = deque()
        while failure := await _run_once(run, name):
            if self._closing():
                return
            now = asyncio.get_running_loop().time()
            while failures and now - failures[0] > CALM:
                failures.popleft()
            if len(failures) == len(PAUSES):
                raise TaskFailed(f"failed {len(failures) + 1} times within {CALM:g} s, at last with {failure}")
            logger.error("the task %s failed and starts again: %s", name, failure)
            failures.append(now)
            await asyncio.sleep(PAUSES[len(failures) - 1])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if self._closing():
            return
        reason = "was cancelled" if task.cancelled() else "ended by itself" if error is None else str(error)
        self._give_up(f"the task {task.get_name()} {reason}")


async def _run_once(run: Run, name: str) -> str | None:
    """Run to the end; return what the run failed with, None if it ended by itself."""
    try:
        await run()
    except asyncio.CancelledError:
        if was_meant():
            raise
        return "a cancellation from outside"
    except Exception as error:
        logger.error("the task %s failed", name, exc_info=True)
        return type(error).__name__
    return None
