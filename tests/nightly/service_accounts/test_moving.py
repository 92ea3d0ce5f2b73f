"""A running issuer moves in, from its key files to a set, and back, as docs/service-accounts.md tells it."""

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from cluster.hosted import SET, SPEC, Accounts, Hosting, endpoint, hosting, key_files, kid_of
from cluster.stage import Stage
from controlplane import Access
from controlplane.errors import ApiError
from docs.pages import ROOT, blocks
from serve.running import until

PAGE = ROOT / "docs" / "service-accounts.md"
CONSENT = {"jwks-operator.dev/allow-set": SET}
SOURCE = "cluster-issuer"
MOVED_IN = {
    **SPEC,
    "secret": {"formats": ["JWK", "PEM"]},
    "publish": {"maxKeys": 40, "documents": [{"name": "accounts", "entries": ["signing"], "format": "PEM"}]},
}


def legacy_token(access: Access) -> str:
    """Make a token that never expires, in a Secret."""
    body = {
        "metadata": {"name": "legacy", "annotations": {"kubernetes.io/service-account.name": "default"}},
        "type": "kubernetes.io/service-account-token",
    }
    path = "/api/v1/namespaces/default/secrets"
    access.api("POST", path, body)
    until(lambda: "token" in (access.api("GET", f"{path}/legacy").get("data") or {}), 120)
    return b64decode(access.api("GET", f"{path}/legacy")["data"]["token"]).decode()


def put(hosted: Hosting, kind: str, data: dict[str, str]) -> None:
    """Create or replace the source of the import, with its consent."""
    path = f"/api/v1/namespaces/{hosted.stage.namespace}/{kind}"
    body = {"metadata": {"name": SOURCE, "labels": CONSENT}, "data": data}
    try:
        hosted.stage.plane.api("POST", path, body)
    except ApiError:
        hosted.stage.plane.api("PUT", f"{path}/{SOURCE}", body)


def private_data(key: str, content: bytes) -> dict[str, str]:
    return {key: b64encode(content).decode()}


def key_with_kid(directory: Path) -> dict[str, str]:
    """Run the script of the page, which makes a key under the kid that kube-apiserver computes."""
    (script,) = blocks(PAGE, "python")
    subprocess.run([sys.executable, "-c", script.text], cwd=directory, check=True, timeout=240)
    content = (directory / "key.jwk").read_bytes()
    return {**private_data("key.jwk", content), "kid": json.loads(content)["kid"]}


@pytest.mark.timeout(1200)
def test_an_issuer_moves_in_and_back_without_a_refused_token(stage: Stage, tmp_path: Path) -> None:
    with hosting(stage, tmp_path) as hosted:
        plane = hosted.start_plane()
        accounts = Accounts(plane)
        tokens = [accounts.token(), legacy_token(plane)]
        old = kid_of(tokens[0])

        # the key and the JWK Set of the running issuer into the sources
        published = plane.api("GET", "/openid/v1/jwks")
        put(hosted, "secrets", private_data("sa.key", (plane.directory / "pki" / "sa.key").read_bytes()))
        put(hosted, "configmaps", {"jwks.json": json.dumps(published)})
        entry = {"name": "signing", "algorithm": "RS256", "modulusLength": 2048}
        sources = {
            "secretRef": {"name": SOURCE, "key": "sa.key"}, "publicRef": {"name": SOURCE, "key": "jwks.json"},
        }  # fmt: skip
        hosted.create({**MOVED_IN, "keys": [{**entry, "import": sources}], "held": [old]})
        assert hosted.active() == old

        # the API server asks the signer
        place = hosted.mount("a")
        signer = hosted.signer(place)
        plane.account_flags = endpoint(signer)
        plane.restart_apiserver()
        tokens.append(accounts.token())
        assert kid_of(tokens[-1]) == old
        assert all(map(accounts.accepts, tokens))

        # it rotates to another algorithm
        hosted.stage.patch(SET, {"spec": {"keys": [{"name": "signing", "algorithm": "ES256"}]}})
        hosted.stage.until(lambda: hosted.active() != old, "a key of the set in use", 120)
        until(lambda: kid_of(accounts.token()) == hosted.active(), 120)
        tokens.append(accounts.token())
        assert all(map(accounts.accepts, tokens))
        until(lambda: accounts.jwks().keys() == hosted.published().keys() >= {old, hosted.active()}, 120)

        # the old key is for legacy tokens alone
        signer.terminate()
        signer.start(f"--exclude-from-discovery={old}")
        until(lambda: old not in accounts.jwks(), 120)
        assert all(map(accounts.accepts, tokens))

        # back: a key whose kid is that of key files, and tokens that no other key has signed
        made = key_with_kid(tmp_path)
        kid = made.pop("kid")
        put(hosted, "secrets", made)
        source = {"secretRef": {"name": SOURCE, "key": "key.jwk"}}
        hosted.stage.patch(SET, {"spec": {"keys": [{"name": "signing", "algorithm": "ES256", "import": source}]}})
        hosted.stage.until(lambda: hosted.active() == kid, "the key with the kid of key files in use", 240)
        until(lambda: kid_of(accounts.token()) == kid, 120)
        last = [tokens[0], tokens[1], accounts.token()]
        until(lambda: f"# kid: {kid}" in (place / "public" / "accounts.pem").read_text())
        plane.account_flags = key_files(place)
        plane.restart_apiserver()
        assert kid_of(accounts.token()) == kid
        assert all(map(accounts.accepts, [*last, accounts.token()]))
        assert not accounts.accepts(tokens[3]), "tokens of other kids expire before the way back"
