"""A set whose life a test drives, served to foreign verifiers, and what every one of them has to accept and to refuse.

The life of the set runs by a clock of its own; what it publishes is served to the libraries, which cache it by the
clock of the machine. So each step waits until a library that fetches by time has fetched what the step before
published: that is what the lead of a set is for.
"""

import json
import ssl
import threading
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

from jwks_operator.keys.generate import generate
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from reconcile.life import REF, Life

ROTATIONS = 3
PATIENCE = 30.0
DISCOVERY = "/.well-known/openid-configuration"
ISSUER = "https://auth.example.com"
Refusal = Callable[[str], str | None]
"""Says why a verifier refuses a token; None if it accepts it."""


class Server(ThreadingHTTPServer):
    """Serves the published set to each library below its name, and counts what it has fetched.

    The discovery document of the set is served below the name, too, once the set has one: its issuer needs HTTPS.
    """

    daemon_threads = True
    body = b""
    discovery = b""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fetched: Counter[str] = Counter()
        self.scheme = "http" if tls is None else "https"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def uri(self, library: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/{library}"

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
        of_discovery = self.path.endswith(DISCOVERY)
        body = self.server.discovery if of_discovery else self.server.body
        self.send_response(200 if body else 404)
        for name, value in (("Content-Type", "application/json"), ("Cache-Control", "max-age=1")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if not of_discovery:
            self.server.fetched[self.path.split("/")[1]] += 1

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name of the base class
        """Stay silent."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(tls)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Issuer:
    """A set, its tokens, and what is served of it; `claims` are those of its tokens."""

    def __init__(self, server: Server, **claims: str) -> None:
        self.life, self.server, self.claims = Life(), server, {"iss": ISSUER, "sub": "alice", **claims}

    async def begin(self, algorithm: str) -> None:
        entry: dict[str, Any] = {"name": "signing", "algorithm": algorithm}
        if algorithm == "RS256":
            entry["modulusLength"] = 2048
        publish = {"issuer": self.claims["iss"]} if self.claims["iss"].startswith("https://127.0.0.1:") else {}
        await self.life.begin({"keys": [entry], "timing": {"tokenLifetime": "24h"}, "publish": publish})
        await self.pass_by()

    async def pass_by(self, span: timedelta = timedelta()) -> None:
        """Let the operator do what is due, and serve what it publishes."""
        await self.life.pass_()
        if span:
            await self.life.live(span)
        data = (await self.life.read(CONFIGMAPS, REF.name))["data"]
        self.server.body = data["jwks.json"].encode()
        self.server.discovery = data.get("openid-configuration", "").encode()

    async def rotate(self) -> None:
        await self.life.annotate(rotate=f"signing@{self.life.time.now.isoformat()}")
        await self.pass_by(timedelta(minutes=80))

    async def sign(self) -> str:
        data = (await self.life.read(SECRETS, REF.name))["data"]
        return self.sign_with(json.loads(b64decode(data["signing.jwk"])))

    def sign_with(self, key: dict[str, Any]) -> str:
        now = int(time.time())
        claims = {**self.claims, "iat": now, "exp": now + 3600}
        return jwt.encode(claims, jwt.PyJWK(key), headers={"kid": key["kid"]})


async def follow(issuer: Issuer, refusal: Refusal, settle: Callable[[], None]) -> str:
    """Take a set that has begun through rotations, a roll-back and a revocation; no good token is refused.

    Returns a token of a revoked key. `settle` waits until the verifier has fetched, if it fetches by time.
    """
    tokens = [await issuer.sign()]
    assert refusal(tokens[0]) is None
    for _ in range(ROTATIONS):
        settle()
        await issuer.rotate()
        tokens.append(await issuer.sign())
        assert [refusal(token) for token in tokens] == [None] * len(tokens)
    settle()
    former = await issuer.life.in_use()
    await issuer.life.annotate(rollback=f"signing@{issuer.life.time.now.isoformat()}")
    await issuer.pass_by()
    tokens.append(await issuer.sign())
    assert await issuer.life.in_use() != former, "rolled back"
    assert [refusal(token) for token in tokens] == [None] * len(tokens)
    await issuer.life.edit_spec(revoked=[{"kid": await issuer.life.in_use(), "reason": "KeyCompromise"}])
    await issuer.pass_by()
    settle()
    assert refusal(await issuer.sign()) is None, "the successor"
    stranger = generate("ES256", None)
    assert refusal(issuer.sign_with(dict(stranger.private.reveal()))) is not None
    settle()
    return tokens[-1]
