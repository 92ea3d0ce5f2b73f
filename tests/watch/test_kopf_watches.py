"""What the adapter takes for granted about kopf's lists and watches, against the installed kopf."""

import pytest

from watch.scripted import GONE, Answer, Server, bookmark, event, kopf_against, page, stream, thing


async def test_a_bookmark_moves_the_watch_on_and_is_no_event() -> None:
    """The echo filter puts a bookmark in the place of an event that needs no handling."""
    server = Server()
    server.lists.append(page(version="5"))
    server.watches.append(stream(bookmark("9")))
    async with kopf_against(server) as watching:
        await watching.until(lambda: len(server.watched_from()) == 2)
    assert server.watched_from() == ["5", "9"]
    assert watching.heard == []


async def test_a_stream_that_ends_is_watched_again_from_the_last_event() -> None:
    server = Server()
    server.lists.append(page(version="5"))
    server.watches.append(stream(event("ADDED", "a", "7")))
    async with kopf_against(server) as watching:
        await watching.until(lambda: len(server.watched_from()) == 2)
    assert server.asked == ["list", "watch 5", "watch 7"]


async def test_a_410_in_the_stream_is_followed_by_a_list_and_a_deletion_before_it_is_never_told() -> None:
    """So everything is listed again now and then: resync."""
    server = Server()
    server.lists.extend([page(thing("gone"), version="5"), page(thing("left"), version="8")])
    server.watches.append(stream(GONE))
    async with kopf_against(server) as watching:
        await watching.until(lambda: len(watching.heard) == 2 and len(server.watched_from()) == 2)
    assert server.asked == ["list", "watch 5", "list", "watch 8"]
    assert watching.heard == [(None, "gone"), (None, "left")]


@pytest.mark.parametrize("status", [404, 409, 410])
@pytest.mark.parametrize("verb", ["list", "watch"])
async def test_a_plain_client_error_ends_kopf(verb: str, status: int) -> None:
    """So watching starts again by itself, after a look whether the kind is still served."""
    server = Server()
    (server.lists if verb == "list" else server.watches).append(Answer(status))
    async with kopf_against(server) as watching:
        assert await watching.end() is not None
    assert server.asked[-1].startswith(verb)


async def test_an_error_in_the_stream_that_is_no_410_ends_kopf() -> None:
    server = Server()
    server.watches.append(stream({"type": "ERROR", "object": {"kind": "Status", "code": 500}}))
    async with kopf_against(server) as watching:
        assert await watching.end() is not None


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_an_outage_is_survived_for_as_long_as_there_are_pauses(status: int) -> None:
    """So the pauses never end."""
    server = Server()
    server.lists.extend([Answer(status)] * 2)
    server.watches.extend([Answer(status)] * 2)
    async with kopf_against(server) as watching:
        await watching.until(lambda: len(server.watched_from()) == 3)
    assert server.asked.count("list") == 3


async def test_an_empty_list_without_items_ends_kopf() -> None:
    """The API server writes `items: null` for metadata; so the session puts an empty list in its place."""
    server = Server()
    server.lists.append(Answer(body={"metadata": {"resourceVersion": "5"}, "items": None}))
    async with kopf_against(server) as watching:
        assert isinstance(await watching.end(), TypeError)


async def test_a_list_is_read_page_by_page() -> None:
    server = Server()
    first = page(thing("a"), version="5")
    first.body["metadata"]["continue"] = "more"
    server.lists.extend([first, page(thing("b"), version="5")])
    async with kopf_against(server) as watching:
        await watching.until(lambda: len(watching.heard) == 2)
    assert server.asked[:3] == ["list", "list", "watch 5"]


async def test_nothing_is_asked_for_but_discovery_and_what_has_a_handler() -> None:
    server = Server()
    async with kopf_against(server) as watching:
        await watching.until(server.watched_from)
    assert server.asked == ["list", "watch 1"]
