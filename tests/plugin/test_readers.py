"""What known readers make of a set: rows of keys, and what lint and doctor say of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jwks_operator.api.reader_row import Reader
from jwks_operator.keys.generate import generate
from jwks_operator.keys.naming import to_published_jwk
from jwks_operator.plugin.exit_codes import Exit
from jwks_operator.plugin.findings import Finding, Verdict
from jwks_operator.plugin.plugin_command import run
from jwks_operator.plugin.reader_findings import check_readers, reader_findings, refusal_warnings
from plugin.pages import seen

ES256 = dict(generate("ES256", None).public)
ML_DSA = dict(generate("ML-DSA-44", None).public)
EXCHANGE = {"kty": "OKP", "crv": "X25519", "x": "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "exchange"}
ED25519 = dict(generate("Ed25519", None).public)
STRICT = ("KubeApiserver", "GoJose", "KrakenD")


def a_set(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


def errors(found: list[Finding]) -> list[str]:
    return [one.message for one in found if one.verdict is Verdict.ERROR]


@pytest.mark.parametrize("reader", STRICT)
@pytest.mark.parametrize(("key", "member"), [(ML_DSA, "kty AKP"), (EXCHANGE, "crv X25519")])
def test_a_refusal_of_the_whole_set_is_an_error_that_names_the_key(
    key: dict[str, Any], member: str, reader: str
) -> None:
    (found,) = reader_findings(a_set(ES256, key), Reader(reader))
    assert found.verdict is Verdict.ERROR
    assert found.message == f"{reader} refuses the whole set for keys[1] ({member})"
    assert found.cure


@pytest.mark.parametrize("reader", ["GoOidc", "Nimbus", "Istio", "PyJWT"])
def test_a_reader_that_skips_the_key_can_read_the_set(reader: str) -> None:
    (found,) = reader_findings(a_set(ES256, ML_DSA, EXCHANGE), Reader(reader))
    assert found.verdict is Verdict.OK


def test_the_newer_name_of_ed25519_is_a_warning_for_readers_that_do_not_know_it() -> None:
    found = list(reader_findings(a_set(ES256, ED25519), Reader.GO_OIDC))
    assert [one.message for one in found if one.verdict is Verdict.WARNING] == [
        "GoOidc does not know Ed25519 as the alg of keys[1]"
    ]
    named = a_set(ES256, to_published_jwk(ED25519, "EdDSA"))
    assert {one.verdict for one in reader_findings(named, Reader.GO_OIDC)} == {Verdict.OK}
    assert {one.verdict for one in reader_findings(a_set(ED25519), Reader.JOSE)} == {Verdict.OK}


def test_a_set_may_be_too_large_for_a_reader() -> None:
    largest = 50 * 1024
    empty = len(a_set({"kty": "EC", "note": ""}))
    fits = a_set({"kty": "EC", "note": "x" * (largest - empty)})
    assert len(fits) == largest
    assert not errors(list(reader_findings(fits, Reader.NIMBUS)))
    assert errors(list(reader_findings(fits + b" ", Reader.NIMBUS))) == [
        f"Nimbus reads at most {largest} bytes, and the set has {largest + 1}"
    ]


def test_without_readers_the_ones_that_would_refuse_are_named() -> None:
    (found,) = refusal_warnings(a_set(ES256, ML_DSA))
    assert found.verdict is Verdict.WARNING
    for reader in (*STRICT, "Keyfunc", "Jwx", "Tink"):
        assert reader in found.message
    assert found.message.endswith("refuse the whole set for keys[1] (AKP ML-DSA-44)")
    assert not list(refusal_warnings(a_set(ES256)))


@pytest.mark.parametrize("data", [b"", b"[]", b'{"keys": {}}', b'{"keys": ["x", {"kty": ["AKP"]}]}'])
def test_what_is_no_set_is_no_matter_of_readers(data: bytes) -> None:
    assert not list(refusal_warnings(data))
    assert not errors(list(reader_findings(data, Reader.KUBE_APISERVER)))


def test_lint_asks_the_named_readers_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(a_set(ES256, ML_DSA))
    assert run(["lint", str(file), "--reader", "Nimbus", "--strict"]) == Exit.DONE, capsys.readouterr().out
    assert run(["lint", str(file), "--reader", "Nimbus", "--reader", "KubeApiserver"]) == Exit.FOUND
    assert "KubeApiserver refuses the whole set for keys[1] (kty AKP)" in capsys.readouterr().out
    assert run(["lint", str(file)]) == Exit.DONE
    assert run(["lint", str(file), "--strict"]) == Exit.FOUND, "a warning"


async def test_the_doctor_reads_with_the_readers_of_each_set() -> None:
    with_readers = seen(readers=["KubeApiserver", "PyJWT"])
    published = {"data": {"jwks.json": a_set(ES256, EXCHANGE).decode()}}
    found = [one async for one in check_readers([seen(), replace(with_readers, configmap=published)])]
    ref = with_readers.ref
    assert errors(found) == [f"{ref}: KubeApiserver refuses the whole set for keys[1] (crv X25519)"]
    assert [one.message for one in found if one.verdict is Verdict.OK] == [f"{ref}: PyJWT can read the set"]


async def test_the_doctor_says_nothing_of_readers_where_none_are_named_or_nothing_is_published() -> None:
    assert not [one async for one in check_readers([seen(), seen(readers=["KubeApiserver"])])]


async def test_a_reader_may_read_a_document_instead_of_the_whole_set() -> None:
    keys = [{"name": "signing", "algorithm": "ES256"}, {"name": "hybrid", "algorithm": "ML-DSA-44"}]
    documents = [{"name": "kube", "entries": ["signing"]}, {"name": "file", "entries": ["signing"], "format": "PEM"}]
    wanted = seen(keys=keys, readers=["KubeApiserver", "PyJWT"], publish={"documents": documents})
    data = {"jwks.json": a_set(ES256, ML_DSA).decode(), "kube.json": a_set(ES256).decode(), "file.pem": ""}
    found = [one async for one in check_readers([replace(wanted, configmap={"data": data})])]
    assert [one.message for one in found] == [
        f"{wanted.ref}: KubeApiserver can read document kube",
        f"{wanted.ref}: PyJWT can read the set",
    ]
    imported = {**data, "kube.json": a_set(ES256, EXCHANGE).decode()}
    found = [one async for one in check_readers([replace(wanted, configmap={"data": imported})])]
    assert errors(found) == [f"{wanted.ref}: KubeApiserver refuses the whole set for keys[1] (kty AKP)"]
