"""The fake API server on a loopback port, for clients that need HTTP: kopf, kubectl, our own transport."""

import json
from collections.abc import Iterable
from contextlib import aclosing
from types import TracebackType

from aiohttp import web

from fakes.apiserver import FakeApiServer
from fakes.faults import ConnectionLost, Fault
from fakes.seam import Seam
from jwks_operator.kube.client import Call, Reply


class Front:
    """`async with Front(server) as front`: serves at `front.url` until the block ends.

    `seam` holds the log and the faults of all clients that come this way, `authorizations` what they sent as
    Authorization header.
    """

    def __init__(self, server: FakeApiServer, faults: Iterable[Fault] = ()) -> None:
        self.seam = Seam(server, faults)
        self.authorizations: list[str] = []
        self.url = ""
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._serve)
        # Watches stay open for minutes: at the end nobody waits for them.
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)

    async def __aenter__(self) -> "Front":
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.authorizations.append(request.headers.get("Authorization", ""))
        sent = await request.read()
        call = Call(
            request.method,
            request.path,
            dict(request.query),
            json.loads(sent) if sent else None,
            request.headers.get("Content-Type", "application/json").partition(";")[0],
            request.headers.get("Accept", "application/json"),
        )
        try:
            if call.query.get("watch") in {"true", "1"}:
                return await self._watch(request, call)
            return _response(await self.seam.exchange(call))
        except ConnectionLost:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=499)

    async def _watch(self, request: web.Request, call: Call) -> web.StreamResponse:
        known = self.seam.server.handle(Call("GET", call.path, {"limit": "1"}))
        if known.status != 200:
            return _response(known)
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Date": known.headers["date"]})
        response.enable_chunked_encoding()
        await response.prepare(request)
        async with aclosing(self.seam.events(call)) as events:
            async for event in events:
                await response.write(json.dumps(event).encode() + b"\n")
        return response


def _response(reply: Reply) -> web.Response:
    headers = {name.title(): value for name, value in reply.headers.items()}
    text = "404 page not found\n" if reply.body is None else json.dumps(reply.body)
    return web.Response(status=reply.status, headers=headers, text=text)
