"""A proxy in front of a bucket's server that counts, loses, delays, refuses and remembers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

HOP = {"transfer-encoding", "connection", "keep-alive", "content-length"}


class Front:
    """`log` has the methods of all requests; `faults` are spent one for each request of their method."""

    def __init__(self, behind: str, session: aiohttp.ClientSession) -> None:
        self.log: list[str] = []
        self.faults: list[tuple[str, str]] = []
        self._behind = behind
        self._session = session
        self._old: dict[str, web.Response] = {}

    def fail(self, method: str, *kinds: str) -> None:
        """Let the next requests of a method fail: a status, `lost`, `slow`, `unsent`, `stale`; "" lets one through."""
        self.faults += [(method, kind) for kind in kinds]

    async def handle(self, request: web.Request) -> web.Response:
        self.log.append(request.method)
        fault = next((each for each in self.faults if each[0] == request.method), None)
        if fault is None:
            return await self._pass_on(request)
        self.faults.remove(fault)
        kind = fault[1]
        if not kind:
            return await self._pass_on(request)
        if kind.isdigit():
            return web.Response(status=int(kind), text="<Error><Code>Injected</Code></Error>")
        if kind == "stale":
            old = self._old.get(request.path)
            return await self._pass_on(request, keep=False) if old is None else _copy(old)
        if kind != "unsent":
            await self._pass_on(request)
        if kind == "slow":
            await asyncio.sleep(3600)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _pass_on(self, request: web.Request, *, keep: bool = True) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        async with self._session.request(
            request.method,
            self._behind + request.raw_path,
            headers=headers,
            data=await request.read() or None,
            skip_auto_headers=("Content-Type", "Accept", "Accept-Encoding", "User-Agent"),  # some are signed
        ) as reply:
            passed = CIMultiDict(
                (name, value) for name, value in reply.headers.items() if name.lower() not in HOP | {"content-encoding"}
            )
            made = web.Response(status=reply.status, body=await reply.read(), headers=passed)
        if keep and request.method == "GET":
            self._old.setdefault(request.path, _copy(made))
        return made


def _copy(one: web.Response) -> web.Response:
    return web.Response(status=one.status, body=one.body, headers=one.headers.copy())


@asynccontextmanager
async def serve_front(behind: str) -> AsyncIterator[tuple[Front, str]]:
    """Serve in front of a URL without path; gives the proxy and its own URL."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        front = Front(behind, session)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", front.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield front, f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
