"""What the requests of the watches ask for, and what is said of them."""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from yarl import URL

from jwks_operator.watch.echo_filter import MetadataRequests, Response, WatchStream

WATCH = "https://127.0.0.1:1/api/v1/secrets?watch=true"
LIST = "https://127.0.0.1:1/api/v1/secrets"


class Chunks:
    """A body that arrives in pieces, wherever they end."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk

    def exception(self) -> None:
        return None


class Way:
    """A way to the API server that answers as told: a status, or nothing. Of Secrets, one is known."""

    def __init__(self, *chunks: bytes) -> None:
        self.content: Any = Chunks(*chunks)
        self.answer: Any = None
        self.told: list[tuple[str, str, str]] = []
        self.lists = 0
        self._requests = MetadataRequests(self)

    def count_request(self, *told: str) -> None:
        verb, resource, code = told
        self.told.append((verb, resource, code))

    def request_resync(self) -> None:
        self.lists += 1

    def handle_known(self, plural: str, metadata: Mapping[str, Any]) -> bool:
        return plural == "secrets" and metadata["name"] == "known"

    async def ask(self, url: str, answer: int | None) -> str:
        request: Any = SimpleNamespace(url=URL(url), headers={})

        async def send(_: Any) -> Any:
            if answer is None:
                raise aiohttp.ClientConnectionError
            return SimpleNamespace(status=answer, content=self.content)

        try:
            self.answer = await self._requests(request, send)
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


def line(change: str, name: str, version: str = "7") -> bytes:
    metadata = {"name": name, "namespace": "shop", "resourceVersion": version}
    return json.dumps({"type": change, "object": {"metadata": metadata}}).encode() + b"\n"


BOOKMARK = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7"}}}
ERROR = b'{"type": "ERROR", "object": {"kind": "Status", "code": 410}}\n'


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_what_is_settled_is_a_bookmark_in_a_watch_and_everything_else_passes_unchanged(size: int) -> None:
    said = [
        line("ADDED", "known"),
        line("MODIFIED", "known"),
        line("DELETED", "known"),
        line("MODIFIED", "news"),
        line("BOOKMARK", "known"),
        ERROR,
        b"no JSON\n",
        b'{"type": "ADDED"}\n',
    ]
    whole = b"".join(said)
    way = Way(*(whole[at : at + size] for at in range(0, len(whole), size)))
    await way.ask(WATCH, 200)
    heard = b"".join([chunk async for chunk in way.answer.content.iter_chunked(1024)]).splitlines(keepends=True)
    assert [json.loads(one) for one in heard[:2]] == [BOOKMARK, BOOKMARK]
    assert heard[2:] == said[2:]


async def test_a_line_that_was_cut_off_is_left_to_whoever_reads_it() -> None:
    way = Way(line("ADDED", "news"), b'{"type": "ADD')
    await way.ask(WATCH, 200)
    assert isinstance(way.answer.content, WatchStream)
    assert [chunk async for chunk in way.answer.content.iter_chunked(1024)] == [line("ADDED", "news"), b'{"type": "ADD']
    assert way.answer.content.exception() is None


async def test_namespaces_and_refused_watches_are_not_touched() -> None:
    way = Way(line("ADDED", "known"))
    await way.ask("https://127.0.0.1:1/api/v1/namespaces?watch=true", 200)
    assert isinstance(way.answer.content, Chunks)
    await way.ask(WATCH, 410)
    assert isinstance(way.answer.content, Chunks)


async def test_every_list_says_that_something_may_have_been_missed() -> None:
    way = Way()
    await way.ask(WATCH, 200)
    await way.ask(LIST, 410)
    assert way.lists == 0
    await way.ask(LIST, 200)
    assert way.lists == 1


@pytest.mark.parametrize(
    ("items", "left"),
    [(None, []), ([], []), ([{"metadata": {"name": "known"}}, {"metadata": {"name": "news"}}], ["news"])],
)
async def test_what_is_settled_is_left_out_of_a_list(
    items: list[Any] | None, left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def page(*_: Any, **__: Any) -> Any:
        return {"kind": "PartialObjectMetadataList", "metadata": {"resourceVersion": "7"}, "items": items}

    monkeypatch.setattr(aiohttp.ClientResponse, "json", page)
    answer: Any = Response.__new__(Response)
    answer.is_known = lambda metadata: metadata["name"] == "known"
    assert [item["metadata"]["name"] for item in (await answer.json())["items"]] == left
