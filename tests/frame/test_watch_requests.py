"""What the requests of the watches ask for, and what is said of them."""

import logging
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from yarl import URL

from jwks_operator.handlers import _Metadata

WATCH = "https://127.0.0.1:1/api/v1/secrets?watch=true"
LIST = "https://127.0.0.1:1/api/v1/secrets"


class Way:
    """A way to the API server that answers as told: a status, or nothing."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self._requests = _Metadata(lambda *told: self.told.append(told))

    async def ask(self, url: str, answer: int | None) -> str:
        request: Any = SimpleNamespace(url=URL(url), headers={})

        async def send(_: Any) -> Any:
            if answer is None:
                raise aiohttp.ClientConnectionError
            return SimpleNamespace(status=answer)

        try:
            await self._requests(request, send)
        except aiohttp.ClientConnectionError:
            assert answer is None
        return str(request.headers.get("Accept", ""))


async def test_every_request_is_counted_by_what_it_asks_and_how_it_was_answered() -> None:
    way = Way()
    await way.ask(LIST, 200)
    await way.ask(WATCH, None)
    await way.ask(WATCH, 410)
    assert way.told == [("list", "secrets", "200"), ("watch", "secrets", "none"), ("watch", "secrets", "410")]


async def test_only_metadata_is_asked_for_and_other_requests_are_left_alone() -> None:
    way = Way()
    assert "as=PartialObjectMetadata;" in await way.ask(WATCH, 200)
    assert "as=PartialObjectMetadataList;" in await way.ask(LIST, 200)
    assert await way.ask("https://127.0.0.1:1/api", 200) == ""
    assert len(way.told) == 2


async def test_an_outage_is_two_lines_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jwks_operator")
    way = Way()
    for answer in (200, None, None, 503, 200, 410, 200):
        await way.ask(WATCH, answer)
    assert [record.getMessage() for record in caplog.records] == [
        "secrets cannot be watched: no answer from the API server; trying again",
        "secrets are watched again",
    ]
