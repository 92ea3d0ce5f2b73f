"""The clients of docs/signing.md, each run as its reader would run it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest

from clients.node_verifier import NODE
from docs.pages import ROOT, blocks
from sign.running import make_key, secret_files, signing

KEY = make_key("ES256")
PAGE = ROOT / "docs" / "signing.md"


def _go(place: Path) -> list[str]:
    go = shutil.which("go") or pytest.skip("no Go here")
    (place / "go.mod").write_text("module sign\n\ngo 1.21\n")
    return [go, "run", "."]


def _java(_: Path) -> list[str]:
    return [shutil.which("java") or pytest.skip("no Java here"), "Sign.java"]


COMMANDS: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "python": ("sign.py", lambda _: [sys.executable, "sign.py"]),
    "go": ("main.go", _go),
    "js": ("sign.cjs", lambda _: [str(NODE), "sign.cjs"]),
    "java": ("Sign.java", _java),
}


@pytest.mark.parametrize("language", COMMANDS)
def test_the_client_of_the_page_gets_a_token(tmp_path: Path, language: str) -> None:
    name, command = COMMANDS[language]
    (block,) = blocks(PAGE, language)
    place = tmp_path / "client"
    place.mkdir()
    (place / name).write_text(block.text)
    with signing(tmp_path, secret_files("web", KEY)) as signer:
        environ = {**os.environ, "SIGN_SOCKET": str(signer.socket), "GOFLAGS": "-mod=mod", "GO111MODULE": "on"}
        done = subprocess.run(
            command(place), cwd=place, env=environ, capture_output=True, text=True, timeout=240, check=False
        )
    assert done.returncode == 0, done.stderr
    decoded = jwt.decode(done.stdout.strip(), jwt.PyJWK(dict(KEY.public)), algorithms=["ES256"])
    assert decoded["sub"] == "user-1"
