"""A paused work queue listens, keeps everything, and begins nothing."""

import asyncio
from datetime import datetime, timedelta

import pytest

from jwks_operator.api.names import SetRef
from jwks_operator.reconcile.work_queue import Priority, WorkQueue
from process.virtual import World, ref, run

NAMES = ("a", "b", "c", "d")


class Refused(Exception):
    """The work cannot be done now."""


def test_what_gathered_while_paused_is_begun_in_the_order_of_the_latest_news() -> None:
    done: list[str] = []

    async def work(which: SetRef) -> None:
        done.append(which.name)

    async def main() -> None:
        queue = WorkQueue(work, World().now, workers=2)
        queue.pause()
        queue.start()
        for name in (*NAMES, "b"):
            queue.add(ref(name))
        queue.add(ref("a"), Priority.URGENT)
        await asyncio.sleep(600)
        assert done == []
        queue.resume()
        await asyncio.sleep(0.1)
        await queue.close()

    run(main())
    assert done == ["a", "b", "d", "c"]


def test_paused_again_it_lets_work_in_hand_end_and_begins_no_other() -> None:
    done: list[str] = []

    async def work(which: SetRef) -> None:
        await asyncio.sleep(1)
        done.append(which.name)

    async def main() -> None:
        queue = WorkQueue(work, World().now, workers=3)
        queue.start()
        for name in NAMES:
            queue.add(SetRef(f"tenant-{name}", name))
        await asyncio.sleep(0.5)
        queue.pause()
        await asyncio.sleep(60)
        assert sorted(done) == ["a", "b"]
        queue.resume()
        await asyncio.sleep(2)
        await queue.close()

    run(main())
    assert sorted(done) == sorted(NAMES)


def test_times_that_come_while_paused_are_kept() -> None:
    done: list[float] = []

    async def main() -> None:
        world = World()

        async def work(_: SetRef) -> datetime | None:
            done.append(world.elapsed())
            return world.now() + timedelta(seconds=10)

        queue = WorkQueue(work, world.now, workers=1)
        queue.start()
        queue.add(ref("a"))
        await asyncio.sleep(1)
        queue.pause()
        await asyncio.sleep(100)
        queue.resume()
        await asyncio.sleep(15)
        await queue.close()

    run(main())
    assert done == pytest.approx([0, 101, 111], abs=0.2)


def test_work_that_fails_while_paused_waits_for_its_turn_and_nobody_is_alarmed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tried: list[float] = []

    async def main() -> None:
        world = World()

        async def work(_: SetRef) -> None:
            tried.append(world.elapsed())
            await asyncio.sleep(1)
            if len(tried) == 1:
                raise Refused

        queue = WorkQueue(work, world.now, workers=1, expected=Refused)
        queue.start()
        queue.add(ref("a"))
        await asyncio.sleep(0.5)
        queue.pause()
        await asyncio.sleep(99.5)
        queue.resume()
        await asyncio.sleep(5)
        await queue.close()

    run(main())
    assert tried == pytest.approx([0, 100], abs=0.01)
    assert caplog.records == []


def test_it_can_be_closed_while_paused() -> None:
    async def work(_: SetRef) -> None:
        raise AssertionError

    async def main() -> None:
        world = World()
        queue = WorkQueue(work, world.now)
        queue.pause()
        queue.start()
        queue.add(ref("a"))
        await asyncio.sleep(1)
        await queue.close(timedelta(seconds=5))
        queue.pause()
        assert world.elapsed() == pytest.approx(1)

    run(main())
