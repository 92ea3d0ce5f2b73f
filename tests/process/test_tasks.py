"""Long-lived tasks: one that fails starts again, one that cannot be kept ends the process with a reason."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from jwks_operator.tasks import CALM, PAUSES, Keeper
from process.virtual import run


class Failing:
    """Fails in its first turns, as often as it is told; then runs until it is cancelled."""

    def __init__(self, failures: int, fail: Callable[[], None], lives: float = 0.0) -> None:
        self.starts = 0
        self._failures, self._fail, self._lives = failures, fail, lives

    async def __call__(self) -> None:
        self.starts += 1
        await asyncio.sleep(self._lives)
        if self.starts <= self._failures:
            self._fail()
        await asyncio.Event().wait()


def raising(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


FAILURES = [RuntimeError("File descriptor 7 is used by transport"), OSError(9, "x"), ExceptionGroup("a", [KeyError()])]


@pytest.mark.parametrize(
    "fail", [*FAILURES, asyncio.CancelledError("from outside")], ids=lambda error: type(error).__name__
)
def test_a_task_that_fails_starts_again(fail: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    async def life() -> None:
        reasons: list[str] = []
        keeper, task = Keeper(reasons.append), Failing(3, raising(fail))
        kept = keeper.start(task, "resync")
        await asyncio.sleep(30)
        assert (task.starts, reasons, kept.done()) == (4, [], False)
        kept.cancel()

    run(life())
    assert sum("the task resync failed and starts again" in record.message for record in caplog.records) == 3


def test_a_task_that_fails_again_and_again_ends_the_process_with_a_reason() -> None:
    async def life() -> None:
        reasons: list[str] = []
        task = Failing(10**6, raising(RuntimeError("no")))
        Keeper(reasons.append).start(task, "election")
        await asyncio.sleep(600)
        assert task.starts == len(PAUSES) + 1
        assert reasons == ["the task election failed 6 times within 60 s, at last with RuntimeError"]

    run(life())


def test_failures_that_are_far_apart_are_forgiven() -> None:
    async def life() -> None:
        reasons: list[str] = []
        task = Failing(100, raising(RuntimeError("no")), lives=CALM)
        kept = Keeper(reasons.append).start(task, "telling")
        await asyncio.sleep(200 * CALM)
        assert (task.starts, reasons) == (101, [])
        kept.cancel()

    run(life())


@pytest.mark.parametrize(("closing", "told"), [(True, []), (False, ["the task telling was cancelled"])])
def test_a_task_that_is_cancelled_while_the_process_lives_ends_the_process(closing: bool, told: list[str]) -> None:
    async def life() -> None:
        reasons: list[str] = []
        kept = Keeper(reasons.append, lambda: closing).start(Failing(0, raising(ValueError())), "telling")
        await asyncio.sleep(1)
        kept.cancel()
        await asyncio.sleep(1)
        assert reasons == told

    run(life())


@pytest.mark.parametrize(("closing", "told"), [(True, []), (False, ["the task work queue sleeper ended by itself"])])
def test_a_task_that_returns_while_the_process_lives_ends_the_process(closing: bool, told: list[str]) -> None:
    async def nothing() -> None:
        await asyncio.sleep(1)

    async def life() -> None:
        reasons: list[str] = []
        Keeper(reasons.append, lambda: closing).start(nothing, "work queue sleeper")
        await asyncio.sleep(5)
        assert reasons == told

    run(life())


def test_a_task_that_fails_at_the_end_is_not_started_again(caplog: pytest.LogCaptureFixture) -> None:
    async def life() -> None:
        task = Failing(1, raising(RuntimeError("no")))
        await Keeper(closing=lambda: True).start(task, "closing")
        assert task.starts == 1

    run(life())
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
