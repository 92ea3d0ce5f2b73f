"""A real kube-apiserver reads a document of its own while keys that it refuses are in the whole set (K1)."""

import json
import time
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from cluster.examples.test_kube_apiserver import EXAMPLE, served, until_known, whoami
from controlplane import ControlPlane
from controlplane.processes import free_ports
from demo.mount import swap
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from reconcile.life import REF, Life

ROTATIONS = 5


def spec(issuer: str) -> dict[str, Any]:
    return {
        "keys": [
            {"name": "signing", "algorithm": "ES256"},
            {"name": "hybrid", "algorithm": "ML-DSA-65"},
            {"name": "inbox", "algorithm": "ECDH-ES", "crv": "X25519"},
        ],
        "readers": ["KubeApiserver"],
        "timing": {"cacheMaxAge": "1s"},
        "publish": {"issuer": issuer, "documents": [{"name": "kube", "entries": ["signing"]}]},
    }


def configuration(room: Path, issuer: str, discovery: str | None) -> Path:
    """The example for this issuer, with the discovery document of the set or of the document."""
    wanted: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    found = wanted["jwt"][0]["issuer"]
    found |= {"url": issuer, "certificateAuthority": (room / "tls.crt").read_text()}
    if discovery is not None:
        found["discoveryURL"] = discovery
    path = room / "authentication.yaml"
    path.write_text(yaml.safe_dump(wanted))
    return path


async def publish(life: Life, room: Path) -> None:
    """Mount the ConfigMap as it is now."""
    data = (await life.read(CONFIGMAPS, REF.name))["data"]
    swap(room / "published", {name: text.encode() for name, text in data.items()})


async def sign(life: Life, issuer: str) -> str:
    """A token of the key in use, good for an hour by the clock of the machine."""
    data = (await life.read(SECRETS, REF.name))["data"]
    key = json.loads(b64decode(data["signing.jwk"]))
    now = int(time.time())
    claims = {"iss": issuer, "aud": "kubernetes", "sub": "alice", "groups": ["dev"], "iat": now, "exp": now + 3600}
    return jwt.encode(claims, jwt.PyJWK(key), headers={"kid": key["kid"]})


async def rotate(life: Life) -> None:
    """Rotate on request: after its lead the successor is active, the former key retired and not yet gone."""
    former = await life.in_use()
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
    await life.live(timedelta(minutes=80))
    assert await life.in_use() != former


@pytest.mark.timeout(600)
async def test_five_rotations_beside_keys_that_it_refuses_cost_no_token(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    issuer = f"https://127.0.0.1:{port}"
    life = Life()
    await life.begin(spec(issuer))
    await life.pass_()
    await publish(life, tmp_path)
    with served(tmp_path, port):
        flag = configuration(tmp_path, issuer, f"{issuer}/kube/.well-known/openid-configuration")
        with ControlPlane.start(apiserver_flags=[f"--authentication-config={flag}"]) as plane:
            tokens = [await sign(life, issuer)]
            assert until_known(plane, tokens[0])[0] == "example:alice"
            refused = 0
            for _ in range(ROTATIONS):
                await rotate(life)
                await publish(life, tmp_path)
                tokens.append(await sign(life, issuer))
                refused += sum(whoami(plane, token) is None for token in tokens[-2:])
            assert len({jwt.get_unverified_header(token)["kid"] for token in tokens}) == 1 + ROTATIONS
            assert refused == 0


@pytest.mark.timeout(600)
async def test_the_whole_set_is_refused_for_the_same_keys(tmp_path: Path) -> None:
    """What the document is for; without the reader's name nothing warns of it before the first token fails."""
    (port,) = free_ports(1)
    issuer = f"https://127.0.0.1:{port}"
    life = Life()
    await life.begin(spec(issuer) | {"keys": [{"name": "signing", "algorithm": "ES256"}], "readers": []})
    await life.pass_()
    await publish(life, tmp_path)
    with served(tmp_path, port):
        flag = configuration(tmp_path, issuer, None)
        with ControlPlane.start(apiserver_flags=[f"--authentication-config={flag}"]) as plane:
            until_known(plane, await sign(life, issuer))
            await life.set_spec(spec(issuer))
            await life.pass_()
            await publish(life, tmp_path)
            await rotate(life)
            await publish(life, tmp_path)
            assert whoami(plane, await sign(life, issuer)) is not None, "it has had the next key, and does not fetch"
            await rotate(life)
            await publish(life, tmp_path)
            assert whoami(plane, await sign(life, issuer)) is None, "it fetches, and refuses the set"
