"""Encryption and symmetric keys: whoever opens has the key before anyone seals with it, and as long as needed."""

import json
from base64 import b64decode
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import Crash, CrashAfter
from jwks_operator.api.names import keyring_name
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from reconcile.life import REF, Life

MONTH = timedelta(hours=720)
PROPAGATION = timedelta(minutes=5)


def _spec(algorithm: str, **entry: Any) -> dict[str, Any]:
    return {"keys": [{"name": "box", "algorithm": algorithm, **entry}]}


async def _settled(spec: dict[str, Any]) -> Life:
    life = Life()
    await life.begin(spec)
    await life.pass_()
    return life


async def _files(life: Life) -> dict[str, bytes]:
    return {name: b64decode(text) for name, text in (await life.read(SECRETS, REF.name))["data"].items()}


async def _openers(life: Life, entry: str = "box") -> list[str]:
    return [key["kid"] for key in json.loads((await _files(life))[f"{entry}.jwks"])["keys"]]


@pytest.mark.parametrize("algorithm", ["RSA-OAEP-256", "ECDH-ES+A256KW"])
async def test_receivers_can_open_with_a_key_before_senders_find_it(algorithm: str) -> None:
    spec = _spec(algorithm) if algorithm.startswith("ECDH") else _spec(algorithm, modulusLength=2048)
    life = await _settled(spec)
    states = await life.states("box")
    assert await life.published() == states["Active"], "senders find only the key in use"
    assert await _openers(life) == [*states["Active"], *states["Pending"]]
    await life.after(MONTH)
    after = await life.states("box")
    assert after["Active"] == states["Pending"]
    assert await life.published() == after["Active"]
    assert set(await _openers(life)) == {*after["Active"], *after["Pending"], *after["Retired"]}
    ring = {d["kid"]: d for d in (await life.keyring()).values() if "kid" in d}
    assert "private" in ring[after["Retired"][0]]
    # retention: propagation 5m + cacheMaxAge 5m + verifierRefresh 1h + tokenLifetime 1h + clockSkew 1m
    await life.after(timedelta(minutes=130))
    assert after["Retired"][0] in await _openers(life)
    await life.after(timedelta(minutes=1))
    assert after["Retired"][0] not in await _openers(life)


async def test_a_requested_rotation_of_an_encryption_key_waits_for_the_receivers_only() -> None:
    life = await _settled(_spec("ECDH-ES", crv="X25519"))
    pending = (await life.states("box"))["Pending"]
    await life.annotate(rotate=f"box@{life.time.now.isoformat()}")
    assert await life.pass_() == life.time.now + PROPAGATION
    await life.after(PROPAGATION)
    assert await life.published() == pending


@pytest.mark.parametrize("algorithm", ["HS256", "A256GCMKW"])
async def test_a_symmetric_key_is_never_published_and_all_holders_can_check(algorithm: str) -> None:
    life = await _settled(_spec(algorithm))
    states = await life.states("box")
    assert await life.published() == []
    files = await _files(life)
    assert sorted(files) == ["box.alg", "box.jwk", "box.jwks", "box.kid"]
    assert json.loads(files["box.jwk"])["kid"] == states["Active"][0]
    assert await _openers(life) == [*states["Active"], *states["Pending"]]
    await life.after(MONTH)
    assert set(states["Active"]) < set(await _openers(life))
    assert await life.in_use("box") == states["Pending"][0]
    assert await life.published() == []


async def test_a_deleted_secret_restarts_the_wait_of_a_pending_encryption_key() -> None:
    life = await _settled(_spec("ECDH-ES"))
    pending = (await life.states("box"))["Pending"]
    life.time.pass_by(MONTH - timedelta(minutes=2))
    await life.delete(SECRETS, REF.name)
    await life.pass_()
    await life.after(timedelta(minutes=2))
    assert (await life.states("box"))["Pending"] == pending
    await life.after(PROPAGATION)
    assert (await life.states("box"))["Active"] == pending


@pytest.mark.parametrize("algorithm", ["ECDH-ES", "HS256", "ES256"])
async def test_a_lost_keyring_loses_nothing_that_the_secret_still_holds(algorithm: str) -> None:
    life = await _settled(_spec(algorithm))
    await life.after(MONTH)
    before = await life.states("box")
    openers = [] if algorithm == "ES256" else await _openers(life)
    await life.delete(SECRETS, keyring_name(REF.name))
    await life.after(timedelta(minutes=1))
    assert (await life.states("box"))["Active"] == before["Active"]
    if openers:
        assert set(openers) <= set(await _openers(life))


async def test_three_classes_live_in_one_set() -> None:
    spec = {
        "keys": [
            {"name": "signing", "algorithm": "Ed25519"},
            {"name": "inbox", "algorithm": "ECDH-ES+A128KW"},
            {"name": "sessions", "algorithm": "HS512"},
        ],
        "publish": {"maxKeys": 20},
    }
    life = await _settled(spec)
    assert len(await life.published()) == 3
    await life.live(timedelta(days=95))
    for entry in ("signing", "inbox", "sessions"):
        states = await life.states(entry)
        assert len(states["Active"]) == 1
        assert await life.in_use(entry) == states["Active"][0]


async def test_a_revoked_encryption_key_is_gone_from_both_sides() -> None:
    life = await _settled(_spec("ECDH-ES"))
    bad = await life.in_use("box")
    await life.annotate(revoke=bad)
    await life.pass_()
    assert bad not in await life.published()
    assert bad not in await _openers(life)
    assert await life.published() == [await life.in_use("box")]


MIXED = {"keys": [{"name": "box", "algorithm": "ECDH-ES"}, {"name": "signing", "algorithm": "ES256"}]}
MIXED_WRITES = [
    "POST secrets",
    "POST secrets",
    "POST configmaps",
    "PUT secrets/auth",
    "PUT secrets/auth-keyring",
    "PATCH jsonwebkeysets/auth/status",
]


async def test_a_new_set_of_mixed_classes_shows_each_key_first_to_whoever_checks() -> None:
    """It costs one write more: the Secret comes first for those who open, and last for those who sign."""
    life = await _settled(MIXED)
    assert life.writes() == MIXED_WRITES
    assert await life.condition("Ready") == ("True", "KeysInUse")


@pytest.mark.parametrize("dies_after", range(1, 20))
async def test_no_death_leaves_a_key_on_the_use_side_alone(dies_after: int) -> None:
    life = Life()
    await life.begin(MIXED)
    life.start_operator(CrashAfter(dies_after))
    with suppress(Crash):
        await life.pass_()
    configmap = await life.people.read(CONFIGMAPS, REF.namespace, REF.name)
    secret = await life.people.read(SECRETS, REF.namespace, REF.name)
    shown = {} if configmap is None else {key["kid"]: key for key in json.loads(configmap["data"]["jwks.json"])["keys"]}
    files = {} if secret is None else {name: b64decode(text) for name, text in secret["data"].items()}
    openers = [key["kid"] for key in json.loads(files.get("box.jwks", b'{"keys":[]}'))["keys"]]
    assert {kid for kid, key in shown.items() if key["use"] == "enc"} <= set(openers)
    assert "signing.kid" not in files or files["signing.kid"].decode() in shown
    life.start_operator()
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_keys_of_mixed_classes_that_are_revoked_together_are_replaced_in_the_same_order() -> None:
    life = await _settled({**MIXED, "rotation": {"prepublish": "OnSchedule"}})
    life.writes()
    await life.edit_spec(revoked=[{"createdBefore": "2026-03-02T12:00:01Z"}])
    await life.after(timedelta(minutes=1))
    step = ["PUT secrets/auth-keyring", "PUT secrets/auth", "PUT configmaps/auth", "PUT secrets/auth"]
    assert life.writes()[:5] == [*step, "PUT secrets/auth-keyring"]
