"""The issuers of docs/issuers.md sign with the key in use, and with the next one as soon as it is mounted."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jwt

from clients.node_verifier import NODE, modules
from demo.mount import swap
from docs.pages import ROOT
from jwks_operator.keys.formats import render
from jwks_operator.keys.generate import GeneratedKey, generate
from jwks_operator.keys.secret_files import Form

ISSUERS = ROOT / "examples" / "issuers"
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
