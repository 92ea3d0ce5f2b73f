"""Which published keys kube-apiserver gets, and what happens to those that it could not publish."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from demo.mount import swap
from jwks_operator.keys.members import encode_octets
from jwks_operator.keys.public_pem import public_der
from jwks_operator.service_accounts.published_keys import PublishedKeys
from service_accounts.issuer import published
from service_accounts.oracle import parsed
from sign.running import make_key

GOOD = [make_key(algorithm) for algorithm in ("RS256", "ES256", "ES384", "ES512")]


def weak() -> dict[str, object]:
    """A key that kube-apiserver takes and nobody should."""
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key().public_numbers()
    n = encode_octets(numbers.n.to_bytes(128, "big"))
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "weak", "n": n, "e": "AQAB"}


BAD: dict[str, dict[str, object]] = {
    **{name: dict(make_key(name).public) for name in ("Ed25519", "PS256", "RS384", "ES256K", "ML-DSA-65", "ECDH-ES")},
    "RSA of 1024 bits": weak(),
    "a kid that is too long": {**make_key("ES256", 9).public, "kid": "k" * 1025},
    "another curve than its algorithm": {**make_key("ES384").public, "alg": "ES256"},
    "private members": {**make_key("ES256", 5).public, "d": "AAAA"},
}  # fmt: skip


def answer_of(keys: PublishedKeys) -> Any:
    return parsed("FetchKeysResponse", keys.answer)


def test_every_key_of_the_set_is_answered_with_its_kid_and_spki(tmp_path: Path) -> None:
    before = time.time()
    swap(tmp_path, published(*GOOD))
    keys = PublishedKeys(tmp_path / "jwks.json", 60, frozenset({GOOD[1].kid}))
    assert keys.reload()
    answer = answer_of(keys)
    assert [(key.key_id, key.key) for key in answer.keys] == [(key.kid, public_der(key.public)) for key in GOOD]
    assert [key.exclude_from_oidc_discovery for key in answer.keys] == [False, True, False, False]
    assert answer.refresh_hint_seconds == 60
    assert before <= answer.data_timestamp.ToNanoseconds() / 1e9 <= time.time()
    assert [keys.may_sign(key.kid) for key in GOOD] == [True, False, True, True]
    assert keys.troubles == {}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_key_that_kube_apiserver_cannot_publish_is_left_out_and_named(tmp_path: Path, bad: dict[str, object]) -> None:
    swap(tmp_path, published(GOOD[0], bad, GOOD[1]))
    keys = PublishedKeys(tmp_path / "jwks.json", 60)
    assert keys.reload()
    assert [key.key_id for key in answer_of(keys).keys] == [GOOD[0].kid, GOOD[1].kid]
    assert not keys.may_sign(str(bad["kid"]))
    (trouble,) = keys.troubles.items()
    assert trouble[0] == "key 2 of jwks.json"
    assert trouble[1].endswith("; kube-apiserver does not get it")


def test_a_revoked_key_goes_even_if_another_key_of_the_set_is_bad(tmp_path: Path) -> None:
    swap(tmp_path, published(GOOD[0], GOOD[1]))
    keys = PublishedKeys(tmp_path / "jwks.json", 60)
    keys.reload()
    swap(tmp_path, published(BAD["Ed25519"], GOOD[1]))
    assert keys.refresh()
    assert [key.key_id for key in answer_of(keys).keys] == [GOOD[1].kid]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"keys": {}}', b'{"keys": [], "keys": []}', None])
def test_a_set_that_cannot_be_read_changes_nothing_and_is_told(tmp_path: Path, content: bytes | None) -> None:
    swap(tmp_path, published(*GOOD))
    keys = PublishedKeys(tmp_path / "jwks.json", 60)
    keys.reload()
    answer = keys.answer
    swap(tmp_path, {} if content is None else {"jwks.json": content})
    assert not keys.refresh()
    assert keys.answer == answer
    assert list(keys.troubles) == ["jwks.json"]
    swap(tmp_path, published(GOOD[0]))
    assert keys.refresh()
    assert keys.troubles == {}


def test_a_new_read_has_a_new_timestamp_and_the_same_content_none(tmp_path: Path) -> None:
    """kube-apiserver compares kids and timestamp alone: a key that was replaced under its kid needs a new one."""
    first, second = make_key("ES256"), {**make_key("ES256", 1).public, "kid": make_key("ES256").kid}
    swap(tmp_path, published(first))
    keys = PublishedKeys(tmp_path / "jwks.json", 60)
    keys.reload()
    former = keys.answer
    swap(tmp_path, published(first))
    assert not keys.refresh()
    assert keys.answer == former
    swap(tmp_path, published(second))
    assert keys.refresh()
    stamps = [parsed("FetchKeysResponse", each).data_timestamp.ToNanoseconds() for each in (former, keys.answer)]
    assert stamps[0] < stamps[1]


def test_the_process_loads_h2_and_neither_protobuf_nor_grpc() -> None:
    code = "import sys, jwks_operator.service_accounts.service_accounts_command; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "h2" in loaded
    assert not {"grpc", "google.protobuf", "kopf", "kubernetes", "aiohttp", "pydantic"} & loaded
