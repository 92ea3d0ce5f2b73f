"""Stands between an operator and its API server and keeps what the operator reads and writes, in memory.

For rehearsals only: what is measured goes straight to the API server.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiohttp
import yaml
from aiohttp import web

from controlplane import ControlPlane
from scale.api import Object

_NOT_PASSED_ON = {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Content-Encoding", "Accept-Encoding"}
_LEFT_OUT = ("events", "leases")
_ONE_OBJECT = re.compile(r"/namespaces/[^/]+/(jsonwebkeysets|secrets|configmaps)/[^/]+")


@dataclass(frozen=True, slots=True)
class Written:
    """One write of the operator that the API server accepted; `path` has its query."""

    method: str
    path: str
    kind: str
    body: Object


class Recorder:
    """`async with Recorder(plane) as recorder`: an operator with `recorder.kubeconfig` is recorded."""

    def __init__(self, plane: ControlPlane, session: aiohttp.ClientSession) -> None:
        self._plane = plane
        self._session = session
        self.kubeconfig = Path(plane.directory / "kubeconfig-recorded")
        self.written: list[Written] = []
        self.read_before: list[str] = []
        """Paths of the objects that were read, one by one, before the first write."""

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        config = yaml.safe_load(self._plane.kubeconfig.read_text())
        for cluster in config["clusters"]:
            cluster["cluster"] = {"server": f"http://{host}:{port}"}
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(yaml.safe_dump(config))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        sent = await request.read()
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_PASSED_ON}
        async with self._session.request(
            request.method, request.raw_path, data=sent or None, headers=headers
        ) as answer:
            if request.method == "GET":
                self._note(request.path)
            elif answer.status < 300:
                self._keep(request, sent)
            kept = {name: value for name, value in answer.headers.items() if name not in _NOT_PASSED_ON}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for part in answer.content.iter_any():
                await response.write(part)
            return response

    def _note(self, path: str) -> None:
        if not self.written and _ONE_OBJECT.search(path):
            self.read_before.append(path)

    def _keep(self, request: web.Request, sent: bytes) -> None:
        if not any(f"/{name}" in request.path for name in _LEFT_OUT):
            body = json.loads(sent)
            self.written.append(Written(request.method, request.raw_path, request.headers["Content-Type"], body))
