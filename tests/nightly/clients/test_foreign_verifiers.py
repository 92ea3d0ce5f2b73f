"""Verifiers in Go and Java follow a set through rotations, a roll-back and a revocation, and refuse no good token.

The life of the set runs by a clock of its own; what it publishes is served to the libraries, which cache it by the
clock of the machine. So each step waits until a library that fetches by time has fetched what the step before
published: that is what the lead of a set is for.
"""

import json
import threading
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest

from clients.foreign_verifiers import GO_LIBRARIES, JAVA_LIBRARIES, Verifiers, has_java, start_go, start_java
from corridor.life import REF, Life
from jwks_operator.keys.generate import generate
from jwks_operator.kube.client import CONFIGMAPS, SECRETS

ROTATIONS = 3
REFRESH = 1.0
PATIENCE = 30.0
BY_TIME = ("keyfunc", "jwx")
"""Libraries that fetch by time; the others fetch for an unknown kid."""


class Server(ThreadingHTTPServer):
    """Serves the published set to each library below its name, and counts what it has fetched."""

    daemon_threads = True
    body = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fetched: Counter[str] = Counter()

    def uri(self, library: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{library}"

    def wait_for_fetch(self, library: str) -> None:
        """Wait until a library has begun and ended a fetch of what is served now."""
        before = self.fetched[library]
        end = time.monotonic() + PATIENCE
        while self.fetched[library] < before + 2:
            assert time.monotonic() < end, f"{library} does not fetch"
            time.sleep(0.05)


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.server.body
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Cache-Control", "max-age=1")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.fetched[self.path.strip("/")] += 1

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name of the base class
        """Stay silent."""


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Issuer:
    """A set, its tokens, and what is served of it."""

    def __init__(self, server: Server, document: str = "jwks.json") -> None:
        self.life, self.server, self.document = Life(), server, document

    async def begin(self, spec: dict[str, Any]) -> None:
        await self.life.begin(spec)
        await self.life.pass_()
        await self.publish()

    async def publish(self) -> None:
        data = (await self.life.read(CONFIGMAPS, REF.name))["data"]
        self.server.body = data[self.document].encode()

    async def sign(self) -> str:
        data = (await self.life.read(SECRETS, REF.name))["data"]
        return sign_with(json.loads(b64decode(data["signing.jwk"])))

    async def ask(self, **annotation: str) -> None:
        await self.life.annotate(**annotation)
        await self.life.live(timedelta(minutes=80))
        await self.publish()


def sign_with(key: dict[str, Any]) -> str:
    now = int(time.time())
    claims = {"iss": "https://auth.example.com", "sub": "alice", "iat": now, "exp": now + 3600}
    return jwt.encode(claims, jwt.PyJWK(key), headers={"kid": key["kid"]})


def spec(algorithm: str, *others: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": "signing", "algorithm": algorithm}
    if algorithm == "RS256":
        entry["modulusLength"] = 2048
    return {"keys": [entry, *others], "timing": {"tokenLifetime": "24h"}}


async def follow(verifiers: Verifiers, library: str, algorithm: str, server: Server) -> None:
    """Take a set through its life; every good token is accepted, a revoked or unknown key's is not."""

    def refusal(token: str) -> str | None:
        return verifiers.verify(library, server.uri(library), token)

    def settle() -> None:
        if library in BY_TIME:
            server.wait_for_fetch(library)

    issuer = Issuer(server)
    await issuer.begin(spec(algorithm))
    tokens = [await issuer.sign()]
    assert refusal(tokens[0]) is None
    for _ in range(ROTATIONS):
        settle()
        await issuer.ask(rotate=f"signing@{issuer.life.time.now.isoformat()}")
        tokens.append(await issuer.sign())
        assert [refusal(token) for token in tokens] == [None] * len(tokens)
    settle()
    former = await issuer.life.in_use()
    await issuer.life.annotate(rollback=f"signing@{issuer.life.time.now.isoformat()}")
    await issuer.life.pass_()
    await issuer.publish()
    tokens.append(await issuer.sign())
    assert await issuer.life.in_use() != former, "rolled back"
    assert [refusal(token) for token in tokens] == [None] * len(tokens)
    bad = await issuer.life.in_use()
    await issuer.life.edit_spec(revoked=[{"kid": bad, "reason": "KeyCompromise"}])
    await issuer.life.pass_()
    await issuer.publish()
    settle()
    assert refusal(await issuer.sign()) is None
    stranger = dict(generate("ES256", None).private.reveal())
    assert refusal(sign_with(stranger)) is not None
    if library in {"keyfunc", "jwx", "go-oidc", "jose4j"}:
        settle()
        assert refusal(tokens[-1]) is not None, "revoked, and it has fetched since"


@pytest.fixture(scope="module")
def in_go() -> Iterator[Verifiers]:
    with start_go(REFRESH) as verifiers:
        yield verifiers


@pytest.fixture(scope="module")
def in_java() -> Iterator[Verifiers]:
    if not has_java():
        pytest.skip("needs a JDK and Maven")
    with start_java(REFRESH) as verifiers:
        yield verifiers


@pytest.mark.timeout(900)
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519"])
@pytest.mark.parametrize("library", GO_LIBRARIES)
async def test_a_library_in_go_follows_a_set(in_go: Verifiers, library: str, algorithm: str) -> None:
    with serving() as server:
        await follow(in_go, library, algorithm, server)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
@pytest.mark.parametrize("library", JAVA_LIBRARIES)
async def test_a_library_in_java_follows_a_set(in_java: Verifiers, library: str, algorithm: str) -> None:
    with serving() as server:
        await follow(in_java, library, algorithm, server)
