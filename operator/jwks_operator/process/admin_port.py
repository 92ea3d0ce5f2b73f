"""The admin port: probes for the kubelet, metrics for Prometheus, and the status page."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from jwks_operator.metrics.page import CONTENT_TYPE
from jwks_operator.statuspage.pages import ROOT
from jwks_operator.statuspage.status_site import Site

Check = Callable[[], str | None]
"""Returns what is wrong, or None."""

Page = Callable[[], bytes]

BACKLOG: Final = 128
CHECK_SECONDS: Final = 5.0
"""Seconds between checks that the port is open."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages beside the probes; `status` is None unless the status page is enabled."""

    metrics: Page
    status: Site | None = None


class AdminPort:
    """Serves /healthz and /readyz (200 `ok`, or 503 with the reason), /metrics and /status."""

    def __init__(self, host: str, port: int, *, alive: Check, ready: Check, pages: Pages) -> None:
        """Port 0 takes a free port; `port` is its number after `start`."""
        self._host = host
        self.port = port
        app = web.Application()
        app.router.add_get("/healthz", _handler(alive))
        app.router.add_get("/readyz", _handler(ready))
        app.router.add_get("/metrics", _page(pages.metrics))
        if pages.status is not None:
            app.router.add_get(ROOT, _site(pages.status))
            app.router.add_get(f"{ROOT}/{{below:.*}}", _site(pages.status))
        self._server: asyncio.Server | None = None
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)

    async def start(self) -> None:
        """Open the port. Raises OSError if the address is not available."""
        await self._runner.setup()
        await self._listen()

    async def serve(self) -> None:
        """Keep the port open until cancelled. Raises OSError if it cannot be opened again."""
        while True:
            if self._server is None or not self._server.is_serving():
                await self._listen()
            await asyncio.sleep(CHECK_SECONDS)

    async def close(self) -> None:
        """Close the port and its connections."""
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
