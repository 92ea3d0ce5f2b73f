"""Keys from elsewhere: imported once, followed, joined as retired; and refused with the cure in words."""

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from corridor.life import ES256, REF, Life
from corridor.sources import TLS, importing, jwk, named, offer, old_key, pem, public_set, publish, renew, weak_pem
from fakes.faults import Answer, Crash, CrashAfter, CrashBefore
from jwks_operator.keys.generate import GeneratedKey
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from jwks_operator.kube.errors import Unavailable

LEAD = timedelta(minutes=70)
RETENTION = timedelta(minutes=70)  # never less than the roll-back window, which is a lead
MONTH = timedelta(hours=720)


async def _begin(spec: dict[str, Any], content: bytes | None = None, kind: str = "Opaque") -> Life:
    life = Life()
    await life.begin(spec)
    if content is not None:
        await offer(life, content, kind)
    await life.pass_()
    return life


async def _message(life: Life, kind: str = "Degraded") -> str:
    found = {c["type"]: c for c in (await life.status())["conditions"]}
    return str(found[kind]["message"])


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
}


@pytest.mark.parametrize("form", FORMATS)
async def test_a_new_set_uses_an_imported_key_at_once_in_every_form(form: str) -> None:
    algorithm, written = FORMATS[form]
    key = old_key(algorithm, 2048 if algorithm == "RS256" else None)
    size: dict[str, Any] = {"modulusLength": 2048} if algorithm == "RS256" else {}
    life = await _begin(importing(algorithm, **size), written(key))
    assert await life.in_use() == key.kid
    assert await life.condition("Ready") == ("True", "KeysInUse")
    states = await life.states()
    assert len(states["Pending"]) == 1, "the entry rotates with generated keys, so it keeps a standby"
    history = [(entry["event"], entry["kid"]) for entry in (await life.status())["history"]]
    assert ("KeyImported", key.kid) in history


async def test_a_kid_of_the_source_is_kept() -> None:
    life = await _begin(importing(), jwk(old_key(), kid="urn:old/2021 ü"))
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
}  # fmt: skip


def _other_half() -> dict[str, Any]:
    other = old_key().public
    return {name: other[name] for name in ("x", "y")}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_new_set_waits_for_a_source_that_it_can_use(what: str) -> None:
    algorithm, content, says = REFUSED[what]
    life = await _begin(importing(algorithm), content())
    assert await life.condition("Ready") == ("False", "ImportRefused")
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    assert says in await _message(life)
    assert [write for write in life.writes() if "status" not in write] == [], "nothing is generated instead"


async def test_a_source_without_consent_is_not_looked_at_and_the_label_is_named() -> None:
    life = Life()
    await life.begin(importing())
    await offer(life, b"not even a key", labels={"jwks-operator.dev/allow-set": "another"})
    wake = await life.pass_()
    assert "add the label jwks-operator.dev/allow-set: auth to it" in await _message(life)
    assert wake == life.time.now + timedelta(minutes=1), "no watch tells of a label on the source"


async def test_a_new_set_begins_once_the_source_appears() -> None:
    life, key = await _begin(importing()), old_key()
    assert "Secret old does not exist" in await _message(life)
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
    life = await _begin(importing(), pem(key))
    await life.live(MONTH + RETENTION + timedelta(hours=1))
    assert key.kid not in await life.published()
    spec = importing()
    spec["keys"].append({"name": "other", "algorithm": "ES256", "import": {"secretRef": {"name": "old", "key": "k"}}})
    await life.edit(SECRETS, "old", lambda seen: seen["data"].update(k=_encoded(jwk(key, kid="renamed"))))
    await life.set_spec(spec)
    await life.pass_()
    assert "which was destroyed or revoked in this set" in await _message(life)
    assert (await life.states("other")) == {}


async def test_a_revoked_key_is_never_imported() -> None:
    key = old_key()
    life = await _begin({**importing(), "revoked": [{"kid": key.kid}]}, pem(key))
    assert "which spec or annotation revokes" in await _message(life)


async def test_a_kid_never_names_two_keys() -> None:
    life = await _begin(ES256)
    used = await life.in_use()
    await offer(life, jwk(old_key(), kid=used))
    await life.set_spec(importing())
    await life.pass_()
    assert "has the kid of the Active key" in await _message(life)
    assert await life.in_use() == used
    ring = {document["kid"]: document for document in (await life.keyring()).values() if "kid" in document}
    assert ring[used]["private"]["x"] == ring[used]["public"]["x"], "the private half stays our own"


def _encoded(content: bytes) -> str:
    return b64encode(content).decode()


# --- once ---


async def test_a_key_is_imported_once_and_the_entry_rotates_by_its_schedule() -> None:
    key = old_key()
    life = await _begin(importing(), pem(key))
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
    life = await _begin(importing(), pem(key))
    await life.delete(SECRETS, "old")
    await life.after(timedelta(hours=1))
    assert await life.condition("Degraded") == ("False", "AsExpected")
    assert await life.in_use() == key.kid


async def test_another_source_is_another_import() -> None:
    life = await _begin(importing(), pem(old_key()))
    await life.set_spec({"keys": [{**importing()["keys"][0], "import": {"secretRef": {"name": "new", "key": "k"}}}]})
    await life.pass_()
    assert "Secret new does not exist" in await _message(life)


async def test_a_source_that_no_longer_fits_after_its_import_is_told_and_changes_nothing() -> None:
    key = old_key()
    life = await _begin(importing(), pem(key))
    await life.set_spec(importing("ES384"))
    await life.pass_()
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    assert "the import may also be removed" in await _message(life)
    await life.live(LEAD)
    assert (await life.states())["Retired"] == [key.kid], "the entry rotates to the new algorithm all the same"


# --- on a living set ---


async def test_a_key_imported_into_a_living_set_waits_its_lead_and_is_used_then() -> None:
    life, key = await _begin(ES256), old_key()
    first, standby = await life.in_use(), (await life.states())["Pending"][0]
    await offer(life, pem(key))
    await life.set_spec(importing())
    await life.after(timedelta(hours=5))
    assert await life.in_use() == first
    assert key.kid in await life.published()
    await life.live(LEAD - timedelta(seconds=1))
    assert await life.in_use() == first, "not before its lead"
    await life.live(timedelta(seconds=1))
    assert await life.in_use() == key.kid
    assert (await life.states())["Pending"] == [standby], "the standby keeps its turn"
    await life.live(MONTH)
    assert await life.in_use() == standby


async def test_an_entry_added_with_an_import_waits_its_lead() -> None:
    life, key = await _begin(ES256), old_key()
    await offer(life, pem(key))
    await life.set_spec({"keys": [*ES256["keys"], {**importing()["keys"][0], "name": "old"}]})
    await life.pass_()
    assert await life.condition("Ready") == ("False", "WaitingForLead")
    await life.live(LEAD)
    assert await life.in_use("old") == key.kid


async def test_an_entry_added_with_a_bad_import_generates_nothing() -> None:
    life = await _begin(ES256)
    await life.set_spec({"keys": [*ES256["keys"], {**importing()["keys"][0], "name": "old"}]})
    await life.live(timedelta(hours=3))
    assert await life.states("old") == {}
    assert await life.condition("Ready") == ("False", "ImportRefused")
    assert (await life.states())["Active"], "the other entry is untouched"


async def test_a_bad_import_leaves_the_keys_of_a_living_entry_and_their_schedule_as_they_were() -> None:
    life = await _begin(ES256)
    first = await life.in_use()
    await life.set_spec(importing())
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    await life.live(MONTH)
    assert await life.in_use() != first


async def test_suspend_withholds_an_import() -> None:
    life, key = await _begin(ES256), old_key()
    await offer(life, pem(key))
    await life.set_spec({**importing(), "suspend": True})
    await life.pass_()
    assert key.kid not in await life.published()


# --- followed ---


async def test_a_key_renewed_by_somebody_else_is_used_after_its_lead_by_itself() -> None:
    first, second = old_key(), old_key()
    life = await _begin(importing(), pem(first), TLS)
    assert await life.states() == {"Active": [first.kid]}, "no standby is generated"
    await life.live(MONTH + timedelta(hours=1))
    assert await life.in_use() == first.kid, "nor any successor"
    await renew(life, pem(second))
    await life.pass_()
    assert await life.states() == {"Active": [first.kid], "Pending": [second.kid]}
    await life.live(LEAD)
    assert await life.states() == {"Active": [second.kid], "Retired": [first.kid]}


async def test_a_certificate_issued_anew_on_the_same_key_changes_nothing() -> None:
    key = old_key()
    life = await _begin(importing(), pem(key), TLS)
    life.writes()
    await renew(life, pem(key))
    await life.after(timedelta(minutes=10))
    assert life.writes() == []


async def test_a_key_renewed_twice_within_the_lead_leaves_only_the_newest() -> None:
    first, second, third = old_key(), old_key(), old_key()
    life = await _begin(importing(), pem(first), TLS)
    await renew(life, pem(second))
    await life.pass_()
    await renew(life, pem(third))
    await life.after(timedelta(minutes=10))
    assert await life.states() == {"Active": [first.kid], "Pending": [third.kid]}
    await life.live(LEAD)
    assert await life.in_use() == third.kid


async def test_a_followed_source_that_is_gone_leaves_its_keys_in_use() -> None:
    key = old_key()
    life = await _begin(importing(), pem(key), TLS)
    await life.delete(SECRETS, "old")
    await life.after(timedelta(hours=2))
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    assert await life.in_use() == key.kid


async def test_a_revoked_key_is_replaced_by_the_renewed_one_at_once() -> None:
    first, second = old_key(), old_key()
    life = await _begin(importing(), pem(first), TLS)
    await life.annotate(revoke=first.kid)
    await life.pass_()
    assert await life.states() == {}, "nothing is generated"
    assert "issue a new one" in await _message(life)
    assert await life.condition("Ready") == ("False", "ImportRefused")
    await renew(life, pem(second))
    await life.after(timedelta(minutes=1))
    assert await life.in_use() == second.kid
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_a_source_that_holds_the_key_in_use_is_followed_from_then_on() -> None:
    key = old_key()
    life = await _begin(importing(), pem(key))
    assert len((await life.states())["Pending"]) == 1
    await life.delete(SECRETS, "old")
    await offer(life, pem(key), TLS)
    await life.pass_()
    assert await life.states() == {"Active": [key.kid]}
    await life.live(MONTH + timedelta(hours=1))
    assert await life.in_use() == key.kid


async def test_a_set_that_stops_following_generates_again() -> None:
    key = old_key()
    life = await _begin(importing(), pem(key), TLS)
    await life.set_spec(ES256)
    await life.live(MONTH)
    assert await life.in_use() != key.kid


# --- crashes and losses ---


@pytest.mark.parametrize("fault", [CrashBefore, CrashAfter])
@pytest.mark.parametrize("number", range(1, 16))
async def test_an_import_survives_a_crash_at_any_call(fault: type[CrashBefore], number: int) -> None:
    life, key, old = Life(), old_key(), old_key()
    await life.begin(importing(public=True))
    await offer(life, pem(key))
    await publish(life, public_set(named(key, "now"), named(old, "old")))
    life.start_operator(fault(number))
    try:
        await life.pass_()
    except Crash:
        life.start_operator()
        await life.pass_()
    states = await life.states()
    assert (states["Active"], states["Retired"], len(states["Pending"])) == (["now"], ["old"], 1)
    assert await life.in_use() == "now"


async def test_a_lost_key_is_taken_from_its_source_again_where_it_is_still_published() -> None:
    key = old_key()
    life = await _begin(importing(), pem(key), TLS)
    for name in (f"{REF.name}-keyring", REF.name):
        await life.delete(SECRETS, name)
    await life.pass_()
    assert await life.states() == {"Active": [key.kid]}
    assert await life.in_use() == key.kid


async def test_after_a_loss_nothing_is_imported_a_second_time() -> None:
    key = old_key()
    life = await _begin(importing(), pem(key))
    await life.live(MONTH + RETENTION + timedelta(hours=1))
    await life.delete(SECRETS, f"{REF.name}-keyring")
    await life.live(timedelta(hours=3))
    assert key.kid not in await life.published()


async def test_a_set_whose_source_is_gone_regenerates_what_it_lost() -> None:
    life = await _begin(importing(), pem(old_key()))
    for name in (f"{REF.name}-keyring", REF.name, "old"):
        await life.delete(SECRETS, name)
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")


# --- the public keys of another issuer ---


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
    assert says in await _message(life)


async def test_a_private_key_in_a_public_set_is_refused_and_not_repeated() -> None:
    life, key = Life(), old_key()
    await life.begin(_public_only())
    await publish(life, public_set(key.private.reveal()))
    await life.pass_()
    assert "private members in a public key" in await _message(life)
    assert str(key.private.reveal()["d"]) not in str(await life.status())


async def test_more_keys_than_the_set_may_publish_do_not_join() -> None:
    life = Life()
    await life.begin(_public_only())
    await publish(life, public_set(*(named(old_key(), f"old-{number}") for number in range(11))))
    await life.pass_()
    assert "raise maxKeys" in await _message(life)


async def test_a_config_map_consents_like_a_secret() -> None:
    life = Life()
    await life.begin(_public_only())
    await publish(life, public_set(named(old_key(), "old")), labels={})
    await life.pass_()
    assert "ConfigMap old does not consent; add the label" in await _message(life)
