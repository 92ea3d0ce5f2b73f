"""A server of the part of Google Cloud Storage's XML API that the publisher needs; the emulators do not have it.

PUT with `x-goog-if-generation-match` (0: only if there is none), GET, both with `ETag` and `x-goog-generation`:
https://cloud.google.com/storage/docs/xml-api/reference-headers
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from aiohttp import web

KEPT = ("content-type", "cache-control")


@dataclass(frozen=True)
class Blob:
    body: bytes
    generation: int
    headers: dict[str, str]


@dataclass
class Store:
    """What there is, by path."""

    blobs: dict[str, Blob] = field(default_factory=dict)
    generations: "count[int]" = field(default_factory=lambda: count(1_700_000_000_000_001))

    async def handle(self, request: web.Request) -> web.Response:
        found = self.blobs.get(request.path)
        if request.method == "GET":
            return _missing() if found is None else web.Response(body=found.body, headers=_about(found))
        if request.method != "PUT":
            return web.Response(status=405)
        wanted = request.headers.get("x-goog-if-generation-match")
        if wanted is not None and int(wanted) != (found.generation if found else 0):
            return web.Response(status=412, text="<Error><Code>PreconditionFailed</Code></Error>")
        kept = {
            name: value
            for name, value in request.headers.items()
            if name.lower() in KEPT or name.lower().startswith("x-goog-meta-")
        }
        new = self.blobs[request.path] = Blob(await request.read(), next(self.generations), kept)
        return web.Response(headers={name: _about(new)[name] for name in ("ETag", "x-goog-generation")})


def _about(blob: Blob) -> dict[str, str]:
    tag = {"ETag": f'"{blob.generation:x}"', "x-goog-generation": str(blob.generation)}
    return {**blob.headers, **tag, "Last-Modified": "Sun, 29 Nov 2026 01:00:00 GMT"}


def _missing() -> web.Response:
    return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")


@asynccontextmanager
async def serve_gcs() -> AsyncIterator[str]:
    """Serve a store of its own; gives the URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", Store().handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
