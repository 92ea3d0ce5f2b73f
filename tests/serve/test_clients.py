"""Clients that are not ours get what they need, through rotations."""

import json
import shutil
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import jwt
import pytest
from jwcrypto.jwk import JWK

from clients.node_verifier import NODE, NodeVerifier, modules
from demo.mount import swap
from serve.running import JWKS, serving
from serve.sets import EC, RSA, but, jwks


def new_key(kid: str) -> JWK:
    return JWK.generate(kty="EC", crv="P-256", kid=kid, use="sig", alg="ES256")


def public(*keys: JWK) -> bytes:
    return jwks(*(json.loads(key.export_public()) for key in keys))


def token(key: JWK) -> str:
    private = jwt.PyJWK(json.loads(key.export_private()), algorithm="ES256")
    return jwt.encode({"sub": "somebody", "exp": time.time() + 60}, private, "ES256", headers={"kid": key["kid"]})


def test_python_and_node_follow_rotations(tmp_path: Path) -> None:
    keys = [new_key(f"key-{number}") for number in range(4)]
    swap(tmp_path, {"jwks.json": public(keys[0])})
    with serving(tmp_path) as server, NodeVerifier({"cache": True, "cacheMaxAge": 36_000_000}) as node:
        url = f"http://127.0.0.1:{server.port}{JWKS}"
        python = jwt.PyJWKClient(url, cooldown_duration=0)
        for former, key in pairwise(keys):
            server.mount({"jwks.json": public(former, key)})
            server.serves(public(former, key))
            for signer in (former, key):
                signed = token(signer)
                assert node.verify(url, signed) is None
                assert jwt.decode(signed, python.get_signing_key_from_jwt(signed), ["ES256"])["sub"] == "somebody"


def test_jose_reads_the_remote_set(tmp_path: Path) -> None:
    key = new_key("key")
    swap(tmp_path, {"jwks.json": public(key), "zz-serve.json": b'{"mediaType": "application/json"}'})
    with serving(tmp_path) as server:
        script = Path(__file__).with_name("remote.mjs")
        url = f"http://127.0.0.1:{server.port}/keys"
        command: list[str | Path] = [NODE, script, modules(), url, token(key)]
        done = subprocess.run(command, capture_output=True, timeout=30, text=True, check=True)
    assert done.stdout == "somebody"


@pytest.mark.parametrize("option", ["--compressed", "--http1.0", "--http1.1", "--http2"])
def test_curl_gets_the_same_octets_in_every_way(tmp_path: Path, option: str) -> None:
    curl = shutil.which("curl")
    assert curl, "curl is part of every development machine; on Debian: apt install curl"
    body = jwks(EC, RSA, but(RSA, kid="other"))
    swap(tmp_path, {"jwks.json": body})
    with serving(tmp_path) as server:
        url = f"http://127.0.0.1:{server.port}{JWKS}"
        done = subprocess.run([curl, "-sS", "--fail", option, url, url], capture_output=True, timeout=20, check=True)
    assert done.stdout == body * 2
