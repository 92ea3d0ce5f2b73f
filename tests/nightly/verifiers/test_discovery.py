"""Real clients find a set by the metadata of its issuer, which our server serves: OpenID Discovery and RFC 8414."""

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.following import Issuer, Server
from clients.foreign_verifiers import start_go
from clients.node_verifier import NODE, modules
from jwks_operator.kube.client import CONFIGMAPS
from reconcile.life import REF
from serve.running import JWKS, Running, until

pytestmark = pytest.mark.timeout(600)
HERE = Path(__file__).parents[2] / "clients" / "discovery"
NAME = "shop"
METADATA = {
    "authorization_endpoint": "https://auth.example.com/authorize",
    "token_endpoint": "https://auth.example.com/token",
    "response_types_supported": ["code"],
}


@dataclass(frozen=True)
class Found:
    """An issuer with a path, served by our server; its set is at `jwks_uri`."""

    issuer: str
    jwks_uri: str
    token: str


@pytest.fixture(params=["below the issuer", "on another host"])
async def found(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Found]:
    with ExitStack() as stack:
        own, other = (
            running(stack, tmp_path / name, option)
            for name, option in (("own", f"--set={NAME}="), ("other", "--file="))
        )
        iss = f"{origin(own)}/{NAME}"
        elsewhere = request.param == "on another host"
        jwks_uri = f"{origin(other) if elsewhere else iss}{JWKS}"
        server = stack.enter_context(Server())
        issuer = Issuer(server, iss=iss)
        publish = {"issuer": iss, "discovery": METADATA, **({"jwksUri": jwks_uri} if elsewhere else {})}
        await issuer.life.begin({"keys": [{"name": "signing", "algorithm": "ES256"}], "publish": publish})
        await issuer.pass_by()
        data = (await issuer.life.read(CONFIGMAPS, REF.name))["data"]
        files = {name: text.encode() for name, text in data.items()}
        (other if elsewhere else own).mount(files)
        if elsewhere:
            own.mount({**files, "jwks.json": b'{"keys":[]}'})
        until(lambda: own.ask(f"/{NAME}/.well-known/openid-configuration").status == 200)
        until(lambda: (other if elsewhere else own).ask("/readyz").status == 200)
        yield Found(iss, jwks_uri, await issuer.sign())


def origin(server: Running) -> str:
    return f"{server.scheme}://{server.host}:{server.port}"


def running(stack: ExitStack, volume: Path, option: str) -> Running:
    volume.mkdir()
    made = Running(volume, f"{option}{volume}")
    stack.callback(made.close)
    return made


@pytest.mark.parametrize("library", ["openid-client", "openid-client RFC 8414", "mcp"])
def test_a_client_in_node_finds_the_set(library: str, found: Found) -> None:
    command: list[str | Path] = [NODE, HERE / "discover.mjs", modules(HERE), library, found.issuer, found.token]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"jwksUri": found.jwks_uri, "issuer": found.issuer, "sub": "alice"}


def test_go_oidc_finds_the_set(found: Found) -> None:
    with start_go(1) as verifiers:
        assert verifiers.verify("go-oidc provider", found.issuer, found.token) is None
        assert "did not match the issuer URL" in str(
            verifiers.verify("go-oidc provider", f"{found.issuer}/", found.token)
        )
