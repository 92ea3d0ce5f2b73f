"""The issuers of docs/issuers.md sign with the key in use, and with the next one as soon as it is mounted."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest

from clients.node_verifier import NODE, modules
from controlplane.build import compile_go
from demo.mount import swap
from docs.pages import ROOT
from jwks_operator.keys.formats import render
from jwks_operator.keys.generate import GeneratedKey, generate
from jwks_operator.keys.secret_files import Form

ISSUERS = ROOT / "examples" / "issuers"
GO = Path(__file__).with_name("go")
Sign = Callable[[Path], str]


def mount(place: Path, key: GeneratedKey) -> None:
    """What a pod sees of the Secret, swapped as the kubelet does."""
    swap(place, {"signing.jwk": render(key.public, key.private, Form.JWK)})


def python(mounted: Path) -> str:
    call = f"import pathlib, issuer; print(issuer.sign('alice', pathlib.Path({str(mounted)!r})))"
    return run([sys.executable, "-c", call], ISSUERS)


def node(mounted: Path, room: Path) -> str:
    if not (room / "node_modules").exists():
        (room / "node_modules").symlink_to(modules() / "node_modules")
    (room / "issuer.mjs").write_text((ISSUERS / "issuer.mjs").read_text())
    call = f"import {{sign}} from './issuer.mjs'; console.log(await sign('alice', {str(mounted)!r}));"
    return run([str(NODE), "--input-type=module", "--eval", call], room)


def run(command: list[str], where: Path) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def check(sign: Sign, mounted: Path) -> None:
    for algorithm in ("ES256", "RS256", "ES256"):
        key = generate(algorithm, None)
        mount(mounted, key)
        token = sign(mounted)
        assert jwt.get_unverified_header(token)["kid"] == key.kid
        claims = jwt.decode(token, jwt.PyJWK(key.public), algorithms=[algorithm], issuer="https://auth.example.com")
        assert claims["sub"] == "alice"
        assert claims["exp"] - claims["iat"] == 900


def test_the_python_issuer_signs_with_whatever_is_mounted(tmp_path: Path) -> None:
    check(python, tmp_path / "signing")


def test_the_node_issuer_signs_with_whatever_is_mounted(tmp_path: Path) -> None:
    check(lambda mounted: node(mounted, tmp_path), tmp_path / "signing")


@pytest.mark.cluster
@pytest.mark.timeout(600)
def test_the_go_issuer_signs_with_whatever_is_mounted(tmp_path: Path) -> None:
    (tmp_path / "module" / "issuer").mkdir(parents=True)
    for file in (GO / "go.mod", GO / "go.sum", GO / "main.go"):
        (tmp_path / "module" / file.name).write_text(file.read_text())
    (tmp_path / "module" / "issuer" / "issuer.go").write_text((ISSUERS / "issuer.go").read_text())
    (tmp_path / "bin").mkdir()
    compile_go(tmp_path / "module", [], ["."], tmp_path / "bin")
    (binary,) = (tmp_path / "bin").iterdir()
    assert os.access(binary, os.X_OK)

    def sign(mounted: Path) -> str:
        return run([str(binary), str(mounted), "alice"], tmp_path)

    check(sign, tmp_path / "signing")
    key = generate("Ed25519", None)
    old = {**key.public, "alg": "EdDSA"}
    swap(tmp_path / "signing", {"signing.jwk": render(old, key.private, Form.JWK)})
    claims = jwt.decode(sign(tmp_path / "signing"), jwt.PyJWK(old), algorithms=["EdDSA"])
    assert claims["sub"] == "alice", "with publish.eddsaName: EdDSA, as the page says"
    mount(tmp_path / "signing", key)
    refused = subprocess.run([str(binary), str(tmp_path / "signing"), "alice"], capture_output=True, check=False)
    assert refused.returncode != 0, "go-jose does not know the name Ed25519"
