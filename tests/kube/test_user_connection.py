"""A person's way to the cluster: kubeconfigs with their contexts, and files of keys."""

import stat
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml

from jwks_operator.keys.generate import GeneratedKey, generate
from jwks_operator.keys.jwk import parse_json_strict
from jwks_operator.kube.client import Object
from jwks_operator.kube.consumer_secret_data import keys_in_use
from jwks_operator.kube.errors import NotConfigured
from jwks_operator.kube.key_export import save_private_keys
from jwks_operator.kube.user_connection import connect_as_user

KEY = generate("ES256")


def kubeconfig(path: Path, **changes: Any) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "secret-token"}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u"}},
            {"name": "there", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
        ],
    }
    path.write_text(yaml.safe_dump({**content, **changes}))
    return str(path)


@pytest.mark.parametrize(
    ("context", "found"), [(None, ("here", "default")), ("there", ("there", "shop")), ("here", ("here", "default"))]
)
async def test_the_context_says_which_namespace_is_meant(
    tmp_path: Path, context: str | None, found: tuple[str, str]
) -> None:
    way = await connect_as_user(kubeconfig(tmp_path / "config"), context)
    await way.transport.close()
    assert (way.context, way.namespace) == found


async def test_kubeconfig_names_several_files_of_which_some_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'nothing'}:{kubeconfig(tmp_path / 'config')}")
    way = await connect_as_user()
    await way.transport.close()
    assert way.context == "here"


@pytest.mark.parametrize(
    ("changes", "context", "says"),
    [
        ({}, "nowhere", "has no context 'nowhere'; it has here, there"),
        ({"contexts": []}, "here", "has no context 'here'; it has none"),
        ({"current-context": "gone"}, None, "cannot be used; see kubectl config view"),
        ({"clusters": []}, None, "cannot be used"),
        ({"users": 7}, None, "cannot be used"),
    ],
)
async def test_a_kubeconfig_that_does_not_work_is_named_without_its_token(
    tmp_path: Path, changes: dict[str, Any], context: str | None, says: str
) -> None:
    with pytest.raises(NotConfigured) as caught:
        await connect_as_user(kubeconfig(tmp_path / "config", **changes), context)
    assert says in str(caught.value)
    assert "secret-token" not in str(caught.value)


async def test_without_a_kubeconfig_the_cure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(NotConfigured, match="set KUBECONFIG or give --kubeconfig"):
        await connect_as_user()


# --- the consumer Secret ---


def secret(**files: bytes) -> Object:
    return {"data": {name.replace("_", "."): b64encode(content).decode() for name, content in files.items()}}


def of(key: GeneratedKey, **more: bytes) -> Object:
    files = {"signing_jwk": key.private.reveal_json(), "signing_kid": key.kid.encode(), "signing_alg": b"ES256"}
    return secret(**{**files, **more})


def test_every_file_with_a_key_in_use_is_found() -> None:
    (found,) = keys_in_use(of(KEY))
    assert (found.entry, found.file, found.kid, found.public) == ("signing", "signing.jwk", KEY.kid, KEY.public)
    assert KEY.private.reveal_json().decode() not in repr(found)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"kty":"EC","d":"hidden"}'])
def test_a_file_that_is_spoilt_is_told_without_its_content(content: bytes) -> None:
    (found,) = keys_in_use(of(KEY, signing_jwk=content))
    assert found.private is None
    assert found.problem
    assert "hidden" not in found.problem
    assert next(keys_in_use({"data": {"signing.pem": "not base64!"}})).problem


def test_private_keys_are_written_once_into_a_file_of_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    assert save_private_keys(of(KEY), ["signing"], path, "jwks") == (KEY.kid,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert parse_json_strict(path.read_bytes()) == {"keys": [KEY.private.reveal()]}
    with pytest.raises(FileExistsError):
        save_private_keys(of(KEY), ["signing"], path, "jwks")
    with pytest.raises(KeyError, match="other"):
        save_private_keys(of(KEY), ["other"], tmp_path / "more.json", "jwks")
    assert not (tmp_path / "more.json").exists()
