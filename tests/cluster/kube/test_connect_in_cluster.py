"""The in-cluster configuration against the real API server: its TLS, and a token file that rotates."""

import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from kubernetes.aio.config import incluster_config

from jwks_operator.kube.client import NAMESPACES, Client
from jwks_operator.kube.errors import Unavailable
from jwks_operator.kube.transport import connect


class Token:
    """The token file of a pod, which somebody else writes."""

    def __init__(self, file: Path, text: str) -> None:
        self._file = file
        self.good = text
        self.write(text)

    def write(self, text: str) -> None:
        self._file.write_text(text)

    def remove(self) -> None:
        self._file.unlink()


@pytest.fixture
def token(control_plane: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Token:
    """Environment and files as in a pod of the real control plane."""
    address = urlsplit(control_plane.url)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(control_plane.ca_file))
    return Token(tmp_path / "token", control_plane.admin_token)


@pytest.mark.usefixtures("token")
async def test_a_pod_speaks_to_its_api_server() -> None:
    transport, close = await connect()
    try:
        assert await Client(transport).read(NAMESPACES, None, "default")
    finally:
        await close()


async def test_a_rotated_token_is_used_within_a_minute(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.datetime.fromisoformat("2026-11-22T12:00:00")  # the loader counts in naive local time

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return now

    shim = SimpleNamespace(datetime=Clock, timedelta=datetime.timedelta)
    monkeypatch.setattr(incluster_config, "datetime", shim)
    token.write("expired")
    transport, close = await connect()
    client = Client(transport)
    try:
        with pytest.raises(Unavailable, match="401"):
            await client.read(NAMESPACES, None, "default")
        token.write(token.good)
        now += datetime.timedelta(seconds=61)
        assert await client.read(NAMESPACES, None, "default")
        token.remove()
        now += datetime.timedelta(seconds=61)
        with pytest.raises(Unavailable, match="credentials cannot be read"):
            await client.read(NAMESPACES, None, "default")
    finally:
        await close()
