"""A client whose key rotates, at a real authorization server (oidc-provider): no assertion is refused.

That server keeps a client's keys for a minute: `make clients` takes four, and `make nightly` runs it too.
"""

import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from clients.node_verifier import NODE, modules
from cluster.reading import in_use
from cluster.stage import ROOT, Stage, figures, install, open_stage
from cluster.traffic import Mount
from controlplane import Access
from serve.running import JWKS, serving, until

sys.path.insert(0, str(ROOT / "examples" / "clients"))
from client import fetch_token, make_assertion  # type: ignore[import-not-found]

pytestmark = pytest.mark.timeout(420)

HERE = ROOT / "tests" / "clients" / "authorization_server"
FACTS = {"propagation": "2s", "cacheMaxAge": "1s", "clockSkew": "1s", "tokenLifetime": "1m"}
ROTATIONS = 3


@contextmanager
def authorization_server(jwks_uri: str) -> Iterator[str]:
    """The server, as the address of its issuer."""
    command: list[str | Path] = [NODE, HERE / "server.mjs", modules(HERE), jwks_uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


class Client:
    """A program that asks for a token again and again, with what is mounted; `refused` is what it was told."""

    def __init__(self, issuer: str, mounted: Path) -> None:
        self._issuer, self._mounted = issuer, mounted
        self.tokens = 0
        self.refused: list[str] = []

    def ask(self) -> None:
        """Ask for one token."""
        try:
            assert fetch_token(f"{self._issuer}/token", make_assertion(self._issuer, self._mounted))
        except urllib.error.HTTPError as error:
            with error:
                self.refused.append(error.read().decode())
        else:
            self.tokens += 1


@pytest.fixture
def stage(control_plane: Access, tmp_path: Path) -> Iterator[Stage]:
    install(control_plane, "crds")
    with open_stage(control_plane, tmp_path, "client") as stage:
        yield stage


@contextmanager
def client_of(stage: Stage, directory: Path, every: str, **facts: str) -> Iterator[Client]:
    """A client of a new set, which rotates so often, at an authorization server that knows these facts of it."""
    keys = [{"name": "signing", "algorithm": "ES256"}]
    stage.create("worker", {"keys": keys, "rotation": {"every": every}, "timing": {**FACTS, **facts}})
    stage.until_ready("worker")
    with ExitStack() as stack:
        for kind in ("ConfigMap", "Secret"):
            mount = Mount(stage.chronicle, kind, "worker", directory / kind)
            mount.start()
            stack.callback(mount.close)
        server = stack.enter_context(serving(directory / "ConfigMap"))
        until(lambda: server.ask("/readyz").status == 200, 20)
        until((directory / "Secret" / "signing.jwk").exists, 20)
        issuer = stack.enter_context(authorization_server(f"http://127.0.0.1:{server.port}{JWKS}"))
        yield Client(issuer, directory / "Secret")


def kids_used(stage: Stage) -> list[str]:
    """The kids that were in use, in order."""
    seen = [in_use(each.object)["signing"] for each in stage.chronicle.of("Secret", "worker") if each.type != "DELETED"]
    return list(dict.fromkeys(seen))


def test_no_assertion_is_refused_through_three_rotations(stage: Stage, tmp_path: Path) -> None:
    with client_of(stage, tmp_path, "64s", verifierRefresh="1m") as client:
        end = time.monotonic() + 360
        while len(kids_used(stage)) <= ROTATIONS:
            assert time.monotonic() < end, kids_used(stage)
            client.ask()
            time.sleep(0.2)
        for _ in range(25):  # with the last key, when it is mounted
            client.ask()
            time.sleep(0.2)
        figures.info(f"{client.tokens} tokens, {len(client.refused)} assertions refused, {ROTATIONS} rotations")
        assert client.refused == []


def test_a_server_that_keeps_keys_longer_than_stated_refuses_the_next_one(stage: Stage, tmp_path: Path) -> None:
    with client_of(stage, tmp_path, "4s", verifierRefresh="0s", tokenLifetime="5s") as client:
        end = time.monotonic() + 30
        while not client.refused:
            assert time.monotonic() < end, "the fact is wrong, and nothing shows it"
            client.ask()
            time.sleep(0.2)
        assert "invalid_client" in client.refused[0]
        assert client.tokens > 0, "the first key is known"
