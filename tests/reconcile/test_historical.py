"""Historical keys: who left, until when it counted and why, signed by the key in use and only when that changes."""

import json
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from jwks_operator.core.features import historical
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from jwks_operator.serve.check import check_historical
from reconcile.life import REF, START, Life

ISSUER = "https://auth.example.com"
PUBLISH = {"issuer": ISSUER, "historical": True}
MINUTE = timedelta(minutes=1)
DAY = timedelta(hours=24)


def spec(algorithm: str = "ES256", **more: Any) -> dict[str, Any]:
    keys = [{"name": "signing", "algorithm": algorithm}]
    return {"keys": keys, "rotation": {"every": "24h"}, "publish": PUBLISH, **more}


async def begun(written: dict[str, Any] | None = None) -> Life:
    life = Life()
    await life.begin(written or spec())
    await life.pass_()
    return life


async def token(life: Life) -> str | None:
    text = (await life.read(CONFIGMAPS, REF.name))["data"].get("historical.jwt")
    return None if text is None else str(text)


async def told(life: Life) -> dict[str, Any]:
    """The payload, verified with the published set by two libraries."""
    text = await token(life)
    assert text is not None
    check_historical(text.encode())
    jwks = json.loads((await life.read(CONFIGMAPS, REF.name))["data"]["jwks.json"])
    header = jwt.get_unverified_header(text)
    assert header["typ"] == "jwk-set+jwt"
    assert header["kid"] == await life.in_use()
    key = next(key for key in jwt.PyJWKSet.from_dict(jwks).keys if key.key_id == header["kid"])
    said = jwt.decode(text, key, algorithms=[header["alg"]], options={"verify_iat": False})
    if header["alg"] != "EdDSA":  # of which joserfc warns
        other = jws.deserialize_compact(text, KeySet.import_key_set(jwks), algorithms=[header["alg"]])
        assert json.loads(other.payload) == said
    return dict(said)


def seconds(time: datetime) -> int:
    return int(time.timestamp())


async def test_a_young_set_has_no_history_and_pays_nothing_for_it() -> None:
    life = await begun()
    assert len(life.writes()) == 5
    assert await token(life) is None
    await life.after(DAY)
    assert await token(life) is None


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "Ed25519"])
async def test_a_key_that_left_is_told_with_its_times(algorithm: str) -> None:
    # PyJWT knows Ed25519 by its former name.
    life = await begun(spec(algorithm, publish={**PUBLISH, "eddsaName": "EdDSA"}))
    first = await life.in_use()
    public = json.loads((await life.read(CONFIGMAPS, REF.name))["data"]["jwks.json"])["keys"]
    await life.live(DAY + timedelta(hours=2))
    said = await told(life)
    assert said["iss"] == ISSUER
    assert said["keys"] == [
        {
            **next(key for key in public if key["kid"] == first),
            "iat": seconds(START),
            "exp": seconds(START + DAY),
        }
    ]
    assert first not in await life.published()


async def test_it_is_signed_again_only_when_it_says_something_else() -> None:
    life = await begun(spec("PS256"))
    await life.live(DAY + timedelta(hours=2))
    former = await token(life)
    life.writes()
    for _ in range(3):
        await life.after(MINUTE)
    assert life.writes() == []
    await life.edit(CONFIGMAPS, REF.name, lambda seen: seen["data"].pop("historical.jwt"))
    await life.pass_()
    assert await token(life) == former
    await life.live(DAY)
    assert await token(life) != former
    assert len((await told(life))["keys"]) == 2


async def test_the_signature_moves_to_the_next_key_in_use() -> None:
    life = await begun()
    await life.live(DAY + timedelta(hours=2))
    signer, said = await life.in_use(), await told(life)
    await life.live(timedelta(hours=22, minutes=5))
    assert await life.in_use() != signer
    again = await told(life)
    assert again["keys"] == said["keys"]
    assert again["iat"] > said["iat"]


@pytest.mark.parametrize(
    ("reason", "word"),
    [("KeyCompromise", "compromised"), ("Superseded", "superseded"), ("Unspecified", "unspecified")],
)
async def test_a_revoked_key_is_told_at_once_and_why(reason: str, word: str) -> None:
    life = await begun()
    kid = await life.in_use()
    life.time.pass_by(timedelta(hours=1))
    await life.set_spec(spec(revoked=[{"kid": kid, "reason": reason}]))
    await life.pass_()
    (entry,) = (await told(life))["keys"]
    at = seconds(START + timedelta(hours=1))
    assert (entry["kid"], entry["exp"]) == (kid, at)
    assert entry["revoked"] == {"revoked_at": at, "reason": word}
    life.writes()
    await life.pass_()
    assert life.writes() == []


async def test_a_key_that_nobody_used_leaves_no_trace_unless_revoked() -> None:
    life = await begun()
    (standby,) = (await life.states())["Pending"]
    await life.set_spec({**spec("ES384")})
    await life.pass_()
    await life.live(timedelta(hours=6))
    kids = [key["kid"] for key in (await told(life))["keys"]]
    assert kids
    assert standby not in kids


async def test_encryption_keys_are_not_told() -> None:
    life = await begun(
        {**spec(), "keys": [{"name": "box", "algorithm": "ECDH-ES"}, {"name": "signing", "algorithm": "ES256"}]}
    )
    await life.live(DAY * 3)
    said = await told_by(life, "signing")
    assert {key["alg"] for key in said["keys"]} == {"ES256"}


async def told_by(life: Life, entry: str) -> dict[str, Any]:
    text = await token(life)
    assert text is not None
    assert jwt.get_unverified_header(text)["kid"] == await life.in_use(entry)
    return dict(jwt.decode(text, options={"verify_signature": False}))


async def test_turned_off_it_is_gone_and_turned_on_it_tells_who_left_meanwhile_on() -> None:
    life = await begun()
    await life.live(DAY + timedelta(hours=2))
    await life.set_spec(spec(publish={"issuer": ISSUER}))
    await life.pass_()
    assert await token(life) is None
    await life.live(DAY)
    await life.set_spec(spec())
    await life.pass_()
    assert len((await told(life))["keys"]) == 1


async def test_a_clock_in_doubt_signs_nothing() -> None:
    life = await begun()
    kid = await life.in_use()
    life.time.now += timedelta(hours=5)
    await life.set_spec(spec(revoked=[{"kid": kid}]))
    await life.pass_()
    assert kid not in await life.published()
    assert await token(life) is None


async def test_what_is_told_is_bounded_and_the_revoked_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(historical, "TOLD_LIMIT", 1000)
    life = await begun()
    kid = await life.in_use()
    await life.set_spec(spec(revoked=[{"kid": kid}]))
    await life.live(DAY * 12)
    keys = (await told(life))["keys"]
    assert kid in {key["kid"] for key in keys}
    assert 2 <= len(keys) <= 6
    assert max(key["exp"] for key in keys) > seconds(life.time.now - 3 * DAY)
    ring = await life.keyring()
    assert len(ring["record.json"]["tombstones"]) > len(keys)


async def test_a_lost_keyring_costs_no_history_and_brings_no_revoked_key_back() -> None:
    life = await begun()
    kid = await life.in_use()
    await life.live(DAY + timedelta(hours=2))
    second = await life.in_use()
    await life.set_spec(spec(revoked=[{"kid": second, "reason": "KeyCompromise"}]))
    await life.pass_()
    said = await told(life)
    assert {key["kid"] for key in said["keys"]} == {kid, second}
    former = (await life.keyring())["record.json"]["tombstones"]
    await life.delete(SECRETS, "auth-keyring")
    await life.after(MINUTE)
    assert (await told(life))["keys"] == said["keys"]
    again = (await life.keyring())["record.json"]["tombstones"]
    assert {(stone["digest"], stone["reason"]) for stone in again} == {
        (stone["digest"], stone["reason"]) for stone in former
    }
    life.writes()
    await life.pass_()
    assert life.writes() == []


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "a.e30.c", "a.W10.c", "a.eyJrZXlzIjpbMSx7fV19.c"])
async def test_a_spoilt_history_does_not_stand_in_the_way_of_recovery(text: str) -> None:
    life = await begun()
    kid = await life.in_use()
    await life.edit(CONFIGMAPS, REF.name, lambda seen: seen["data"].update({"historical.jwt": text}))
    await life.delete(SECRETS, "auth-keyring")
    await life.pass_()
    assert await life.in_use() == kid
