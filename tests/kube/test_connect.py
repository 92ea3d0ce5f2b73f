"""Which API server `connect` finds outside of a cluster, and with which credentials."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from fakes.apiserver import FakeApiServer
from fakes.front import Front
from jwks_operator.kube import transport as module
from jwks_operator.kube.client import Call, Object
from jwks_operator.kube.errors import NotConfigured, Unavailable
from jwks_operator.kube.transport import connect


def kubeconfig(directory: Path, host: str, user: Object) -> Path:
    file = directory / "kubeconfig"
    contexts = [{"name": "c", "context": {"cluster": "c", "user": "u"}}]
    clusters = [{"name": "c", "cluster": {"server": host}}]
    users = [{"name": "u", "user": user}]
    kinds = {"apiVersion": "v1", "kind": "Config", "current-context": "c"}
    file.write_text(yaml.safe_dump(kinds | {"contexts": contexts, "clusters": clusters, "users": users}))
    return file


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No cluster around us, and an empty home."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


async def test_a_token_file_is_read_again_when_it_may_have_changed(
    outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = outside / "token"
    token.write_text("first")
    server = FakeApiServer()
    async with Front(server) as front:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(outside, front.url, {"tokenFile": str(token)})))
        now = 0.0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
        transport, close = await connect()
        try:
            for text in ("first", "second", "third"):
                token.write_text(text)
                await transport.request(Call("GET", "/version"))
                now += module.CREDENTIALS_PERIOD / 2 + 1
            token.unlink()
            now += module.CREDENTIALS_PERIOD
            with pytest.raises(Unavailable, match="credentials cannot be read"):
                await transport.request(Call("GET", "/version"))
        finally:
            await close()
    assert front.authorizations == ["Bearer first", "Bearer first", "Bearer third"]


async def test_the_kubeconfig_in_the_home_directory_is_found(outside: Path) -> None:
    (outside / ".kube").mkdir()
    async with Front(FakeApiServer()) as front:
        kubeconfig(outside, front.url, {"token": "t"}).rename(outside / ".kube" / "config")
        transport, close = await connect()
        assert (await transport.request(Call("GET", "/version"))).status == 200
        await close()
    assert front.authorizations == ["Bearer t"]


@pytest.mark.parametrize("text", [None, "", "[]", "text", "{", "users: [{name: u, user: {token: hunter2}}]"])
async def test_without_a_usable_kubeconfig_nothing_of_it_is_told(
    outside: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str | None
) -> None:
    file = outside / "config"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(file))
    with caplog.at_level(logging.DEBUG), pytest.raises(NotConfigured) as caught:
        await connect()
    assert str(caught.value) == f"not in a cluster, and no usable kubeconfig at {file}"
    assert "hunter2" not in caplog.text + repr(caught.value)
