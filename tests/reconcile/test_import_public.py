"""Another issuer's public keys: published as retired ones until their last token has expired."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.kube.client import CONFIGMAPS
from reconcile.life import ES256, REF, Life
from reconcile.sources import CONSENT, message, named, old_key, public_set, publish

RETENTION = timedelta(minutes=70)  # never less than the roll-back window, which is a lead


def _public_only(text_key: str = "jwks.json") -> dict[str, Any]:
    return {"keys": [{**ES256["keys"][0], "import": {"publicRef": {"name": "old", "key": text_key}}}]}


async def test_keys_of_another_issuer_are_published_for_a_full_retention_from_now() -> None:
    life, old, older = Life(), old_key(), old_key("RS256", 2048)
    await life.begin(_public_only())
    without_alg = {name: value for name, value in named(old, "old").items() if name not in {"alg", "use", "key_ops"}}
    await publish(life, public_set(without_alg, named(older, "older"), old_key("ECDH-ES").public))
    await life.pass_()
    states = await life.states()
    assert set(states["Retired"]) == {"old", "older"}
    assert states["Active"][0] not in {"old", "older"}, "the entry generates its own"
    assert {"old", "older"} <= set(await life.published())
    ring = [document for document in (await life.keyring()).values() if document.get("kid") in {"old", "older"}]
    assert not any("private" in document for document in ring)
    await life.live(RETENTION - timedelta(seconds=1))
    assert {"old", "older"} <= set(await life.published())
    await life.live(timedelta(hours=1))
    assert not {"old", "older"} & set(await life.published())
    assert "left out: kid" in await message(life)
    assert "which signs nothing" in await message(life), "the encryption key is told, and nothing else"
    assert "destroyed" not in await message(life), "what was joined is not joined again"


async def test_a_key_that_the_other_issuer_adds_later_joins_too() -> None:
    life, old, newer = Life(), old_key(), old_key()
    await life.begin(_public_only())
    await publish(life, public_set(named(old, "old")))
    await life.pass_()
    text = public_set(named(old, "old"), named(newer, "newer"))
    await life.edit(CONFIGMAPS, "old", lambda seen: seen["data"].update({"jwks.json": text}))
    await life.after(timedelta(minutes=10))
    assert {"old", "newer"} <= set(await life.published())


async def test_what_is_left_out_is_named_and_the_rest_of_the_set_is_imported() -> None:
    life, old = Life(), old_key()
    await life.begin(_public_only())
    agreement = {"kty": "OKP", "crv": "X25519", "x": "CQ" + "A" * 41, "kid": "exchange"}
    weak = {"kty": "RSA", "kid": "weak", "n": "AQAB", "e": "AQAB", "alg": "RS256"}
    await publish(life, public_set({"kty": "LMS", "kid": "pq"}, agreement, weak, named(old, "old")))
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    assert "old" in await life.published()
    said = await message(life)
    assert said.startswith("spec.keys[signing].import: ConfigMap old, data key jwks.json, left out: kid 'pq', key 1")
    assert "kid 'exchange', key 2 of the set: a key on X25519, which signs nothing" in said
    assert "kid 'weak', key 3 of the set: n does not have one of 2048, 3072, 4096 bits" in said
    assert "take these out of the ConfigMap" in said
    await life.edit(CONFIGMAPS, "old", lambda seen: seen["data"].update({"jwks.json": public_set(named(old, "old"))}))
    await life.after(timedelta(minutes=10))
    assert await life.condition("Degraded") == ("False", "AsExpected")


@pytest.mark.parametrize("more", [{"kty": "OKP", "crv": "X25519", "x": "CQ", "kid": "x"}, {"kty": "LMS"}, {}, None, 7])
async def test_a_new_key_joins_a_living_set_though_another_one_is_refused(more: Any) -> None:
    life, old, newer = Life(), old_key(), old_key("ES384")
    await life.begin(_public_only())
    await publish(life, public_set(named(old, "old")))
    await life.pass_()
    text = public_set(more, named(old, "old"), named(newer, "newer"))
    await life.edit(CONFIGMAPS, "old", lambda seen: seen["data"].update({"jwks.json": text}))
    await life.after(timedelta(minutes=10))
    assert {"old", "newer"} <= set(await life.published())
    assert "key 1 of the set: " in await message(life)


async def test_a_new_key_joins_though_another_one_was_revoked_here() -> None:
    life, old, newer = Life(), old_key(), old_key()
    await life.begin(_public_only())
    await publish(life, public_set(named(old, "old")))
    await life.pass_()
    await life.annotate(revoke="old")
    await life.after(timedelta(minutes=1))
    text = public_set(named(old, "old"), named(newer, "newer"))
    await life.edit(CONFIGMAPS, "old", lambda seen: seen["data"].update({"jwks.json": text}))
    await life.after(timedelta(minutes=10))
    assert "newer" in await life.published()
    assert "old" not in await life.published()


async def test_a_set_in_binary_data_is_read_like_one_in_data() -> None:
    life, old = Life(), old_key()
    await life.begin(_public_only())
    created = await publish(life, "{}")
    binary = {"jwks.json": b64encode(public_set(named(old, "old")).encode()).decode()}
    await life.delete(CONFIGMAPS, created["metadata"]["name"])
    metadata = {"name": "old", "labels": CONSENT}
    await life.people.create(CONFIGMAPS, REF.namespace, {"metadata": metadata, "binaryData": binary})
    await life.pass_()
    assert "old" in await life.published()


async def test_a_thousand_odd_keys_of_four_sources_fit_into_the_status() -> None:
    life = Life()
    entries = [{**_public_only()["keys"][0], "name": f"entry-{number}"} for number in range(4)]
    await life.begin({"keys": entries, "publish": {"maxKeys": 20}})
    await publish(life, public_set(*({"kty": "LMS", "kid": "k" * 64} for _ in range(300)), named(old_key(), "old")))
    await life.pass_()
    assert len(await message(life)) == 8192


async def test_a_held_key_of_another_issuer_stays() -> None:
    life, old = Life(), old_key()
    await life.begin({**_public_only(), "held": ["old"]})
    await publish(life, public_set(named(old, "old")))
    await life.live(timedelta(days=3))
    assert "old" in await life.published()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            public_set({"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB", "alg": "RS256"}),
            "key 1 of the set: n does not",
        ),
        ("{}", "key 1 of the set"),
        ('{"keys":[]}', "no public signature key"),
        ("-----BEGIN PUBLIC KEY-----", "a public key in PEM, and a JWK Set of public keys is needed; python3"),
        ('{"jwks_uri":"https://a.example/jwks"}', "a discovery document, which only names the JWK Set; curl"),
        ("\ufeff{}", "byte order mark (BOM)"),
        ("", "is empty"),
    ],
)
async def test_an_unusable_set_of_another_issuer_is_refused(text: str, says: str) -> None:
    life = Life()
    await life.begin(_public_only())
    await publish(life, text)
    await life.pass_()
    assert await life.condition("Ready") == ("False", "ImportRefused")
    assert says in await message(life)


async def test_a_private_key_in_a_public_set_is_refused_and_not_repeated() -> None:
    life, key = Life(), old_key()
    await life.begin(_public_only())
    await publish(life, public_set(key.private.reveal()))
    await life.pass_()
    assert "private members in a public key" in await message(life)
    assert str(key.private.reveal()["d"]) not in str(await life.status())


async def test_more_keys_than_the_set_may_publish_do_not_join() -> None:
    life = Life()
    await life.begin(_public_only())
    await publish(life, public_set(*(named(old_key(), f"old-{number}") for number in range(31))))
    await life.pass_()
    assert "raise maxKeys" in await message(life)


async def test_a_config_map_consents_like_a_secret() -> None:
    life = Life()
    await life.begin(_public_only())
    await publish(life, public_set(named(old_key(), "old")), labels={})
    await life.pass_()
    assert "ConfigMap old does not exist or does not consent: create it, or add the label" in await message(life)
