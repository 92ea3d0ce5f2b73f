"""A publisher over each of the three bucket APIs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from jwks_operator.publish.publisher import Publisher
from publish.front import serve_front
from publish.gcs import serve_gcs
from publish.servers import serve_azure, serve_s3
from publish.world import ENVIRON, World


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_s3(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture(scope="session")
def azure_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_azure(tmp_path_factory.mktemp("azure")) as url:
        yield url


@pytest.fixture(params=["s3", "gs", "az"])
async def still(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A world whose publisher does not run yet."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as stack:
        if request.param == "gs":
            behind = await stack.enter_async_context(serve_gcs())
        else:
            behind = request.getfixturevalue({"s3": "s3_url", "az": "azure_url"}[request.param])
        parts = urlsplit(behind)
        front, url = await stack.enter_async_context(serve_front(f"http://{parts.netloc}"))
        yield World(request.param, front, (url + parts.path, behind))


@pytest.fixture
async def running(still: World) -> AsyncIterator[Callable[[Publisher], None]]:
    """Starts publishers, which end with the test."""
    tasks: list[asyncio.Task[None]] = []
    yield lambda publisher: tasks.append(asyncio.create_task(publisher.run()))
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(ended, asyncio.CancelledError), ended


@pytest.fixture
async def world(still: World, running: Callable[[Publisher], None]) -> World:
    running(still.publisher)
    return still
