"""A bad way to a good API server: drops, delays, errors, torn, doubled and disordered watches, as chance has it.

The operator talks plain HTTP to it on the loopback; it talks TLS to the API server. An answer that is dropped has
taken effect. Everything comes from one seed, but for what the timing of the processes adds.
"""

import asyncio
import json
import ssl
import threading
from collections import Counter, deque
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from random import Random
from typing import Self

import aiohttp
import yaml
from aiohttp import web

from controlplane import Access

ERRORS = {409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
ASKED = {401: "Unauthorized", 410: "Gone"}
"""Answers that are given when they are asked for."""
NOT_PASSED_ON = {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Content-Encoding", "Accept-Encoding"}


class _Broken(Exception):
    """A watch is to end in this way."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class FaultyWay:
    """`with FaultyWay(plane, seed) as way`: `way.kubeconfig(path)` leads over it; faults only while `way.faulty`.

    `share` of the requests meet a fault, and `torn` of the lines of watches (as many if not given). What `refuse`,
    `cut` and `expire` ask for happens anyway.
    """

    def __init__(self, plane: Access, seed: int, share: float = 0.14, torn: float | None = None) -> None:
        self.faulty = True
        self.clock = timedelta()
        """By how much the API server's clock is ahead, as far as its answers tell."""
        self.happened: Counter[str] = Counter()
        self._plane, self._chance, self._share = plane, Random(seed), share
        self._torn = share if torn is None else torn
        self._refusals: deque[int] = deque()
        self._watches: set[aiohttp.StreamReader] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._secure = ssl.create_default_context(cafile=str(plane.ca_file))
        self._url = ""

    def kubeconfig(self, former: Path) -> Path:
        """Write beside a kubeconfig another one that leads over this way."""
        config = yaml.safe_load(former.read_text())
        for cluster in config["clusters"]:
            cluster["cluster"] = {"server": self._url}
        path = former.with_suffix(".faulty")
        path.write_text(yaml.safe_dump(config))
        path.chmod(0o600)
        return path

    def refuse(self, code: int) -> None:
        """Answer the next watch that is begun with this code: 401, or a plain 410."""
        self._refusals.append(code)

    def cut(self) -> int:
        """Tear every watch that is open now in the middle of a line; return how many there are."""
        return self._break("tear")

    def expire(self) -> int:
        """Tell every watch that is open now that its place is too old (ERROR, code 410); return how many there are."""
        return self._break("expire")

    def _break(self, fault: str) -> int:
        async def broken() -> int:
            for content in self._watches:
                content.set_exception(_Broken(fault))
            self.happened[fault] += len(self._watches)
            return len(self._watches)

        return asyncio.run_coroutine_threadsafe(broken(), self._loop).result(10)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self._url = f"http://{host}:{port}"
        plainly = {"Accept-Encoding": "identity"}  # the API server compresses long lists for whoever takes it
        self._client = aiohttp.ClientSession(headers=plainly, trust_env=False, auto_decompress=False)

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self._client.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        watching = request.query.get("watch") in {"1", "true"}
        if watching and self._refusals:
            return self._error(self._refusals.popleft(), watching)
        usual = ("error", "delay") if watching else ("error", "drop before", "drop after", "delay")
        fault = self._draw(usual, self._share)
        if fault == "error":
            return self._error(self._chance.choice(sorted(ERRORS)), watching)
        if fault == "delay":
            await asyncio.sleep(self._chance.uniform(0.05, 0.4))
        if fault == "drop before":
            return _hang_up(request)
        sent = await request.read()
        headers = {name: value for name, value in request.headers.items() if name not in NOT_PASSED_ON}
        target = f"{self._plane.url}{request.raw_path}"
        async with self._client.request(
            request.method,
            target,
            data=sent or None,
            headers=headers,
            ssl=self._secure,
            timeout=aiohttp.ClientTimeout(None),
        ) as answer:
            if watching and answer.status == 200:
                return await self._watch(request, answer)
            body = await answer.read()
            if fault == "drop after":
                return _hang_up(request)
            kept = {name: value for name, value in answer.headers.items() if name not in NOT_PASSED_ON}
            kept["Date"] = self._date(answer)
            return web.Response(status=answer.status, headers=kept, body=body)

    async def _watch(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Date": self._date(answer)})
        response.enable_chunked_encoding()
        self._watches.add(answer.content)
        try:
            await response.prepare(request)
            await self._pass_on_until_broken(answer.content, response)
        except ConnectionResetError:  # whoever watched is gone, or is to believe that this one is
            return _hang_up(request)
        finally:
            self._watches.discard(answer.content)
        return response

    async def _pass_on_until_broken(self, content: aiohttp.StreamReader, response: web.StreamResponse) -> None:
        try:
            await self._pass_on(content, response)
        except _Broken as broken:
            if broken.fault == "tear":
                await response.write(b'{"type":"MODIFIED","obj')
                raise ConnectionResetError from None
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}
            await response.write(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")

    async def _pass_on(self, content: aiohttp.StreamReader, response: web.StreamResponse) -> None:
        held = b""
        async for line in content:
            fault = self._draw(("tear", "lose", "double", "swap", "expire"), self._torn)
            if fault in {"tear", "expire"}:
                raise _Broken(fault)
            if fault == "swap" and not held:
                held = line
                continue
            if fault != "lose":
                await response.write(line * (2 if fault == "double" else 1) + held)
                held = b""

    def _date(self, answer: aiohttp.ClientResponse) -> str:
        return format_datetime(parsedate_to_datetime(answer.headers["Date"]) + self.clock, usegmt=True)

    def _draw(self, faults: tuple[str, ...], share: float) -> str | None:
        if not self.faulty or self._chance.random() > share:
            return None
        fault = self._chance.choice(faults)
        self.happened[fault] += 1
        return fault

    def _error(self, code: int, watching: bool) -> web.Response:
        self.happened[f"{code} to a watch" if watching else str(code)] += 1
        reason = (ERRORS | ASKED)[code]
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
        headers = {"Retry-After": "1"} if code == 429 else {}
        return web.json_response({**body, "message": "injected"}, status=code, headers=headers)


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)
