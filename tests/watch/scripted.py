"""An API server on a loopback port that answers as it is told, and the installed kopf against it."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import kopf
from aiohttp import web

from jwks_operator.api.names import GROUP, PLURAL, VERSION
from jwks_operator.watch.kopf_run import cancel_tasks
from jwks_operator.watch.kopf_settings import make_settings

Event = dict[str, Any]
VERBS = ["get", "list", "watch", "patch"]
DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/apis": {
        "groups": [{"name": GROUP, "versions": [{"version": VERSION}], "preferredVersion": {"version": VERSION}}]
    },
    "/api/v1": {
        "resources": [
            {"name": "configmaps", "singularName": "", "namespaced": True, "kind": "ConfigMap", "verbs": VERBS},
            {"name": "secrets", "singularName": "", "namespaced": True, "kind": "Secret", "verbs": VERBS},
            {"name": "namespaces", "singularName": "", "namespaced": False, "kind": "Namespace", "verbs": VERBS},
        ]
    },
    f"/apis/{GROUP}/{VERSION}": {
        "resources": [{"name": PLURAL, "singularName": "", "namespaced": True, "kind": "JsonWebKeySet", "verbs": VERBS}]
    },
}
"""kopf watches nothing before discovery has shown it namespaces."""
SECONDS = 10.0


def thing(name: str, version: str = "1", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": version, **metadata}
    }


def event(change: str, name: str, version: str) -> Event:
    return {"type": change, "object": thing(name, version)}


def bookmark(version: str) -> Event:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}


GONE: Event = {"type": "ERROR", "object": {"kind": "Status", "code": 410}}


@dataclass(frozen=True)
class Answer:
    """One answer: a status with a body, or a stream of events that then ends or stays open."""

    status: int = 200
    body: Any = None
    events: tuple[Event, ...] = ()
    ends: bool = True


def page(*things: dict[str, Any], version: str = "1") -> Answer:
    """A list; `version` is its resourceVersion."""
    return Answer(body={"kind": "ConfigMapList", "metadata": {"resourceVersion": version}, "items": list(things)})


def stream(*events: Event, ends: bool = True) -> Answer:
    return Answer(events=events, ends=ends)


@dataclass
class Server:
    """Gives the answers about ConfigMaps in order; all other lists are empty, all other watches stay open."""

    lists: deque[Answer] = field(default_factory=deque)
    watches: deque[Answer] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)
    """Every request about ConfigMaps: `list`, `watch 7` (from that version); and every write, with its path."""
    others: list[str] = field(default_factory=list)
    """Every other request but discovery: `list` or `watch`, and its path."""
    tokens: list[str] = field(default_factory=list)
    """The Authorization header of each of them."""
    url: str = ""

    def watched_from(self) -> list[str]:
        """The versions from which was watched."""
        return [one.removeprefix("watch ") for one in self.asked if one.startswith("watch")]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.path in DISCOVERY:
            return web.json_response(DISCOVERY[request.path])
        self.tokens.append(request.headers.get("Authorization", ""))
        watching = "watch" in request.query
        if request.method != "GET":
            self.asked.append(f"{request.method} {request.path}")
            return web.json_response({}, status=404)
        if not request.path.endswith("/configmaps"):
            self.others.append(f"{'watch' if watching else 'list'} {request.path}")
            return await _stream(request, stream(ends=False)) if watching else _plain(page())
        if not watching:
            self.asked.append("list")
            return _plain(self.lists.popleft() if self.lists else page())
        self.asked.append(f"watch {request.query.get('resourceVersion', '')}")
        answer = self.watches.popleft() if self.watches else stream(ends=False)
        return _plain(answer) if answer.status != 200 else await _stream(request, answer)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.serve)
        runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = "http://{}:{}".format(*runner.addresses[0][:2])
            yield self
        finally:
            await runner.cleanup()


def _plain(answer: Answer) -> web.Response:
    body = {"kind": "Status", "code": answer.status} if answer.body is None else answer.body
    return web.json_response(body, status=answer.status)


async def _stream(request: web.Request, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for one in answer.events:
        await response.write(json.dumps(one).encode() + b"\n")
    if not answer.ends:
        await asyncio.Event().wait()
    return response


@dataclass
class Kopf:
    """The installed kopf with one handler of ConfigMaps: what it heard, and how it ended."""

    server: Server
    memo: Any = None
    heard: list[tuple[str | None, str]] = field(default_factory=list)
    """Type and name of each event, in order."""
    handle: Callable[[Any], None] = lambda event: None
    login: Callable[[str], Any] = lambda url: kopf.ConnectionInfo(server=url)
    """Makes the credentials of each login, given the address of the server."""
    tasks: Collection[asyncio.Task[Any]] = ()
    """The root tasks of kopf: one that fails ends it."""

    def registry(self) -> kopf.OperatorRegistry:
        handlers = kopf.OperatorRegistry()

        @kopf.on.login(registry=handlers)
        async def log_in(**_: object) -> Any:
            return self.login(self.server.url)

        @kopf.on.event("", "v1", "configmaps", registry=handlers)
        async def changed(event: kopf.RawEvent, **_: object) -> None:
            self.heard.append((event["type"], event["object"]["metadata"]["name"]))
            self.handle(event)

        return handlers

    async def until(self, what: Callable[[], object]) -> None:
        """Wait for that; AssertionError if kopf ends before, TimeoutError after ten seconds."""
        async with asyncio.timeout(SECONDS):
            while not what():
                assert not any(task.done() for task in self.tasks), "kopf has ended"
                await asyncio.sleep(0.01)

    async def end(self) -> BaseException | None:
        """Wait until kopf ends by itself; return why."""
        async with asyncio.timeout(SECONDS):
            await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)
        return next((task.exception() for task in self.tasks if task.done()), None)


@asynccontextmanager
async def kopf_against(server: Server, **more: Any) -> AsyncIterator[Kopf]:
    """Run the installed kopf with our settings against the server until the block ends."""
    identity: Any = "test"
    async with server.running():
        before = frozenset(asyncio.all_tasks())
        watching = Kopf(server, **more)
        watching.tasks = await kopf.spawn_tasks(
            registry=watching.registry(),
            settings=make_settings(),
            identity=identity,
            clusterwide=True,
            memo=watching.memo,
        )
        try:
            yield watching
        finally:
            await cancel_tasks(before)
