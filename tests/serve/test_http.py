"""Real requests on loopback: the set, its headers, and nothing else."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from demo.mount import swap
from jwks_operator.serve.http import JWKS_PATH, MEDIA_TYPE, make_app
from jwks_operator.serve.source import Source
from serve.sets import EC, RSA, but, jwks


class Server:
    """A running server over the volume `volume`; `source.reload()` stands for the watch."""

    def __init__(self, volume: Path, base: str, source: Source, session: aiohttp.ClientSession) -> None:
        self.volume, self.base, self.source, self.session = volume, base, source, session

    def mount(self, **files: bytes) -> None:
        swap(self.volume, {name.replace("_", "."): content for name, content in files.items()})
        self.source.reload()

    async def ask(
        self, path: str = JWKS_PATH, method: str = "GET", **headers: str
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, self.base + path, headers=named) as response:
            return response, await response.read()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    source = Source(tmp_path)
    source.reload()
    runner = web.AppRunner(make_app(source), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session:
        yield Server(tmp_path, f"http://{host}:{port}", source, session)
    await runner.cleanup()


async def test_nothing_yet_is_503_and_not_ready(server: Server) -> None:
    response, _ = await server.ask()
    assert (response.status, response.headers["Retry-After"]) == (503, "5")
    assert (await server.ask("/readyz"))[0].status == 503
    assert (await server.ask("/healthz"))[0].status == 200
    explained, text = await server.ask("/readyz?verbose")
    assert explained.status == 503
    assert b"[-] no set yet" in text


async def test_the_set_is_served_byte_by_byte_with_true_headers(server: Server) -> None:
    swap(server.volume, {"jwks.json": jwks(EC, RSA), "zz-serve.json": b'{"cacheMaxAge": 42}'})
    server.source.reload()
    response, content = await server.ask()
    assert (response.status, content) == (200, jwks(EC, RSA))
    assert response.headers["Content-Type"] == MEDIA_TYPE
    assert response.headers["Cache-Control"] == "public, max-age=42"
    assert response.headers["ETag"].startswith('"')
    assert (await server.ask("/readyz"))[0].status == 200


async def test_head_is_get_without_the_body(server: Server) -> None:
    server.mount(jwks_json=jwks(EC))
    get, content = await server.ask()
    head, nothing = await server.ask(method="HEAD")
    assert (head.status, nothing) == (200, b"")
    assert head.headers["Content-Length"] == str(len(content))
    for name in ("Content-Type", "ETag", "Cache-Control"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
async def test_who_has_the_set_gets_304(server: Server, form: str) -> None:
    server.mount(jwks_json=jwks(EC))
    tag = (await server.ask())[0].headers["ETag"]
    for method in ("GET", "HEAD"):
        response, content = await server.ask(method=method, If_None_Match=form.format(tag=tag))
        assert (response.status, content) == (304, b"")
        assert response.headers["ETag"] == tag
        assert response.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize("form", ['"other"', "", "no-quotes", '"'])
async def test_who_has_something_else_gets_the_set(server: Server, form: str) -> None:
    server.mount(jwks_json=jwks(EC))
    response, content = await server.ask(If_None_Match=form)
    assert (response.status, content) == (200, jwks(EC))


async def test_a_changed_set_has_a_changed_tag(server: Server) -> None:
    server.mount(jwks_json=jwks(EC))
    tag = (await server.ask())[0].headers["ETag"]
    server.mount(jwks_json=jwks(RSA))
    response, content = await server.ask(If_None_Match=tag)
    assert (response.status, content) == (200, jwks(RSA))


async def test_a_planted_private_key_is_never_served(server: Server) -> None:
    server.mount(jwks_json=jwks(EC))
    server.mount(jwks_json=jwks(but(EC, d="c2VjcmV0")))
    response, content = await server.ask()
    assert (response.status, content) == (200, jwks(EC))
    ready, text = await server.ask("/readyz?verbose")
    assert ready.status == 200
    assert b"[-] what is on disk is not served: keys[0]: a member is not public" in text
    assert b"c2VjcmV0" not in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", JWKS_PATH, 405),
        ("DELETE", JWKS_PATH, 405),
        ("GET", "/", 404),
        ("GET", "/jwks.json", 404),
        ("GET", "/.well-known/zz-serve.json", 404),
        ("GET", "/.well-known/../../etc/hostname", 404),
        ("GET", "/.well-known/jwks.json/", 404),
    ],
)
async def test_nothing_else_is_reachable(server: Server, method: str, path: str, status: int) -> None:
    server.mount(jwks_json=jwks(EC))
    assert (await server.ask(path, method))[0].status == status


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jwks_operator", "serve", *arguments, stderr=asyncio.subprocess.PIPE
    )


async def test_the_command_serves_follows_and_ends_on_sigterm(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    process = await start("--file", os.fspath(tmp_path), "--port", "0")
    assert process.stderr is not None
    url = ""
    while not url:
        line = await asyncio.wait_for(process.stderr.readline(), 20)
        assert line, "the server ended before it listened"
        url = line.decode().partition("listening on ")[2].strip()
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            assert await response.read() == jwks(EC)
        swap(tmp_path, {"jwks.json": jwks(RSA)})
        async with asyncio.timeout(5):
            content = b""
            while content != jwks(RSA):
                async with session.get(url) as response:
                    content = await response.read()
        process.send_signal(signal.SIGTERM)  # an idle keep-alive connection is open
        await asyncio.wait_for(process.communicate(), 5)
    assert process.returncode == 0


async def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await start("--file", os.fspath(tmp_path), "--port", str(taken.getsockname()[1]))
        _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert b"cannot listen on 127.0.0.1" in errors
    assert b"Traceback" not in errors
