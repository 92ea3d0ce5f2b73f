"""Another issuer's public keys: published as retired ones until their last token has expired."""

from datetime import timedelta
from typing import Any

import pytest

from corridor.life import ES256, Life
from corridor.sources import message, named, old_key, public_set, publish
from jwks_operator.kube.client import CONFIGMAPS

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
    assert await life.condition("Degraded") == ("False", "AsExpected"), "what was joined is not joined again"


async def test_a_key_that_the_other_issuer_adds_later_joins_too() -> None:
    life, old, newer = Life(), old_key(), old_key()
    await life.begin(_public_only())
    await publish(life, public_set(named(old, "old")))
    await life.pass_()
    text = public_set(named(old, "old"), named(newer, "newer"))
    await life.edit(CONFIGMAPS, "old", lambda seen: seen["data"].update({"jwks.json": text}))
    await life.after(timedelta(minutes=10))
    assert {"old", "newer"} <= set(await life.published())


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
        ("-----BEGIN PUBLIC KEY-----", "neither PEM nor JSON"),
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
    await publish(life, public_set(*(named(old_key(), f"old-{number}") for number in range(11))))
    await life.pass_()
    assert "raise maxKeys" in await message(life)


async def test_a_config_map_consents_like_a_secret() -> None:
    life = Life()
    await life.begin(_public_only())
    await publish(life, public_set(named(old_key(), "old")), labels={})
    await life.pass_()
    assert "ConfigMap old does not exist or does not consent: create it, or add the label" in await message(life)
