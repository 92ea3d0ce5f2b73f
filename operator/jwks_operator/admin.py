"""The operator's small HTTP port: is it alive, is it ready, how is it doing; for the kubelet, Prometheus and people."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from jwks_operator.metrics.page import CONTENT_TYPE

Check = Callable[[], str | None]
"""Gives what is wrong, or None."""

Page = Callable[[], bytes]


class Admin:
    """Serves /healthz and /readyz: 200 `ok`, or 503 and what is wrong; and /metrics."""

    def __init__(self, host: str, port: int, *, alive: Check, ready: Check, metrics: Page) -> None:
        """Port 0 takes a free one; `port` tells which after `start`."""
        self._host = host
        self.port = port
        app = web.Application()
        app.router.add_get("/healthz", _handler(alive))
        app.router.add_get("/readyz", _handler(ready))
        app.router.add_get("/metrics", _page(metrics))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)

    async def start(self) -> None:
        """Listen. Raises OSError if the address cannot be had."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and hang up."""
        await self._runner.cleanup()


def _handler(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        wrong = check()
        return web.Response(text="ok\n") if wrong is None else web.Response(text=f"{wrong}\n", status=503)

    return answer


def _page(metrics: Page) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": CONTENT_TYPE})

    return answer
