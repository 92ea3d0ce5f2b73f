"""One GET over real sockets: what it sends, and what it makes of servers that are slow, large, wrong or hostile."""

import gzip
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jwks_operator.kube.endpoint_fetch import Address, HttpFetch, NoAnswer
from kube.talks import HOST, listening, reply, saying
from serve.certificates import pair

SET = b'{"keys":[]}'


@pytest.fixture
async def fetch() -> AsyncIterator[HttpFetch]:
    made = HttpFetch(timeout=60, most=1000)
    yield made
    await made.close()


async def test_what_is_served_comes_back_and_the_request_is_plain(
    fetch: HttpFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    heard: list[bytes] = []
    async with listening(saying(reply("200 OK", SET, "Set-Cookie: a=b"), heard)) as port:
        assert await fetch(Address(HOST, port, "/.well-known/jwks.json")) == SET
        assert await fetch(Address(HOST, port, "/keys")) == SET
    first, second = (request.decode().lower() for request in heard)
    assert first.startswith("get /.well-known/jwks.json http/1.1\r\n")
    assert f"host: {HOST}:{port}\r\n" in first
    assert "accept: application/jwk-set+json, application/json\r\n" in first
    assert "accept-encoding: identity\r\n" in first
    assert "user-agent: jwks-operator/" in first
    assert "authorization" not in first
    assert "cookie" not in second


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
async def test_no_redirect_is_followed(fetch: HttpFetch, status: str) -> None:
    heard: list[bytes] = []
    async with listening(saying(reply("200 OK", SET), heard)) as elsewhere:
        location = f"Location: http://{HOST}:{elsewhere}/"
        async with listening(saying(reply(status, b"", location))) as port:
            with pytest.raises(NoAnswer, match="does not serve a set at /x"):
                await fetch(Address(HOST, port, "/x"))
    assert heard == []


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found", "503 Service Unavailable"])
async def test_only_200_is_an_answer(fetch: HttpFetch, status: str) -> None:
    async with listening(saying(reply(status, b""))) as port:
        with pytest.raises(NoAnswer, match="does not serve a set at /x"):
            await fetch(Address(HOST, port, "/x"))


@pytest.mark.parametrize(
    "answer",
    [
        reply("200 OK", b"x" * 1001),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n%b\r\n400\r\n%b" % (b"x" * 256, b"x" * 1024),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000,
    ],
)  # fmt: skip
async def test_an_answer_has_a_size(fetch: HttpFetch, answer: bytes) -> None:
    async with listening(saying(answer, stays=True)) as port:
        with pytest.raises(NoAnswer, match="answered more than 1000 octets"):
            await fetch(Address(HOST, port, "/"))


async def test_nothing_is_decompressed(fetch: HttpFetch) -> None:
    bomb = gzip.compress(b"0" * 10_000)
    async with listening(saying(reply("200 OK", bomb, "Content-Encoding: gzip"))) as port:
        assert await fetch(Address(HOST, port, "/")) == bomb


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", b"HTTP/1.1 200 OK\r\nX: a\r\n"]
)
async def test_an_answer_has_a_time(answer: bytes) -> None:
    hurried = HttpFetch(timeout=0.5, most=1000)
    async with listening(saying(answer, stays=True)) as port:
        with pytest.raises(NoAnswer, match=r"did not answer within 0\.5 s"):
            await hurried(Address(HOST, port, "/"))
    await hurried.close()


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.9\r\n\r\n", reply("200 OK", SET).replace(b"11", b"12")])
async def test_what_does_not_speak_http_tells_nothing_of_itself(fetch: HttpFetch, answer: bytes) -> None:
    async with listening(saying(answer)) as port:
        with pytest.raises(NoAnswer) as told:
            await fetch(Address(HOST, port, "/"))
    assert str(told.value) == "could not be reached"
    assert told.value.__cause__ is None


async def test_nobody_there_is_said_as_if_it_did_not_speak_http(fetch: HttpFetch) -> None:
    with pytest.raises(NoAnswer, match=r"^could not be reached$"):
        await fetch(Address(HOST, 1, "/"))


async def test_tls_is_spoken_without_asking_who_signed_the_certificate(fetch: HttpFetch, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for name, content in pair(1).items():
        (tmp_path / name).write_bytes(content)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    async with listening(saying(reply("200 OK", SET)), context) as port:
        assert await fetch(Address(HOST, port, "/", secure=True)) == SET
