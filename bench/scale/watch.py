"""Follows objects by a watch, with the moment at which each version arrived."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import aiohttp

from scale.api import Api, Object

Told = Callable[[str, Object, float], None]
"""Type of the event, the object, and the Unix time of its arrival."""

PAUSE = 0.1
"""Seconds before a watch is opened again."""


class Late(Exception):
    """Something did not happen in the time it was given."""


class Watch:
    """`async with Watch(api, path, told)`: reports all objects there are, and then each change.

    The API server ends watches that fall behind, as they do on a machine that is busy; they go on where they were.
    """

    def __init__(self, api: Api, path: str, told: Told, query: str = "") -> None:
        self._api = api
        self._path = f"{path}?watch=1&timeoutSeconds=7200{query}"
        self._told = told
        self._version = ""
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._following.cancel()
        await asyncio.wait({self._following})

    async def until(self, what: str, is_so: Callable[[], bool], seconds: float) -> None:
        """Wait until that is so, which is asked after each event; raises Late, or what ended the watch."""
        try:
            async with asyncio.timeout(seconds):
                while not is_so():
                    if self._following.done():
                        self._following.result()
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Late(f"{what}: not within {seconds:.0f} s") from None

    async def _follow(self) -> None:
        try:
            while True:
                with suppress(aiohttp.ClientPayloadError):
                    await self._once()
                await asyncio.sleep(PAUSE)
        finally:
            self._news.set()

    async def _once(self) -> None:
        since = f"&resourceVersion={self._version}" if self._version else ""
        async with self._api.session.get(self._path + since) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                now = time.time()
                event: Object = json.loads(line)
                if event["type"] == "ERROR":  # too old: everything is told again
                    self._version = ""
                    return
                self._version = event["object"]["metadata"]["resourceVersion"]
                self._told(event["type"], event["object"], now)
                self._news.set()
