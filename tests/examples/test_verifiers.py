"""The verifiers of examples/ know the next key before it signs, because it was published before, and no stranger's."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clients.node_verifier import NODE, modules
from controlplane.processes import Group
from demo.cluster import ROOT, start_server, wait_until_ready
from demo.mount import swap
from docs.test_issuers import mount, node, python
from jwks_operator.keys.generate import GeneratedKey, generate

VERIFIERS = ROOT / "examples" / "verifiers"
Ask = Callable[[str], str]
"""Hands a token to a running verifier and returns what it says."""


@pytest.fixture
def published(tmp_path: Path) -> Iterator[str]:
    """The address of a server, and a place to publish in."""
    publish(tmp_path)
    group = Group(tmp_path)
    server, address = start_server(group, tmp_path / "published", tmp_path / "server.log")
    try:
        wait_until_ready(address, [server])
        yield f"{address}/.well-known/jwks.json"
    finally:
        server.stop()
        group.close()


KEYS = [generate("ES256", None), generate("ES256", None)]


def publish(place: Path) -> None:
    content = {"keys": [dict(key.public) for key in KEYS]}
    swap(place / "published", {"jwks.json": json.dumps(content).encode()})


@contextmanager
def verifier(command: list[str], where: Path) -> Iterator[Ask]:
    """Run a verifier that answers each line with a line."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=where, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:

        def ask(token: str) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{token}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        try:
            yield ask
        finally:
            process.kill()


def in_python(address: str, _: Path) -> tuple[list[str], Path]:
    return [sys.executable, "verifier.py", address], VERIFIERS


def in_node(address: str, room: Path) -> tuple[list[str], Path]:
    (room / "verifier.mjs").write_text((VERIFIERS / "verifier.mjs").read_text())
    if not (room / "node_modules").exists():
        (room / "node_modules").symlink_to(modules() / "node_modules")
    return [str(NODE), "verifier.mjs", address], room


def signed(key: GeneratedKey, room: Path) -> list[str]:
    """A token of each issuer of examples/ that has this key mounted."""
    mount(room / "signing", key)
    return [python(room / "signing"), node(room / "signing", room)]


@pytest.mark.parametrize("language", [in_python, in_node])
def test_a_verifier_follows_a_rotation(
    published: str, tmp_path: Path, language: Callable[[str, Path], tuple[list[str], Path]]
) -> None:
    with verifier(*language(published, tmp_path)) as ask:
        for key in KEYS:
            assert [ask(token) for token in signed(key, tmp_path)] == ["good: alice"] * 2
        stranger = generate("ES256", None)
        for token in signed(stranger, tmp_path):
            assert ask(token).startswith("refused: ")
