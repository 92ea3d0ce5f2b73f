"""What a named reader cannot read, and admission could not know, is a condition: the set is served as it is."""

import json
from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.kube.client import CONFIGMAPS
from reconcile.life import ES256, REF, Life
from reconcile.sources import message, named, old_key, public_set, publish

PUBLIC = {"publicRef": {"name": "old", "key": "jwks.json"}}
SIGNING, PARTNER = ES256["keys"][0], {"name": "partner", "algorithm": "ES256", "import": PUBLIC}


async def imported(algorithm: str, count: int = 1, **spec: Any) -> tuple[Life, list[str]]:
    """A set with the public keys of another issuer, and their kids."""
    life = Life()
    keys = [named(old_key(algorithm), f"theirs-{number}") for number in range(count)]
    await life.begin({"keys": [SIGNING, PARTNER], **spec})
    await publish(life, public_set(*keys))
    await life.pass_()
    return life, [key["kid"] for key in keys]


async def served(life: Life) -> list[str]:
    text = (await life.read(CONFIGMAPS, REF.name))["data"]["jwks.json"]
    return [key["kid"] for key in json.loads(text)["keys"]]


@pytest.mark.parametrize(
    ("algorithm", "reader", "member"),
    [
        ("ES256K", "KubeApiserver", "crv secp256k1"),
        ("ML-DSA-44", "Keyfunc", "kty AKP"),
        ("Ed448", "Jwx", "crv Ed448"),
        ("Ed25519", "Tink", "crv Ed25519"),
    ],
)
async def test_an_imported_key_for_which_a_reader_refuses_the_set_is_named_and_served(
    algorithm: str, reader: str, member: str
) -> None:
    life, (kid,) = await imported(algorithm, readers=["PyJWT", reader])
    assert kid in await served(life)
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.condition("Degraded") == ("True", "ReaderRefuses")
    told = await message(life, "Degraded")
    assert told.startswith(f"{reader} refuses the whole set for key {kid} ({member}); publish a document without entry")
    assert "partner" in told
    life.writes()
    await life.pass_()
    assert life.writes() == [], "told once"
    await life.edit_spec(publish={"documents": [{"name": "strict", "entries": ["signing"]}]})
    await life.pass_()
    assert await life.condition("Degraded") == ("False", "AsExpected"), "this reader has a document of its own"
    assert kid in await served(life)


async def test_a_set_that_grew_too_large_for_a_reader_is_told_with_its_size() -> None:
    life, kids = await imported("ML-DSA-87", 15, readers=["SpringSecurity"])
    assert {*kids} <= {*await served(life)}
    size = len((await life.read(CONFIGMAPS, REF.name))["data"]["jwks.json"].encode())
    told = await message(life, "Degraded")
    assert told.startswith(f"SpringSecurity reads at most 51200 bytes, and the set of 19 keys has {size}; publish a")
    await life.edit_spec(publish={"documents": [{"name": "small", "entries": ["signing"]}]})
    await life.pass_()
    assert await life.condition("Degraded") == ("False", "AsExpected")


async def test_a_key_whose_name_a_new_reader_does_not_know_is_told_until_it_is_gone() -> None:
    spec = {"keys": [{"name": "signing", "algorithm": "Ed25519"}], "readers": ["Jose"]}
    life = Life()
    await life.begin(spec)
    await life.pass_()
    kid = await life.in_use()
    assert await life.condition("Degraded") == ("False", "AsExpected")
    await life.set_spec({**spec, "readers": ["Jose", "GoOidc"]})
    await life.pass_()
    told = await message(life, "Degraded")
    assert told.startswith("GoOidc does not know the alg Ed25519 of key ")
    assert kid in told
    assert "rotate entry signing: its next key is named EdDSA" in told
    for _ in range(2):
        await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
        await life.live(timedelta(hours=6))
    assert await life.condition("Degraded") == ("False", "AsExpected")


async def test_a_certificate_that_empties_a_reader_is_told() -> None:
    life = Life()
    certified = {"name": "signing", "algorithm": "Ed25519", "certificate": {"selfSigned": {}}}
    await life.begin({"keys": [certified], "readers": ["Keyfunc"], "publish": {"eddsaName": "Ed25519"}})
    await life.pass_()
    assert "Keyfunc refuses the whole set for key " in (told := await message(life, "Degraded"))
    assert "(alg Ed25519 with x5c)" in told
