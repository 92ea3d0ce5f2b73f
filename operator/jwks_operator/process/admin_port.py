"""The operator's small HTTP port: is it alive, is it ready, how is it doing; for the kubelet, Prometheus and people."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from jwks_operator.metrics.page import CONTENT_TYPE
from jwks_operator.statuspage.pages import ROOT
from jwks_operator.statuspage.status_site import Site

Check = Callable[[], str | None]
"""Gives what is wrong, or None."""

Page = Callable[[], bytes]

BACKLOG: Final = 128
LOOK: Final = 5.0
"""Seconds between looks whether the port is still listened on."""


@dataclass(frozen=True, slots=True)
class Shows:
    """What is shown beside the probes; no status page unless it was asked for."""

    metrics: Page
    status: Site | None = None


class Admin:
    """Serves /healthz and /readyz: 200 `ok`, or 503 and what is wrong; /metrics, and /status for people."""

    def __init__(self, host: str, port: int, *, alive: Check, ready: Check, shows: Shows) -> None:
        """Port 0 takes a free one; `port` tells which after `start`."""
        self._host = host
        self.port = port
        app = web.Application()
        app.router.add_get("/healthz", _handler(alive))
        app.router.add_get("/readyz", _handler(ready))
        app.router.add_get("/metrics", _page(shows.metrics))
        if shows.status is not None:
            app.router.add_get(ROOT, _site(shows.status))
            app.router.add_get(f"{ROOT}/{{below:.*}}", _site(shows.status))
        self._server: asyncio.Server | None = None
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)

    async def start(self) -> None:
        """Listen. Raises OSError if the address cannot be had."""
        await self._runner.setup()
        await self._listen()

    async def serve(self) -> None:
        """Go on listening, on the same port, until cancelled. Raises OSError if the port cannot be had again."""
        while True:
            if self._server is None or not self._server.is_serving():
                await self._listen()
            await asyncio.sleep(LOOK)

    async def close(self) -> None:
        """Stop listening and hang up."""
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    async def _listen(self) -> None:
        handler: Any = self._runner.server
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(handler, self._host, self.port, backlog=BACKLOG, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]


def _handler(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        wrong = check()
        return web.Response(text="ok\n") if wrong is None else web.Response(text=f"{wrong}\n", status=503)

    return answer


def _page(metrics: Page) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": CONTENT_TYPE})

    return answer


def _site(site: Site) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        found = site.answer(request.path, request.query, request.headers.get("If-None-Match", ""))
        return web.Response(status=found.status, headers=found.headers, body=found.body)

    return answer
