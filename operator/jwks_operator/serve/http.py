"""The HTTP face of one source: every answer comes from memory, nothing else is reachable.

`/.well-known/jwks.json` is the set (RFC 7517 section 8.5.2) with a strong ETag and a true Cache-Control
(RFC 9111). `/healthz` says that the process answers, `/readyz` that it has a good set; `/readyz?verbose`
explains in plain text. A refused newer set does not end readiness: the last good one is right until its
keys are rotated away, and taking the server down would turn a bad write into an outage.
"""

from typing import Final

from aiohttp import hdrs, web

from jwks_operator.serve.source import Served, Source

JWKS_PATH: Final = "/.well-known/jwks.json"
MEDIA_TYPE: Final = "application/jwk-set+json"
RETRY_AFTER_SECONDS: Final = 5


def make_app(source: Source) -> web.Application:
    """Return the application that serves whatever `source` holds at the time of each request."""

    async def jwks(request: web.Request) -> web.Response:
        served = source.served
        if served is None:
            return web.Response(status=503, text="no set yet\n", headers={hdrs.RETRY_AFTER: str(RETRY_AFTER_SECONDS)})
        if _knows(request, served):
            return web.Response(status=304, headers=_headers(served))
        return web.Response(body=served.body, content_type=MEDIA_TYPE, headers=_headers(served))

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(request: web.Request) -> web.Response:
        ready = source.served is not None
        text = _explain(source) if "verbose" in request.query else "ok\n" if ready else "no set yet\n"
        return web.Response(status=200 if ready else 503, text=text)

    app = web.Application()
    app.router.add_get(JWKS_PATH, jwks)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    return app


def _knows(request: web.Request, served: Served) -> bool:
    # RFC 9110 section 13.1.2: weak comparison, and "*" stands for any current representation.
    tags = request.if_none_match or ()
    return any(tag.value in ("*", served.etag) for tag in tags)


def _headers(served: Served) -> dict[str, str]:
    return {
        hdrs.ETAG: f'"{served.etag}"',
        hdrs.CACHE_CONTROL: f"public, max-age={served.max_age}",
        "X-Content-Type-Options": "nosniff",
    }


def _explain(source: Source) -> str:
    served = source.served
    good = f"[+] serving {served.keys} keys, content {served.etag[:12]}" if served else "[-] no set yet"
    newest = f"[-] what is on disk is not served: {source.trouble}" if source.trouble else "[+] that is what is on disk"
    return f"{good}\n{newest}\n"
