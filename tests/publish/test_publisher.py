"""What the publisher leaves in a bucket of S3, Google Cloud Storage and Azure Blob Storage."""

import json
from collections.abc import Callable

import pytest

from jwks_operator.publish.bucket import Cause, Stored
from jwks_operator.publish.bucket_documents import Document
from jwks_operator.publish.publisher import Publisher
from publish.world import OPENID, OWNER, SET, World, until
from serve.sets import DISCOVERY, EC, RSA, jwks, jws

ONE, TWO = jwks(EC), jwks(EC, RSA)
FOREIGN = Document(SET, b"{}", "text/plain", "no-store")
HINTS = json.dumps({"cacheMaxAge": 60, "staleWindow": 30, "paths": {"jwks": ["/oauth/keys"]}}).encode()


async def test_readers_get_the_documents_with_type_and_cache_time(world: World) -> None:
    discovery, past = json.dumps(DISCOVERY).encode(), jws({"keys": [EC]})
    world.show(jwks=ONE, hints=HINTS, openid=discovery, past=past)
    await world.published()
    control = "public, max-age=60, stale-while-revalidate=30, stale-if-error=30"
    expected = {
        SET: (ONE, "application/jwk-set+json"),
        "oauth/keys": (ONE, "application/jwk-set+json"),
        OPENID: (discovery, "application/json"),
        "historical.jwt": (past, "application/jwk-set+jwt"),
    }
    for name, (body, media_type) in expected.items():
        found = await world.stored(name)
        assert (found.body, found.content_type, found.cache_control) == (body, media_type, control)
        assert found.owner == OWNER


async def test_a_change_of_the_set_or_of_its_cache_time_alone_is_published(world: World) -> None:
    world.show(jwks=ONE)
    await world.published()
    world.show(jwks=TWO)
    await world.published()
    assert (await world.stored()).body == TWO
    world.show(jwks=TWO, hints=b'{"cacheMaxAge": 7}')
    await world.published()
    assert (await world.stored()).cache_control == "public, max-age=7"


async def test_a_set_at_rest_costs_no_request(world: World) -> None:
    world.show(jwks=ONE)
    await world.published()
    assert world.front.log == ["GET", "PUT", "GET"]
    world.show(jwks=ONE)  # listed again, or a label has changed
    world.publisher.shelf.on_change()
    await until(lambda: not world.publisher._news.is_set())
    assert world.front.log == ["GET", "PUT", "GET"]


async def test_a_restart_finds_what_is_published_and_writes_nothing(
    world: World, running: Callable[[Publisher], None]
) -> None:
    world.show(jwks=ONE)
    await world.published()
    running(world.restarted())
    world.show(jwks=ONE)
    await world.published()
    assert world.front.log == ["GET", "PUT", "GET", "GET"]
    assert world.publisher.written == {}


async def test_a_restart_replaces_an_older_set_of_its_own(world: World, running: Callable[[Publisher], None]) -> None:
    world.show(jwks=ONE)
    await world.published()
    running(world.restarted())
    world.show(jwks=TWO)
    await world.published()
    assert (await world.stored()).body == TWO
    assert world.publisher.overwritten == 0


async def put(world: World, document: Document, owner: str = "") -> Stored:
    """Write as another client does."""
    seen = await world.direct.read(document.name)
    await world.direct.write(document, owner, seen)
    return await world.stored(document.name)


@pytest.mark.parametrize(("owner", "writer"), [("", "by another writer"), ("shop/mail", "for the set shop/mail")])
async def test_an_object_of_another_writer_stays_and_is_told(still: World, running: Callable[[Publisher], None],
                                                             owner: str, writer: str) -> None:  # fmt: skip
    before = await put(still, FOREIGN, owner)
    running(still.publisher)
    still.show(jwks=ONE)
    await until(lambda: still.publisher.failed[Cause.FOREIGN] > 2)
    trouble = str(still.publisher.trouble)
    assert trouble == f"{still.url}/{SET} was written {writer}: choose another --to, or replace it with --take-over"
    assert await still.stored() == before
    assert "PUT" not in still.front.log


async def test_an_object_of_another_writer_is_replaced_when_that_is_asked_for(
    still: World, running: Callable[[Publisher], None]
) -> None:
    await put(still, FOREIGN)
    running(still.restarted(take_over=True))
    still.show(jwks=ONE)
    await still.published()
    assert (await still.stored()).body == ONE
    assert still.publisher.overwritten == 1


async def test_a_second_publisher_of_the_same_set_is_noticed(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.show(jwks=ONE)
    await world.published()
    await put(world, Document(SET, jwks(RSA), "application/jwk-set+json", "public"), OWNER)
    world.show(jwks=TWO)
    await world.published()
    assert (await world.stored()).body == TWO
    assert world.publisher.overwritten == 1
    assert "was changed by another client" in caplog.text


async def test_a_change_between_read_and_write_is_not_overwritten(
    still: World, running: Callable[[Publisher], None]
) -> None:
    """The write is conditional on what was read, so the other writer's object is found by the next read."""
    read = still.publisher.bucket.read

    async def read_and_lose_the_race(name: str) -> Stored | None:
        found = await read(name)
        if still.publisher.bucket.requests["GET"] == 1:
            await put(still, FOREIGN)
        return found

    still.publisher.bucket.read = read_and_lose_the_race  # type: ignore[method-assign]
    running(still.publisher)
    still.show(jwks=ONE)
    await until(lambda: still.publisher.failed[Cause.FOREIGN])
    assert still.publisher.failed[Cause.CHANGED] == 1
    assert (await still.stored()).body == FOREIGN.body


async def test_discovery_waits_for_the_set(world: World) -> None:
    world.front.fail("PUT", *["503"] * 3)
    world.show(jwks=ONE, openid=json.dumps(DISCOVERY).encode())
    await until(lambda: world.publisher.failed[Cause.UNREACHABLE] >= 1)
    assert await world.direct.read(OPENID) is None or (await world.stored()).body == ONE
    await world.published()
    assert (await world.stored(OPENID)).body == json.dumps(DISCOVERY).encode()
    assert world.front.log.count("PUT") == 3 + 2
