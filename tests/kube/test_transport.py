"""The transport over real sockets: timeouts, broken lines, credentials, and what it makes of odd servers."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from kubernetes.aio.client import Configuration

from fakes.apiserver import FakeApiServer
from fakes.faults import Delay, LoseRequest
from fakes.front import Front
from fakes.seam import FakeTransport
from jwks_operator.kube.client import NAMESPACES, SECRETS, Call, Client
from jwks_operator.kube.errors import NotLeading, NotServed, Refused, Unavailable
from jwks_operator.kube.transport import USER_AGENT, HttpTransport

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PATH = SECRETS.path("shop", "a")


@asynccontextmanager
async def speaking(host: str) -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(Configuration(host=host))
    try:
        yield transport
    finally:
        await transport.close()


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[str]:
    """A server that speaks raw bytes; gives its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, as some of these tests want
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def saying(text: str, *, then: float = 0) -> Talk:
    """Read one request, say these bytes, wait `then` seconds and hang up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.encode())
        await writer.drain()
        await asyncio.sleep(then)

    return talk


def answer(status: str, body: str, *headers: str) -> str:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", *headers]
    return "\r\n".join(lines) + "\r\n\r\n" + body


OPEN = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"


def chunk(text: str) -> str:
    return f"{len(text.encode()):x}\r\n{text}\r\n"


async def test_an_answer_arrives_with_lower_case_headers() -> None:
    said = answer("200 OK", '{"a": 1}', "X-Odd: y", "Date: Sun, 22 Nov 2026 18:00:00 GMT")
    async with listening(saying(said)) as host, speaking(host) as transport:
        reply = await transport.request(Call("GET", PATH))
    assert (reply.status, reply.body) == (200, {"a": 1})
    assert (reply.headers["x-odd"], reply.headers["date"]) == ("y", "Sun, 22 Nov 2026 18:00:00 GMT")


async def test_what_is_sent_is_what_was_asked_for() -> None:
    heard: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
        heard.append((await reader.readexactly(10)).decode())
        writer.write(answer("200 OK", "{}").encode())

    call = Call("PATCH", PATH, {"labelSelector": "a in (b,c)"}, {"k": "dg"}, "application/apply-patch+yaml", "x/y")
    async with listening(talk) as host, speaking(host) as transport:
        await transport.request(call)
    assert heard[0].startswith(f"PATCH {PATH}?labelSelector=a+in+(b,c) HTTP/1.1\r\n")
    for line in ("Content-Type: application/apply-patch+yaml", "Accept: x/y", f"User-Agent: {USER_AGENT}"):
        assert f"\r\n{line}\r\n" in heard[0]
    assert heard[1] == '{"k": "dg"'


@pytest.mark.parametrize("body", ["", "no JSON", "[1]", '"text"', "{"])
async def test_a_body_that_is_no_json_object_is_dropped(body: str) -> None:
    async with listening(saying(answer("502 Bad Gateway", body))) as host, speaking(host) as transport:
        reply = await transport.request(Call("GET", PATH))
    assert (reply.status, reply.body) == (502, None)


SILENT = {
    "silent": "",
    "silent in the middle of the headers": "HTTP/1.1 200 OK\r\nContent-",
    "silent in the middle of the body": 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a":',
}


@pytest.mark.parametrize("said", SILENT.values(), ids=SILENT)
async def test_a_server_that_falls_silent_is_left_after_the_timeout(said: str) -> None:
    async with listening(saying(said, then=5)) as host, speaking(host) as transport, asyncio.timeout(3):
        with pytest.raises(Unavailable, match=r"no answer within 0\.2 s") as caught:
            await transport.request(Call("PUT", PATH, timeout=0.2))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


BROKEN = SILENT | {"not HTTP": "SSH-2.0-OpenSSH_9.2\r\n\r\n", "a bad chunk": OPEN + "zz\r\n"}


@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN)
async def test_a_server_that_hangs_up_is_unavailable(said: str) -> None:
    async with listening(saying(said)) as host, speaking(host) as transport:
        with pytest.raises(Unavailable, match=f"^POST {PATH}: [A-Za-z]+$"):
            await transport.request(Call("POST", PATH, body={"data": {"k": "private"}}))


async def test_a_refused_connection_is_unavailable() -> None:
    async with listening(saying("")) as host:
        pass
    async with speaking(host) as transport:
        with pytest.raises(Unavailable, match="ConnectorError"):
            await transport.request(Call("GET", PATH))
        with pytest.raises(Unavailable, match="ConnectorError"):
            async for _ in transport.stream(Call("GET", PATH)):
                pass


async def test_a_redirect_is_not_followed() -> None:
    async with listening(saying(answer("200 OK", "{}"))) as elsewhere:
        moved = answer("307 Temporary Redirect", "", f"Location: {elsewhere}{PATH}")
        async with listening(saying(moved)) as host, speaking(host) as transport:
            with pytest.raises(Unavailable, match="307"):
                await Client(transport).read(SECRETS, "shop", "a")


async def test_a_login_page_is_not_taken_for_an_object() -> None:
    async with listening(saying(answer("200 OK", "<html>"))) as host, speaking(host) as transport:
        with pytest.raises(Refused, match="without a JSON object"):
            await Client(transport).read(SECRETS, "shop", "a")


async def test_cancellation_passes_and_frees_the_connection() -> None:
    server = FakeApiServer()
    async with Front(server, [Delay(5, lambda call: call.path == PATH)]) as front, speaking(front.url) as transport:
        slow = asyncio.create_task(transport.request(Call("GET", PATH)))
        await asyncio.sleep(0.1)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert (await transport.request(Call("GET", PATH))).status == 404


async def test_a_cancellation_of_what_is_beneath_is_an_interruption_and_no_cancellation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When kopf ends it cancels every task that began after it: connections that are being made, too."""

    async def being_made(*_: object) -> None:
        beneath = asyncio.ensure_future(asyncio.sleep(60))
        asyncio.get_running_loop().call_soon(beneath.cancel)
        await beneath

    monkeypatch.setattr(HttpTransport, "_open", being_made)
    async with speaking("http://127.0.0.1:1") as transport:
        with pytest.raises(Unavailable, match="cancelled from outside"):
            await transport.request(Call("GET", PATH))


async def test_an_interrupted_write_is_not_sent_again() -> None:
    async with Front(FakeApiServer(), [LoseRequest()]) as front, speaking(front.url) as transport:
        with pytest.raises(Unavailable):
            await Client(transport).create(NAMESPACES, None, {"metadata": {"name": "shop"}})
        assert len(front.seam.log) == 1


async def test_a_pooled_connection_that_was_closed_costs_one_whole_resend_of_a_put() -> None:
    heard: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            heard.append((await reader.readexactly(10)).decode())
            if len(heard) == 2:
                return
            writer.write(answer("200 OK", "{}").encode())

    async with listening(talk) as host, speaking(host) as transport:
        for number in (1, 2):
            await transport.request(Call("PUT", PATH, body={"k": f"{number}x"}))
    assert heard == ['{"k": "1x"', '{"k": "2x"', '{"k": "2x"']


async def test_a_write_whose_permission_ends_while_it_is_being_sent_never_leaves() -> None:
    answers = [True, False]
    async with Front(FakeApiServer()) as front, speaking(front.url) as transport:
        client = Client(transport, may_write=lambda: answers.pop(0))
        with pytest.raises(NotLeading, match="any more"):
            await client.create(NAMESPACES, None, {"metadata": {"name": "shop"}})
        assert front.seam.log == []
        assert (await transport.request(Call("GET", PATH))).status == 404


async def test_a_write_whose_permission_ended_is_not_sent_again_when_its_connection_was_closed() -> None:
    heard: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            heard.append((await reader.readexactly(10)).decode())
            if len(heard) == 2:
                return
            writer.write(answer("200 OK", "{}").encode())

    async with listening(talk) as host, speaking(host) as transport:
        await transport.request(Call("PUT", PATH, body={"k": "1x"}))
        with pytest.raises(NotLeading):
            await transport.request(Call("PUT", PATH, body={"k": "2x"}, permit=lambda: len(heard) < 2))
    assert heard == ['{"k": "1x"', '{"k": "2x"']


async def _names(transport: HttpTransport, timeout: float = 5) -> list[str]:  # noqa: ASYNC109  the call's own
    async with aclosing(transport.stream(Call("GET", PATH, {"watch": "true"}, timeout=timeout))) as events:
        return [each["object"]["n"] async for each in events]


def event(name: str) -> str:
    return json.dumps({"type": "ADDED", "object": {"n": name}}) + "\n"


async def test_events_are_lines_wherever_the_chunks_end() -> None:
    text = event("a") + event("b" * 300_000) + event("c")
    said = OPEN + "".join(chunk(text[at : at + 70_000]) for at in range(0, len(text), 70_000)) + chunk("")
    async with listening(saying(said)) as host, speaking(host) as transport:
        assert [name[0] for name in await _names(transport)] == ["a", "b", "c"]


async def test_a_watch_that_breaks_is_unavailable() -> None:
    for said in (OPEN + chunk(event("a")), OPEN + chunk("no JSON\n") + chunk("")):
        async with listening(saying(said)) as host, speaking(host) as transport:
            with pytest.raises(Unavailable, match=r"WATCH .*: ClientPayloadError"):
                await _names(transport)


async def test_a_watch_that_does_not_end_in_its_time_is_unavailable() -> None:
    async with listening(saying(OPEN + chunk(event("a")), then=5)) as host, speaking(host) as transport:
        with pytest.raises(Unavailable, match=r"not ended within 0\.2 s"):
            await _names(transport, timeout=0.2)


@pytest.mark.parametrize("body", ["404 page not found", '{"kind": "Status"}'])
async def test_a_refused_watch_is_one_error_event_with_its_code(body: str) -> None:
    async with listening(saying(answer("404 Not Found", body))) as host, speaking(host) as transport:
        [refusal] = [event async for event in transport.stream(Call("GET", PATH))]
        assert (refusal["type"], refusal["object"]["code"]) == ("ERROR", 404)
        with pytest.raises(NotServed):
            async for _ in Client(transport).watch(SECRETS, None, None, "1"):
                pass


async def test_a_watch_that_the_server_ends_just_ends() -> None:
    said = OPEN + chunk(event("a")) + chunk("")
    async with listening(saying(said)) as host, speaking(host) as transport:
        seen = [(kind, obj["n"]) async for kind, obj in Client(transport).watch(SECRETS, None, None, "1")]
    assert seen == [("ADDED", "a")]


async def test_client_and_transport_log_no_body(caplog: pytest.LogCaptureFixture) -> None:
    server = FakeApiServer()
    await Client(FakeTransport(server)).create(NAMESPACES, None, {"metadata": {"name": "shop"}})
    body = {"metadata": {"name": "a"}, "data": {"k": "aHVudGVyMg=="}}
    with caplog.at_level(logging.DEBUG):
        async with Front(server) as front, speaking(front.url) as transport:
            await Client(transport).create(SECRETS, "shop", body)
    assert "aHVudGVyMg==" not in caplog.text
