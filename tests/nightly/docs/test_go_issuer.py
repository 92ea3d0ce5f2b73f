"""The Go issuer of docs/issuers.md: minutes of compiling where Go's cache is empty."""

import os
import subprocess
from pathlib import Path

import jwt
import pytest

from controlplane.build import compile_go
from demo.mount import swap
from docs.test_issuers import ISSUERS, check, mount, run
from jwks_operator.keys.formats import render
from jwks_operator.keys.generate import generate
from jwks_operator.keys.secret_files import Form

GO = Path(__file__).with_name("go")


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
