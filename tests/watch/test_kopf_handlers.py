"""What the adapter takes for granted about kopf's handlers, against the installed kopf."""

import gc
import weakref
from typing import Any

import pytest

from watch.scripted import GONE, Server, event, kopf_against, page, stream, thing


async def test_an_event_handler_makes_kopf_write_nothing() -> None:
    server = Server()
    server.lists.append(page(thing("listed")))
    server.watches.append(stream(event("ADDED", "added", "2"), event("MODIFIED", "added", "3"), ends=False))
    server.watches.append(stream(event("DELETED", "added", "4"), ends=False))
    async with kopf_against(server) as watching:
        await watching.until(lambda: len(watching.heard) == 3)
    assert [asked.split()[0] for asked in server.asked] == ["list", "watch"]


async def test_a_listed_object_has_no_event_type_and_a_watched_one_has() -> None:
    server = Server()
    server.lists.append(page(thing("a")))
    server.watches.append(stream(event("MODIFIED", "a", "2"), event("DELETED", "a", "3"), ends=False))
    async with kopf_against(server) as watching:
        await watching.until(lambda: len(watching.heard) == 3)
    assert watching.heard == [(None, "a"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_metadata_alone_is_enough_for_a_handler() -> None:
    server = Server()
    server.lists.append(page(thing("a", labels={"of": "shop"})))
    seen: list[dict[str, Any]] = []
    async with kopf_against(server, handle=lambda event: seen.append(dict(event["object"]))) as watching:
        await watching.until(lambda: seen)
    assert seen[0]["metadata"]["labels"] == {"of": "shop"}
    assert "data" not in seen[0]


async def test_a_handler_that_fails_is_logged_not_called_again_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """So a handler only adds to the work queue, which retries; and this logger is not silenced."""
    server = Server()
    server.lists.append(page(thing("a")))
    server.watches.append(stream(event("ADDED", "b", "2"), event("ADDED", "c", "3"), ends=False))

    def fail(event: Any) -> None:
        raise ValueError(event["object"]["metadata"]["name"])

    async with kopf_against(server, handle=fail) as watching:
        await watching.until(lambda: len(watching.heard) == 3)
        await watching.until(lambda: len(caplog.records) >= 3)
    assert sorted(name for _, name in watching.heard) == ["a", "b", "c"]
    assert {record.name for record in caplog.records if record.levelname == "ERROR"} == {"kopf.objects"}


class Memo:
    """kopf copies it for each object that it remembers; `alive` are the copies that it still has."""

    alive: weakref.WeakSet["Memo"]

    def __init__(self) -> None:
        self.alive = weakref.WeakSet()

    def __copy__(self) -> "Memo":
        made = Memo()
        self.alive.add(made)
        return made


async def test_kopf_remembers_an_object_until_it_hears_of_its_deletion() -> None:
    memo, server = Memo(), Server()
    server.lists.append(page(thing("a"), thing("b")))
    server.watches.append(stream(event("DELETED", "b", "2"), ends=False))
    async with kopf_against(server, memo=memo) as watching:
        await watching.until(lambda: len(watching.heard) == 3)
        await watching.until(lambda: gc.collect() >= 0 and len(memo.alive) == 1)


async def test_kopf_remembers_an_object_whose_deletion_it_missed_until_watching_starts_again() -> None:
    """About a kilobyte for each: the process can afford it, and resync finds the deletion."""
    memo, server = Memo(), Server()
    server.lists.extend([page(thing("gone")), page()])
    server.watches.append(stream(GONE))
    async with kopf_against(server, memo=memo) as watching:
        await watching.until(lambda: len(server.watched_from()) == 2)
        gc.collect()
        assert len(memo.alive) == 1
    del watching
    gc.collect()
    assert len(memo.alive) == 0
