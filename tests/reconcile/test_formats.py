"""Which files the Secret holds: for each class of keys, by what `secret.formats` asks for, and nothing else."""

import json
import ssl
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconcile.certified import SELF_SIGNED, files
from reconcile.life import Life

FORMATS = ("JWK", "JWKSet", "PEM", "TLS")
CHOICES = [choice for size in range(1, 5) for choice in combinations(FORMATS, size)]
SIGNATURE = {"name": "sig", "algorithm": "ES256", "certificate": SELF_SIGNED}
ENCRYPTION = {"name": "enc", "algorithm": "ECDH-ES", "certificate": SELF_SIGNED}
SYMMETRIC = {"name": "sym", "algorithm": "HS256"}
OF_PAIRS = {"JWK": {"jwk"}, "JWKSet": {"jwks"}, "PEM": {"pem"}, "TLS": {"tls.crt", "tls.key"}}
OF_SECRETS = {"JWK": {"jwk"}, "JWKSet": {"jwks"}, "PEM": set(), "TLS": set()}


async def mounted(*entries: dict[str, Any], formats: tuple[str, ...] | None) -> dict[str, bytes]:
    life = Life()
    await life.begin({"keys": list(entries), **({} if formats is None else {"secret": {"formats": list(formats)}})})
    await life.pass_()
    return await files(life)


def expected(entry: str, formats: tuple[str, ...], of: dict[str, set[str]], always: set[str]) -> set[str]:
    return {f"{entry}.{suffix}" for suffix in always.union(*(of[name] for name in formats))}


@pytest.mark.parametrize("formats", CHOICES, ids="+".join)
async def test_every_entry_has_the_files_that_were_asked_for_and_no_other(formats: tuple[str, ...]) -> None:
    content = await mounted(SIGNATURE, ENCRYPTION, SYMMETRIC, formats=formats)
    plain = {"kid", "alg"}
    assert set(content) == (
        expected("sig", formats, OF_PAIRS, plain)
        | expected("enc", formats, OF_PAIRS, plain | {"jwks"})
        | expected("sym", formats, OF_SECRETS, plain | {"jwks"})
    )


async def test_without_a_wish_there_are_jwk_and_pem() -> None:
    content = await mounted({"name": "sig", "algorithm": "ES256"}, formats=None)
    assert set(content) == {"sig.kid", "sig.alg", "sig.jwk", "sig.pem"}


async def test_the_example_mounts_files_that_are_there_under_their_bare_names(tmp_path: Path) -> None:
    the_set, pod = yaml.safe_load_all((Path(__file__).parents[2] / "examples" / "tls.yaml").read_text())
    life = Life()
    await life.begin(the_set["spec"])
    await life.pass_()
    content = await files(life)
    (volume,) = pod["spec"]["volumes"]
    (source,) = volume["projected"]["sources"]
    assert source["secret"]["name"] == the_set["metadata"]["name"]
    items = {item["path"]: content[item["key"]] for item in source["secret"]["items"]}
    assert set(items) == {"tls.crt", "tls.key"}
    for name, text in items.items():
        (tmp_path / name).write_bytes(text)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")


async def test_kid_and_alg_are_plain_texts_that_agree_with_every_other_file() -> None:
    content = await mounted(SIGNATURE, ENCRYPTION, SYMMETRIC, formats=("JWK", "JWKSet"))
    for entry in ("sig", "enc", "sym"):
        kid, alg = (content[f"{entry}.{part}"].decode() for part in ("kid", "alg"))
        assert kid == kid.strip()
        alone, listed = json.loads(content[f"{entry}.jwk"]), json.loads(content[f"{entry}.jwks"])["keys"]
        assert (alone["kid"], alone["alg"]) == (kid, alg)
        assert listed[0] == alone, "the key in use comes first"
        assert len(listed) == (1 if entry == "sig" else 2), "a standby can open already what senders encrypt to it"
