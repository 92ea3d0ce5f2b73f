"""Documents beside the set: checked as strictly, served at their own paths, and never instead of the set."""

import json
from pathlib import Path
from typing import Any

import pytest

from demo.mount import swap
from jwks_operator.keys.generate import generate
from jwks_operator.keys.public_pem import render_public_pem
from jwks_operator.serve.check import MAX_BYTES, SetRefused, check_pem
from jwks_operator.serve.hints import DocumentFormat, DocumentHint, parse_hints
from jwks_operator.serve.mounted import Mounted
from jwks_operator.serve.shelf import NothingThere, Shelf
from jwks_operator.serve.site import Site
from serve.sets import DISCOVERY, EC, RSA, but, jwks
from serve.test_pages import ask

KEY = generate("ES256", None)
PEM = render_public_pem([KEY.public]).encode()
KUBE = {"key": "kube.json", "format": "JWKSet", "paths": ["/kube/.well-known/jwks.json", "/certs"]}
KUBE_DISCOVERY = {"key": "kube.openid-configuration", "format": "Discovery", "paths": ["/kube/openid"]}
PEMS = {"key": "pems.pem", "format": "PEM", "paths": ["/pems/keys.pem"]}
DISCOVERY_TEXT = json.dumps(DISCOVERY).encode()
FILES = {
    "jwks.json": jwks(EC, RSA),
    "kube.json": jwks(EC),
    "kube.openid-configuration": DISCOVERY_TEXT,
    "pems.pem": PEM,
}


def hinted(*documents: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"documents": documents, **more}).encode()


def mounted(room: Path, files: dict[str, bytes], *documents: dict[str, Any]) -> Mounted:
    swap(room / "set", {**files, "zz-serve.json": hinted(*documents)})
    return Mounted(room / "set", Shelf())


def site(room: Path, *documents: dict[str, Any]) -> Site:
    shelf = Shelf()
    shelf.take(mounted(room, FILES, *documents).load())
    return Site([shelf], {})


def get(served: Site, path: str) -> tuple[int, str, bytes]:
    found = ask(served, path)
    return found.status, found.headers.get("Content-Type", ""), found.body


# --- what the hints say ---


def test_the_hints_name_data_key_format_and_paths() -> None:
    assert parse_hints(hinted(KUBE, PEMS)).documents == (
        DocumentHint("kube.json", DocumentFormat.JWK_SET, ("/kube/.well-known/jwks.json", "/certs")),
        DocumentHint("pems.pem", DocumentFormat.PEM, ("/pems/keys.pem",)),
    )


def test_a_format_of_a_newer_operator_is_not_served() -> None:
    assert parse_hints(hinted({"key": "x", "format": "CWKSet", "paths": ["/x"]})).documents == ()


@pytest.mark.parametrize(
    "documents",
    [
        {"key": "x"},
        ["kube.json"],
        [{**KUBE, "key": "../kube.json"}],
        [{"format": "JWKSet", "paths": ["/x"]}],
        [{**KUBE, "paths": ["/a/../b"]}],
        [{**KUBE, "paths": "/x"}],
        [KUBE] * 33,
    ],
)
def test_hints_that_make_no_sense_are_refused(documents: Any) -> None:
    with pytest.raises(SetRefused, match=r"zz-serve\.json"):
        parse_hints(json.dumps({"documents": documents}).encode())


# --- what may be in them ---


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("kube.json", jwks(but(EC, d="c2VjcmV0LXNlY3JldC1zZWNyZXQ"))),
        ("kube.json", jwks(EC, EC)),
        ("kube.json", b"{}"),
        ("kube.json", PEM),
        ("kube.json", b'{"keys":[]}' + b" " * MAX_BYTES),
        ("pems.pem", jwks(EC)),
        ("pems.pem", PEM.replace(b"PUBLIC", b"PRIVATE")),
        ("kube.openid-configuration", b'{"jwks_uri":"https://x"}'),
    ],
)
def test_a_bad_document_refuses_everything_that_came_with_it(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(SetRefused, match=name):
        mounted(tmp_path, {**FILES, name: content}, KUBE, KUBE_DISCOVERY, PEMS).load()


def test_a_missing_document_is_told(tmp_path: Path) -> None:
    files = {name: content for name, content in FILES.items() if name != "pems.pem"}
    with pytest.raises(NothingThere, match=r"pems\.pem is not there"):
        mounted(tmp_path, files, PEMS).load()


PRIVATE = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAA\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "text",
    [
        PEM + PRIVATE,
        PRIVATE + PEM,
        PEM + b"x",
        b"\n" + PEM,
        PEM + PEM,
        PEM.split(b"\n", 1)[1],
        PEM.replace(b"# kid: ", b"# kid: \x01"),
        PEM.replace(b"PUBLIC", b"EC PRIVATE"),
        b"# kid: x\n-----BEGIN PUBLIC KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAA\n-----END PUBLIC KEY-----\n",
        b"# kid: x\n-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"# kid: x\n-----BEGIN PUBLIC KEY-----\n=A=\n-----END PUBLIC KEY-----\n",
    ],
)
def test_a_pem_file_has_public_keys_below_their_kids_and_nothing_else(text: bytes) -> None:
    with pytest.raises(SetRefused):
        check_pem(text)


# --- where they are served ---


def test_each_document_is_served_at_its_paths_in_its_type(tmp_path: Path) -> None:
    served = site(tmp_path, KUBE, KUBE_DISCOVERY, PEMS)
    for path in KUBE["paths"]:
        assert get(served, path) == (200, "application/jwk-set+json", FILES["kube.json"])
    assert get(served, "/kube/openid") == (200, "application/json", DISCOVERY_TEXT)
    assert get(served, "/pems/keys.pem") == (200, "application/x-pem-file", PEM)
    assert get(served, "/keys") == (200, "application/jwk-set+json", FILES["jwks.json"])


@pytest.mark.parametrize("path", ["/keys", "/.well-known/jwks.json"])
def test_no_document_takes_a_path_of_the_set(tmp_path: Path, path: str) -> None:
    served = site(tmp_path, {**KUBE, "paths": [path, "/certs"]})
    assert get(served, path)[2] == FILES["jwks.json"]
    assert get(served, "/certs")[2] == FILES["kube.json"]


def test_no_document_takes_a_path_of_a_probe(tmp_path: Path) -> None:
    served = site(tmp_path, {**KUBE, "paths": ["/metrics"]})
    assert get(served, "/metrics")[0] == 404
