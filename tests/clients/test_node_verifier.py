"""The Node.js verifier accepts what it should, refuses what it should, and caches as the real ones do."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import jwt
import pytest
from aiohttp import web
from jwcrypto.jwk import JWK

from clients.node_verifier import NodeVerifier


def new_key(kid: str) -> JWK:
    return JWK.generate(kty="EC", crv="P-256", kid=kid, use="sig", alg="ES256")


def token(key: JWK, lifetime: float = 60) -> str:
    private = jwt.PyJWK(json.loads(key.export_private()), algorithm="ES256")
    claims = {"sub": "somebody", "exp": time.time() + lifetime}
    return jwt.encode(claims, private, algorithm="ES256", headers={"kid": key["kid"]})


@dataclass
class Issuer:
    keys: list[JWK] = field(default_factory=list)
    uri: str = ""
    fetches: int = 0

    async def jwks(self, _: web.Request) -> web.Response:
        self.fetches += 1
        return web.json_response({"keys": [json.loads(key.export_public()) for key in self.keys]})


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    app = web.Application()
    app.router.add_get("/jwks.json", issuer.jwks)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    issuer.uri = "http://127.0.0.1:{1}/jwks.json".format(*runner.addresses[0])
    yield issuer
    await runner.cleanup()


@pytest.fixture
def verifier() -> Iterator[NodeVerifier]:
    with NodeVerifier({"cache": True, "cacheMaxAge": 36_000_000}) as verifier:
        yield verifier


async def test_it_follows_a_rotation_with_one_fetch_for_each_new_key(issuer: Issuer, verifier: NodeVerifier) -> None:
    old, new = new_key("old"), new_key("new")
    issuer.keys = [old]
    for _ in range(3):
        assert await asyncio.to_thread(verifier.verify, issuer.uri, token(old)) is None
    issuer.keys = [old, new]
    for _ in range(3):
        assert await asyncio.to_thread(verifier.verify, issuer.uri, token(new)) is None
    assert issuer.fetches == 2


@pytest.mark.parametrize(
    ("signer", "lifetime", "error"),
    [
        ("published", -1, "TokenExpiredError"),
        ("unpublished", 60, "Unable to find a signing key"),
        ("impostor", 60, "invalid signature"),
    ],
)
async def test_it_refuses_a_bad_token(
    issuer: Issuer, verifier: NodeVerifier, signer: str, lifetime: float, error: str
) -> None:
    published = new_key("published")
    issuer.keys = [published]
    keys = {"published": published, "unpublished": new_key("unpublished"), "impostor": new_key("published")}
    answer = await asyncio.to_thread(verifier.verify, issuer.uri, token(keys[signer], lifetime))
    assert answer is not None
    assert error in answer
