"""Keys from elsewhere: imported once, in every form; and refused with the cure in words."""

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from fakes.faults import Answer
from jwks_operator.keys.generate import GeneratedKey
from jwks_operator.kube.client import SECRETS
from jwks_operator.kube.errors import Unavailable
from reconcile.life import ES256, Life
from reconcile.sources import (
    begin,
    importing,
    jwk,
    message,
    named,
    offer,
    old_key,
    pem,
    public_set,
    publish,
    weak_pem,
)

LEAD = timedelta(minutes=70)
RETENTION = timedelta(minutes=70)  # never less than the roll-back window, which is a lead
MONTH = timedelta(hours=720)


# --- formats ---

FORMATS: dict[str, tuple[str, Callable[[GeneratedKey], bytes]]] = {
    "PKCS#8": ("ES256", pem),
    "PKCS#8 of RSA": ("RS256", pem),
    "PKCS#1": ("RS256", lambda key: pem(key, PrivateFormat.TraditionalOpenSSL)),
    "SEC 1": ("ES256", lambda key: pem(key, PrivateFormat.TraditionalOpenSSL)),
    "Ed25519 in PKCS#8": ("Ed25519", pem),
    "ML-DSA in PKCS#8": ("ML-DSA-44", pem),
    "JWK": ("ES256", jwk),
    "JWK of another generation": ("Ed25519", lambda key: jwk(key, alg="EdDSA")),
    "JWK Set": ("ES256", lambda key: b'{"keys":[' + jwk(old_key("Ed25519")) + b"," + jwk(key) + b"]}"),
    "encryption key": ("ECDH-ES", pem),
    "symmetric key": ("HS256", jwk),
    "JWK with null": ("ES256", lambda key: jwk(key, use=None, x5c=None, key_ops=None)),
    "JWK of n, e and d": ("RS256", lambda key: jwk(key, **dict.fromkeys(("p", "q", "dp", "dq", "qi")))),
}


@pytest.mark.parametrize("form", FORMATS)
async def test_a_new_set_uses_an_imported_key_at_once_in_every_form(form: str) -> None:
    algorithm, written = FORMATS[form]
    key = old_key(algorithm, 2048 if algorithm == "RS256" else None)
    size: dict[str, Any] = {"modulusLength": 2048} if algorithm == "RS256" else {}
    life = await begin(importing(algorithm, **size), written(key))
    assert await life.in_use() == key.kid
    assert await life.condition("Ready") == ("True", "KeysInUse")
    states = await life.states()
    assert len(states["Pending"]) == 1, "the entry rotates with generated keys, so it keeps a standby"
    history = [(entry["event"], entry["kid"]) for entry in (await life.status())["history"]]
    assert ("KeyImported", key.kid) in history


async def test_a_kid_of_the_source_is_kept() -> None:
    life = await begin(importing(), jwk(old_key(), kid="urn:old/2021 ü"))
    assert await life.in_use() == "urn:old/2021 ü"
    assert "urn:old/2021 ü" in await life.published()


async def test_a_key_without_a_kid_keeps_the_one_that_its_issuer_publishes() -> None:
    life, key = Life(), old_key()
    await life.begin(importing(public=True))
    await offer(life, pem(key))
    await publish(life, public_set(named(key, "2021")))
    await life.pass_()
    assert await life.in_use() == "2021"
    assert (await life.states()).get("Retired", []) == [], "one key, one place"


# --- what is refused, and how that is told ---

REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "another algorithm": ("ES256", lambda: jwk(old_key("ES384")), "a key for ES384, and the entry asks for ES256"),
    "another curve": ("ES256", lambda: pem(old_key("ES384")), "crv is not P-256"),
    "another size": ("RS256", lambda: pem(old_key("RS256", 2048)), "set its modulusLength to 2048"),
    "a weak key": ("RS256", weak_pem, "n does not have one of 2048, 3072, 4096 bits"),
    "halves that differ": ("ES256", lambda: jwk(old_key(), **_other_half()), "the private members do not belong"),
    "a kid too long": ("ES256", lambda: jwk(old_key(), kid="k" * 257), "kid has more than 256 characters"),
    "a set of two": ("ES256", lambda: b'{"keys":[' + jwk(old_key()) + b"," + jwk(old_key()) + b"]}",
                     "put the one to import, as a single JWK, under a data key of its own"),
    "a set of none": ("ES256", lambda: b'{"keys":[' + jwk(old_key("ES384")) + b"]}", "no private keys for ES256"),
    "a public key": ("ES256", lambda: public_set(old_key().public).encode(), "no private keys for ES256"),
    "no key": ("ES256", lambda: b"password", "neither PEM nor JSON"),
    "nothing": ("ES256", lambda: b"", "is empty"),
    "two keys": ("ES256", lambda: pem(old_key()) + pem(old_key()), "2 private keys in one PEM file"),
    "UTF-16": ("ES256", lambda: pem(old_key()).decode().encode("utf-16"), "text in UTF-16; iconv -f UTF-16 -t UTF-8"),
}  # fmt: skip


def _other_half() -> dict[str, Any]:
    other = old_key().public
    return {name: other[name] for name in ("x", "y")}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_new_set_waits_for_a_source_that_it_can_use(what: str) -> None:
    algorithm, content, says = REFUSED[what]
    life = await begin(importing(algorithm), content())
    assert await life.condition("Ready") == ("False", "ImportRefused")
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    assert says in await message(life)
    assert [write for write in life.writes() if "status" not in write] == [], "nothing is generated instead"


async def test_a_source_without_consent_is_not_looked_at_and_the_label_is_named() -> None:
    life = Life()
    await life.begin(importing())
    await offer(life, b"not even a key", labels={"jwks-operator.dev/allow-set": "another"})
    wake = await life.pass_()
    assert "add the label jwks-operator.dev/allow-set: auth to it" in await message(life)
    assert wake == life.time.now + timedelta(minutes=1), "no watch tells of a label on the source"


async def test_a_new_set_begins_once_the_source_appears() -> None:
    life, key = await begin(importing()), old_key()
    assert "Secret old does not exist" in await message(life)
    await offer(life, pem(key))
    await life.after(timedelta(minutes=1))
    assert await life.in_use() == key.kid
    assert await life.condition("Degraded") == ("False", "AsExpected")


async def test_a_source_that_cannot_be_read_ends_the_pass() -> None:
    life = Life()
    await life.begin(importing())
    life.start_operator(Answer(500, where=lambda call: call.path.endswith("/secrets/old")))
    with pytest.raises(Unavailable):
        await life.pass_()
    assert life.writes() == []


async def test_a_destroyed_key_does_not_return_under_another_kid() -> None:
    key = old_key()
    life = await begin(importing(), pem(key))
    await life.live(MONTH + RETENTION + timedelta(hours=1))
    assert key.kid not in await life.published()
    spec = importing()
    spec["keys"].append({"name": "other", "algorithm": "ES256", "import": {"secretRef": {"name": "old", "key": "k"}}})
    await life.edit(SECRETS, "old", lambda seen: seen["data"].update(k=_encoded(jwk(key, kid="renamed"))))
    await life.set_spec(spec)
    await life.pass_()
    assert "which was destroyed or revoked in this set" in await message(life)
    assert (await life.states("other")) == {}


async def test_a_revoked_key_is_never_imported() -> None:
    key = old_key()
    life = await begin({**importing(), "revoked": [{"kid": key.kid}]}, pem(key))
    assert "which spec or annotation revokes" in await message(life)


async def test_a_kid_never_names_two_keys() -> None:
    life = await begin(ES256)
    used = await life.in_use()
    await offer(life, jwk(old_key(), kid=used))
    await life.set_spec(importing())
    await life.pass_()
    assert "has the kid of the Active key" in await message(life)
    assert await life.in_use() == used
    ring = {document["kid"]: document for document in (await life.keyring()).values() if "kid" in document}
    assert ring[used]["private"]["x"] == ring[used]["public"]["x"], "the private half stays our own"


def _encoded(content: bytes) -> str:
    return b64encode(content).decode()


# --- once ---


async def test_a_key_is_imported_once_and_the_entry_rotates_by_its_schedule() -> None:
    key = old_key()
    life = await begin(importing(), pem(key))
    life.writes()
    await life.pass_()
    assert life.writes() == [], "a second pass imports nothing"
    await life.live(MONTH + timedelta(minutes=1))
    assert await life.in_use() != key.kid
    assert (await life.states())["Retired"] == [key.kid]
    await life.live(MONTH)
    assert key.kid not in await life.published()
    assert await life.condition("Degraded") == ("False", "AsExpected")


async def test_a_source_may_be_deleted_after_its_import() -> None:
    key = old_key()
    life = await begin(importing(), pem(key))
    await life.delete(SECRETS, "old")
    await life.after(timedelta(hours=1))
    assert await life.condition("Degraded") == ("False", "AsExpected")
    assert await life.in_use() == key.kid


async def test_another_source_is_another_import() -> None:
    life = await begin(importing(), pem(old_key()))
    await life.set_spec({"keys": [{**importing()["keys"][0], "import": {"secretRef": {"name": "new", "key": "k"}}}]})
    await life.pass_()
    assert "Secret new does not exist" in await message(life)


async def test_a_source_that_no_longer_fits_after_its_import_is_told_and_changes_nothing() -> None:
    key = old_key()
    life = await begin(importing(), pem(key))
    await life.set_spec(importing("ES384"))
    await life.pass_()
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    assert "the import may also be removed" in await message(life)
    await life.live(LEAD)
    assert (await life.states())["Retired"] == [key.kid], "the entry rotates to the new algorithm all the same"
