"""A real kube-apiserver takes tokens signed with a set's key, found by discovery, and follows a rotation."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import yaml

from cluster.stage import ROOT
from controlplane import ControlPlane
from controlplane.processes import free_ports
from demo.cluster import BINARY
from demo.mount import swap
from jwks_operator.keys.generate import GeneratedKey, generate
from serve.certificates import pair

EXAMPLE = ROOT / "examples" / "gateways" / "kube-apiserver.yaml"
PATIENCE = 60.0
MAX_AGE = 40
"""Seconds; it fetches again 30 s before they are over, and not sooner, whatever kid it meets."""


@contextmanager
def served(room: Path, port: int) -> Iterator[None]:
    """`jwks-operator serve` over HTTPS, as an issuer behind no proxy."""
    for name, content in pair(1).items():
        (room / name).write_bytes(content)
    tls = (f"--tls-cert={room / 'tls.crt'}", f"--tls-key={room / 'tls.key'}")
    command = [BINARY, "serve", f"--file={room / 'published'}", f"--port={port}", *tls]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def publish(room: Path, issuer: str, *keys: GeneratedKey) -> None:
    content = {
        "jwks.json": {"keys": [dict(key.public) for key in keys]},
        "openid-configuration": {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        },
        "zz-serve.json": {"cacheMaxAge": MAX_AGE},
    }
    swap(room / "published", {name: json.dumps(text).encode() for name, text in content.items()})


def configuration(room: Path, issuer: str) -> Path:
    """The example for this issuer and its certificate."""
    wanted: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    wanted["jwt"][0]["issuer"] |= {"url": issuer, "certificateAuthority": (room / "tls.crt").read_text()}
    path = room / "authentication.yaml"
    path.write_text(yaml.safe_dump(wanted))
    return path


def token(issuer: str, key: GeneratedKey, seconds: int = 3600) -> str:
    now = int(time.time())
    claims = {"iss": issuer, "aud": "kubernetes", "sub": "alice", "groups": ["dev"], "iat": now, "exp": now + seconds}
    return jwt.encode(claims, jwt.PyJWK(key.private.reveal()), headers={"kid": key.kid})


def whoami(plane: ControlPlane, bearer: str) -> tuple[str, list[str]] | None:
    """The user that the API server takes the bearer for; None for nobody."""
    nobody = plane.directory / "nobody"
    nobody.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "it",
                "clusters": [
                    {"name": "it", "cluster": {"server": plane.url, "certificate-authority": str(plane.ca_file)}}
                ],
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": ""}}],
            }
        )
    )
    done = plane.kubectl("auth", "whoami", "--output=json", f"--token={bearer}", f"--kubeconfig={nobody}")
    if done.returncode:
        return None
    user = json.loads(done.stdout)["status"]["userInfo"]
    return user["username"], user["groups"]


def until_known(plane: ControlPlane, bearer: str) -> tuple[str, list[str]]:
    end = time.monotonic() + PATIENCE
    while (found := whoami(plane, bearer)) is None:
        assert time.monotonic() < end, "the API server takes the bearer for nobody"
        time.sleep(0.5)
    return found


def test_tokens_are_users_before_and_after_a_rotation(tmp_path: Path) -> None:
    former, successor, stranger = (generate("ES256", None) for _ in range(3))
    (port,) = free_ports(1)
    issuer = f"https://127.0.0.1:{port}"
    publish(tmp_path, issuer, former)
    with served(tmp_path, port):
        flag = f"--authentication-config={configuration(tmp_path, issuer)}"
        with ControlPlane.start(apiserver_flags=[flag]) as plane:
            name, groups = until_known(plane, token(issuer, former))
            assert name == "example:alice"
            assert "example:dev" in groups
            assert whoami(plane, token(issuer, stranger)) is None
            assert whoami(plane, token(issuer, former, 7200)) is None, "it lives for longer than the set counts on"
            publish(tmp_path, issuer, former, successor)
            until_known(plane, token(issuer, successor))
            assert whoami(plane, token(issuer, former)) is not None
