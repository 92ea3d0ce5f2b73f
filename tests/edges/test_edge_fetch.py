"""One GET of a public URL over real sockets: what it sends, where it does not go, what it makes of hostile edges."""

import asyncio
import gzip
import json
import ssl
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from jwks_operator.edges.edge_fetch import PRIVATE, EdgeFetch, Look, NoDocument
from jwks_operator.edges.public_address import AddressRules
from kube.talks import HOST, Talk, listening, reply, saying
from serve.certificates import pair

LOOPBACK = AddressRules([ip_network("127.0.0.0/8")])
KEY = {"kid": "k1", "kty": "EC"}
SET = json.dumps({"keys": [KEY]}).encode()
BOMB = gzip.compress(b'{"keys":[' + b" " * 1_000_000 + b"]}")


def fetching(rules: AddressRules = LOOPBACK, *, trusted: bytes = b"", timeout: float = 5.0) -> EdgeFetch:
    tls = ssl.create_default_context()
    if trusted:
        tls.load_verify_locations(cadata=trusted.decode())
    return EdgeFetch(rules, tls, timeout=timeout, most=1000)


def looking(port: int, name: str = "keys.example.com", scheme: str = "http", address: str = HOST) -> Look:
    return Look(f"{scheme}://{name}:{port}/.well-known/jwks.json", address)


async def problem(talk: Talk, fetch: EdgeFetch | None = None) -> str:
    async with listening(talk) as port:
        with pytest.raises(NoDocument) as refused:
            await (fetch or fetching())(looking(port))
        assert refused.value.__context__ is None or isinstance(refused.value.__context__, NoDocument)
    return str(refused.value)


async def test_the_address_is_connected_to_and_the_name_is_asked_for() -> None:
    heard: list[bytes] = []
    headers = ("Cache-Control: public, max-age=300, stale-while-revalidate=60", "Age: 42", "Set-Cookie: a=b")
    async with listening(saying(reply("200 OK", SET, *headers), heard)) as port:
        fetch = fetching()
        found = await fetch(looking(port))
        await fetch(looking(port))
    assert found.keys == (KEY,)
    assert (found.age, found.lifetime) == (timedelta(seconds=42), timedelta(seconds=360))
    first, second = (request.decode().lower() for request in heard)
    assert first == second, "each look is a new connection that knows nothing of the last one"
    assert first.startswith("get /.well-known/jwks.json http/1.1\r\n")
    assert f"host: keys.example.com:{port}\r\n" in first
    assert "accept-encoding: identity\r\n" in first
    assert not [name for name in ("cookie:", "if-none-match:", "cache-control:", "authorization:") if name in first]


async def test_gzip_is_asked_for_as_verifiers_do_and_unpacked() -> None:
    heard: list[bytes] = []
    async with listening(saying(reply("200 OK", gzip.compress(SET), "Content-Encoding: gzip"), heard)) as port:
        found = await fetching()(Look(f"http://a.test:{port}/", HOST, "gzip"))
    assert found.keys == (KEY,)
    assert b"accept-encoding: gzip\r\n" in heard[0].lower()


# --- where it does not go ---


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("keys.example.com", "127.0.0.1"),
        ("127.0.0.1", "8.8.8.8"),
        ("[::ffff:127.0.0.1]", "8.8.8.8"),
        ("localhost", "127.0.0.1"),
    ],
)
async def test_an_address_that_is_not_public_is_never_connected_to(name: str, address: str) -> None:
    """Also where the URL names it literally, which no resolver is asked about."""
    heard: list[bytes] = []
    async with listening(saying(reply("200 OK", SET), heard)) as port:
        with pytest.raises(NoDocument) as refused:
            await fetching(AddressRules())(looking(port, name, address=address))
    assert str(refused.value) == PRIVATE
    assert heard == []


async def test_a_name_that_leads_elsewhere_by_now_is_not_looked_up_again() -> None:
    heard: list[bytes] = []
    async with listening(saying(reply("200 OK", SET), heard)) as port:
        await fetching()(looking(port, "name.that.does.not.resolve.test"))
    assert len(heard) == 1


async def test_a_redirect_is_not_followed() -> None:
    heard: list[bytes] = []
    async with listening(saying(reply("200 OK", SET), heard)) as inside:
        where = f"Location: http://127.0.0.1:{inside}/"
        assert await problem(saying(reply("302 Found", b"", where))) == "redirects, and redirects are not followed"
    assert heard == []


async def test_a_proxy_of_the_environment_is_used_only_where_the_look_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []
    async with listening(saying(reply("200 OK", SET), heard)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy}")
        async with listening(saying(reply("200 OK", SET))) as port:
            await fetching()(looking(port))
        assert heard == []
        named = Look("http://keys.example.com/jwks.json", "the proxy", proxy=f"http://127.0.0.1:{proxy}")
        assert (await fetching(AddressRules())(named)).keys == (KEY,)
    assert heard[0].startswith(b"GET http://keys.example.com/jwks.json ")


# --- TLS ---


async def test_a_certificate_is_checked_for_the_name_of_the_url(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made = pair(1)
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    async with listening(saying(reply("200 OK", SET)), context) as port:
        trusting = fetching(trusted=made["tls.crt"])
        assert (await trusting(looking(port, HOST, "https"))).keys == (KEY,)
        for fetch, name in ((fetching(), HOST), (trusting, "keys.example.com")):
            with pytest.raises(NoDocument, match="has a TLS certificate that is refused"):
                await fetch(looking(port, name, "https"))


# --- what is no document ---


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (reply("404 Not Found", b""), "answers 404"),
        (reply("503 Unavailable", SET), "answers 503"),
        (reply("204 No Content", b""), "answers 204"),
        (reply("200 OK", b"<html>"), "answers something that is no JWK Set"),
        (reply("200 OK", b"[]"), "answers something that is no JWK Set"),
        (reply("200 OK", b'{"keys":[1]}'), "answers something that is no JWK Set"),
        (reply("200 OK", b'{"keys":[],"keys":[]}'), "answers something that is no JWK Set"),
        (reply("200 OK", b" " * 1001), "answered more than 1000 octets"),
        (reply("200 OK", BOMB[:900], "Content-Encoding: gzip"), "answered more than 1000 octets"),
        (reply("200 OK", gzip.compress(SET)[:-4], "Content-Encoding: gzip"), "answers something that is no gzip"),
        (reply("200 OK", SET, "Content-Encoding: gzip"), "answers something that is no gzip"),
        (reply("200 OK", SET, "Content-Encoding: br"), "answers in an encoding that was not asked for"),
        (b"SSH-2.0-OpenSSH\r\n", "gave a broken answer"),
        (b"", "gave a broken answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "gave a broken answer"),
    ],
)
async def test_what_is_no_document_is_told_in_words(answer: bytes, told: str) -> None:
    assert await problem(saying(answer)) == told


async def test_an_edge_that_never_ends_its_answer_is_given_up() -> None:
    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        await reader.read()

    assert await problem(dripping, fetching(timeout=0.2)) == "did not answer within 0.2 s"


async def test_a_closed_port_is_told_in_words() -> None:
    async with listening(saying(b"")) as port:
        pass
    with pytest.raises(NoDocument, match="could not be reached"):
        await fetching()(looking(port))
