"""The load generator's way to the API server: plain HTTP requests with JSON, as cheap as they come."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp

from controlplane import Access

Object = dict[str, Any]
T = TypeVar("T")

JSON = "application/json"
MERGE = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PAGE = 500


class Failed(Exception):
    """The API server refused a request."""


class Api:
    """Requests to one API server as its administrator."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def send(self, method: str, path: str, body: Object | str | None = None, kind: str = JSON) -> Object:
        """Send one request and return the answer; `path` with its query, `kind` is the body's content type."""
        data = json.dumps(body) if isinstance(body, dict) else body
        async with self.session.request(method, path, data=data, headers={"Content-Type": kind}) as answer:
            text = await answer.read()
            if answer.status >= 300:
                raise Failed(f"{method} {path}: {answer.status} {text[:300].decode(errors='replace')}")
            reply: Object = json.loads(text)
            return reply

    async def look(self, path: str) -> Object:
        """Read one object; what is answered if it is not there will do as well."""
        async with self.session.get(path) as answer:
            reply: Object = json.loads(await answer.read())
            return reply

    async def text(self, path: str) -> str:
        """Return what is at a path that is no JSON."""
        async with self.session.get(path) as answer:
            answer.raise_for_status()
            return await answer.text()

    async def pages(self, path: str, selector: str = "", accept: str = JSON) -> AsyncIterator[list[Object]]:
        """Yield the objects at a path in pages, as the operator's resync asks for them."""
        query = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        while True:
            async with self.session.get(path, params=query, headers={"Accept": accept}) as answer:
                answer.raise_for_status()
                page: Object = json.loads(await answer.read())
            yield page.get("items") or []
            token = page["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token


@asynccontextmanager
async def open_api(plane: Access) -> AsyncIterator[Api]:
    """Open a session with as many connections as are asked for."""
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(plane.ca_file)), limit=0)
    async with aiohttp.ClientSession(
        plane.url,
        connector=connector,
        headers={"Authorization": f"Bearer {plane.admin_token}"},
        timeout=aiohttp.ClientTimeout(None),
        read_bufsize=2**20,  # a watch event is one line
    ) as session:
        yield Api(session)


async def run_each(things: Iterable[T], work: Callable[[T], Awaitable[object]], workers: int) -> None:
    """Do the work for each thing, so many at once."""
    waiting = iter(things)

    async def worker() -> None:
        for thing in waiting:
            await work(thing)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
