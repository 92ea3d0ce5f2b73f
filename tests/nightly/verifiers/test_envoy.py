"""Envoy as a process of its own: what it does with a set through its life, and what docs/readers.md says of it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from clients.following import ISSUER, Issuer, Server, follow, serving
from clients.gateways import ask, envoy
from jwks_operator.api.reader_row import Reader
from jwks_operator.api.reader_table import READERS
from jwks_operator.keys.generate import GeneratedKey, generate
from jwks_operator.keys.opened_key import OpenedKey

pytestmark = pytest.mark.timeout(600)
ROW = READERS[Reader.ENVOY]
STRANGERS = {
    "AKP": ("ML-DSA-65", None),
    "Ed448": ("Ed448", None),
    "X25519": ("ECDH-ES", "X25519"),
    "X448": ("ECDH-ES", "X448"),
    "secp256k1": ("ES256K", None),
}


def publish(server: Server, *keys: GeneratedKey, **members: Any) -> None:
    server.body = json.dumps({"keys": [{**key.public, **members} for key in keys]}).encode()


def passes(server: Server, directory: Path, key: GeneratedKey, alg: str = "") -> bool:
    """Whether Envoy, which has just fetched what is served, lets a token of a key pass."""
    signer = OpenedKey(key.private, alg or str(key.public["alg"]))
    claims = {"iss": ISSUER, "sub": "alice", "exp": int(time.time()) + 600}
    with envoy(server.uri("envoy"), directory, 600, ISSUER) as url:
        return ask(f"{url}/", signer.sign_compact(json.dumps(claims).encode(), "JWT")) == 200


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519"])
async def test_it_follows_a_set(algorithm: str, tmp_path: Path) -> None:
    with serving() as server:
        await (issuer := Issuer(server)).begin(algorithm)
        with envoy(server.uri("envoy"), tmp_path, 1, ISSUER) as url:

            def refusal(token: str) -> str | None:
                status = ask(f"{url}/", token)
                return None if status == 200 else str(status)

            revoked = await follow(issuer, refusal, lambda: server.wait_for_fetch("envoy"))
            assert refusal(revoked) is not None


def test_it_does_not_fetch_for_an_unknown_kid(tmp_path: Path) -> None:
    first, second = generate("ES256"), generate("ES256")
    assert ROW.unknown_kid == "does not fetch"
    with serving() as server:
        publish(server, first)
        with envoy(server.uri("envoy"), tmp_path, 600, ISSUER) as url:
            fetched = server.fetched["envoy"]
            publish(server, first, second)
            issuer = Issuer(server)
            assert ask(f"{url}/", issuer.sign_with(dict(second.private.reveal()))) == 401
            assert ask(f"{url}/", issuer.sign_with(dict(first.private.reveal()))) == 200
            assert server.fetched["envoy"] == fetched


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_key_that_it_does_not_know_costs_no_other_key(stranger: str, tmp_path: Path) -> None:
    key, (algorithm, crv) = generate("ES256"), STRANGERS[stranger]
    assert stranger not in ROW.refuses
    with serving() as server:
        publish(server, generate(algorithm, crv=crv) if crv else generate(algorithm), key)
        assert passes(server, tmp_path, key)


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_it_knows_ed25519_by_the_names_of_the_table(name: str, tmp_path: Path) -> None:
    key = generate("Ed25519")
    with serving() as server:
        publish(server, key, alg=name)
        assert passes(server, tmp_path, key, alg=name) == (name in ROW.names)
