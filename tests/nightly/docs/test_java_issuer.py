"""The Java issuer of docs/issuers.md signs with whatever is mounted, and cannot do what the page says."""

import subprocess
from pathlib import Path

import jwt
import pytest

from clients.foreign_verifiers import build_java, class_path, has_java
from demo.mount import swap
from docs.test_issuers import ISSUERS, check, run
from jwks_operator.keys.formats import render
from jwks_operator.keys.generate import generate
from jwks_operator.keys.secret_files import Form

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not has_java(), reason="needs a JDK and Maven"),
]
MAIN = Path(__file__).with_name("java") / "Main.java"
"""Prints a token of the printed issuer: Main DIRECTORY SUBJECT."""


def command(mounted: Path) -> list[str]:
    classes = build_java(ISSUERS / "Issuer.java", MAIN)
    return ["java", "-cp", class_path(classes), "Main", str(mounted), "alice"]


def mount(mounted: Path, algorithm: str, name: str | None = None) -> dict[str, object]:
    """Mount a new key of an algorithm, under another published name if one is given; return its public half."""
    key = generate(algorithm, None)
    public = {**key.public, "alg": name or algorithm}
    swap(mounted, {"signing.jwk": render(public, key.private, Form.JWK)})
    return public


def test_it_signs_with_whatever_is_mounted(tmp_path: Path) -> None:
    check(lambda mounted: run(command(mounted), tmp_path), tmp_path / "signing")


def test_an_ed25519_key_needs_tink_and_the_name_eddsa(tmp_path: Path) -> None:
    public = mount(tmp_path / "signing", "Ed25519", "EdDSA")
    token = run(command(tmp_path / "signing"), tmp_path)
    assert jwt.decode(token, jwt.PyJWK(public), algorithms=["EdDSA"])["sub"] == "alice", "the default name"


@pytest.mark.parametrize(("algorithm", "name"), [("Ed448", "EdDSA"), ("ML-DSA-44", None)])
def test_it_cannot_sign_with_keys_that_nimbus_does_not_know(tmp_path: Path, algorithm: str, name: str | None) -> None:
    mount(tmp_path / "signing", algorithm, name)
    done = subprocess.run(command(tmp_path / "signing"), capture_output=True, check=False)
    assert done.returncode != 0
