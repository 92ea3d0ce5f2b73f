"""Follows objects by a watch, with the moment at which each version arrived."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Self

from scale.api import Api, Object

Told = Callable[[str, Object, float], None]
"""Type of the event, the object, and the Unix time of its arrival."""


class Late(Exception):
    """Something did not happen in the time it was given."""


class Watch:
    """`async with Watch(api, path, told)`: tells of all objects there are, and then of each change."""

    def __init__(self, api: Api, path: str, told: Told, query: str = "") -> None:
        self._api = api
        self._path = f"{path}?watch=1&timeoutSeconds=7200{query}"
        self._told = told
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._answer = await self._api.session.get(self._path)
        self._answer.raise_for_status()
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._following.cancel()
        await asyncio.wait({self._following})
        self._answer.close()

    async def until(self, what: str, is_so: Callable[[], bool], seconds: float) -> None:
        """Wait until that is so, which is asked after each event; raises Late."""
        try:
            async with asyncio.timeout(seconds):
                while not is_so():
                    if self._following.done():
                        raise Late(f"the watch of {self._path} has ended while waiting for {what}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Late(f"{what}: not within {seconds:.0f} s") from None

    async def _follow(self) -> None:
        try:
            async for line in self._answer.content:
                now = time.time()
                event: Object = json.loads(line)
                if event["type"] in {"ADDED", "MODIFIED", "DELETED"}:
                    self._told(event["type"], event["object"], now)
                self._news.set()
        finally:
            self._news.set()
