"""Faults between publisher and bucket: whatever a write answers, what is read back decides."""

import asyncio
from collections.abc import Callable

import pytest

from jwks_operator.publish.bucket import Cause
from jwks_operator.publish.publisher import Publisher
from publish.world import World, until
from serve.sets import EC, RSA, jwks

ONE, TWO = jwks(EC), jwks(EC, RSA)
FAULTS = ["500", "503", "429", "403", "404", "409", "412", "lost", "unsent"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("first", [True, False], ids=["create", "update"])
async def test_a_failed_write_is_tried_again_from_a_read(world: World, fault: str, first: bool) -> None:
    if not first:
        world.show(jwks=ONE)
        await world.published()
    world.front.fail("PUT", fault, fault)
    world.show(jwks=TWO)
    await world.published()
    assert (await world.stored()).body == TWO
    assert world.publisher.overwritten == 0, "its own writes are not taken for those of another client"


async def test_a_lost_answer_is_found_by_reading_and_is_not_a_failure(world: World) -> None:
    world.front.fail("PUT", "lost")
    world.show(jwks=ONE)
    await world.published()
    assert world.front.log == ["GET", "PUT", "GET"]
    assert sum(world.publisher.failed.values()) == 0


@pytest.mark.parametrize("fault", ["500", "503", "403", "lost", "unsent"])
async def test_a_failed_read_publishes_nothing_blindly(world: World, fault: str) -> None:
    world.front.fail("GET", fault, fault, fault)
    world.show(jwks=ONE)
    await world.published()
    assert world.front.log == ["GET"] * 3 + ["GET", "PUT", "GET"]


async def test_a_stale_read_is_not_taken_for_published(world: World) -> None:
    """The read before the second write shows the first set and so does the one behind it; then the store catches up."""
    world.show(jwks=ONE)
    await world.published()
    world.show(jwks=TWO)
    await world.published()
    world.front.fail("GET", "stale", "stale", "stale")  # the very first answer: nothing there
    world.show(jwks=ONE)
    await world.published()
    assert (await world.stored()).body == ONE
    assert world.publisher.failed[Cause.CHANGED] >= 1


async def test_the_written_object_may_show_late(world: World) -> None:
    world.front.fail("GET", "404", "404", "404")
    world.show(jwks=ONE)
    await world.published()
    assert (await world.stored()).body == ONE
    assert (await world.stored()).version
    assert world.publisher.failed[Cause.UNCONFIRMED] == 1


async def test_a_server_that_hangs_is_given_up(still: World, running: Callable[[Publisher], None]) -> None:
    running(still.restarted(timeout=2))
    still.front.fail("PUT", "slow")
    still.show(jwks=ONE)
    await still.published()
    assert (await still.stored()).body == ONE


async def test_newer_content_does_not_wait_for_the_pause(
    still: World, running: Callable[[Publisher], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(still.publisher._backoff), "delay", lambda *_: 3600.0)
    still.front.fail("PUT", "503")
    still.front.fail("GET", "503")
    running(still.publisher)
    still.show(jwks=ONE)
    await until(lambda: still.publisher.trouble)
    still.show(jwks=TWO)
    await until(lambda: sum(still.publisher.failed.values()) == 2)
    still.show(jwks=ONE)
    await still.published()
    assert (await still.stored()).body == ONE


async def test_a_set_that_returns_replaces_one_that_was_written_and_never_confirmed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.show(jwks=ONE)
    await world.published()
    monkeypatch.setattr(type(world.publisher._backoff), "delay", lambda *_: 3600.0)
    world.front.fail("PUT", "lost")
    world.front.fail("GET", "", "503")  # the read before the write is answered, the one behind it is not
    world.show(jwks=TWO)
    await until(lambda: world.publisher.trouble)
    monkeypatch.undo()
    world.show(jwks=ONE)
    await world.published()
    assert (await world.stored()).body == ONE


async def test_a_killed_publisher_leaves_nothing_that_its_successor_cannot_finish(
    still: World, running: Callable[[Publisher], None]
) -> None:
    still.front.fail("PUT", "slow")
    task = asyncio.create_task(still.publisher.run())
    still.show(jwks=ONE)
    await until(lambda: "PUT" in still.front.log)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    running(still.restarted())
    still.show(jwks=TWO)
    await still.published()
    assert (await still.stored()).body == TWO
