"""kube-apiserver fetches the keys once for each token with an unknown kid, and anybody can send such tokens."""

import os
from pathlib import Path

import pytest

from demo.mount import swap
from jwks_operator.service_accounts.messages import SERVICE
from jwks_operator.service_accounts.published_keys import PublishedKeys
from jwks_operator.service_accounts.token_signer import IssuerRules, TokenSigner
from jwks_operator.sign.key_directory import KeyDirectory
from service_accounts.issuer import ISSUER, published
from sign.running import make_key, secret_files


def forbidden(*_: object) -> str:
    raise AssertionError("FetchKeys looks at a file")


def test_a_flood_of_unknown_kids_is_answered_without_a_look_at_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key("ES256")
    swap(tmp_path / "private", secret_files("signing", key))
    swap(tmp_path / "public", published(key))
    private, public = KeyDirectory(tmp_path / "private"), PublishedKeys(tmp_path / "public" / "jwks.json", 60)
    private.reload()
    public.reload()
    signer = TokenSigner(private, public, IssuerRules(frozenset(), ISSUER, 3600))
    with monkeypatch.context() as without_files:
        for name in ("readlink", "listdir"):
            without_files.setattr(os, name, forbidden)
        answers = {id(signer.call(SERVICE + b"FetchKeys", b"", 0)) for _ in range(1000)}
    assert answers == {id(public.answer)}
    assert signer.fetches == 1000
