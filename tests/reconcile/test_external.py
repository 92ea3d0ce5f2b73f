"""Keys whose private halves live elsewhere: published, timed, switched and retired like others, never made or held."""

import json
from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.api.names import keyring_name
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from reconcile.life import REF, Life
from reconcile.sources import message, named, old_key, publish

LEAD = timedelta(minutes=70)
DAY = timedelta(days=1)
EVERY = 30 * DAY
SPEC: dict[str, Any] = {
    "keys": [
        {
            "name": "signing",
            "algorithm": "ES256",
            "external": {"configMapRef": {"name": "old", "key": "jwks.json"}},
            "rotation": {"every": "720h", "rollbackWindow": "2h"},
        }
    ]
}
KEYS = [old_key() for _ in range(4)]


def versions(*numbers: int) -> str:
    """The source: public halves by number, each with the version of a KMS key as its ref."""
    return json.dumps({"keys": [{**named(KEYS[number], f"v{number}"), "ref": ref(number)} for number in numbers]})


def ref(number: int) -> str:
    return f"arn:aws:kms:eu-central-1:111122223333:key/{number}"


async def begin(text: str) -> Life:
    life = Life()
    await life.begin(SPEC)
    await publish(life, text)
    await life.pass_()
    return life


async def bring(life: Life, *numbers: int) -> None:
    await life.edit(CONFIGMAPS, "old", lambda seen: seen["data"].update({"jwks.json": versions(*numbers)}))


async def files(life: Life) -> dict[str, str]:
    data = (await life.read(SECRETS, REF.name))["data"]
    return {name: b64decode(text).decode() for name, text in data.items()}


async def test_the_first_key_of_a_new_set_is_in_use_at_once_and_nothing_private_is_anywhere() -> None:
    life = await begin(versions(0))
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await files(life) == {"signing.kid": "v0", "signing.alg": "ES256", "signing.ref": ref(0)}
    assert (await life.status())["keys"][0]["ref"] == ref(0)
    assert not any("private" in document for document in (await life.keyring()).values())
    (key,) = json.loads((await life.read(CONFIGMAPS, REF.name))["data"]["jwks.json"])["keys"]
    assert key == named(KEYS[0], "v0"), "the ref is for the signer, not for verifiers"


async def test_the_next_key_waits_its_lead_and_follows_by_the_schedule() -> None:
    life = await begin(versions(0))
    await bring(life, 0, 1, 2)
    await life.live(timedelta(hours=2))
    assert await life.states() == {"Active": ["v0"], "Pending": ["v1"]}, "one at a time, in the order of the source"
    await life.live(EVERY - timedelta(hours=3))
    assert await life.in_use() == "v0", "a lead is a least wait; the schedule says when"
    await life.live(timedelta(hours=2))
    assert (await files(life))["signing.ref"] == ref(1)
    assert await life.states() == {"Active": ["v1"], "Retired": ["v0"], "Pending": ["v2"]}
    assert await life.condition("Degraded") == ("False", "AsExpected")


async def test_a_missing_successor_is_told_a_lead_before_it_is_due_and_the_key_in_use_goes_on() -> None:
    life = await begin(versions(0))
    await life.live(EVERY - LEAD - timedelta(minutes=1))
    assert await life.condition("Degraded") == ("False", "AsExpected")
    await life.live(timedelta(minutes=2))
    assert await life.condition("Degraded") == ("True", "NoSuccessor")
    assert "spec.keys[signing]: the key in use is to be replaced" in await message(life)
    assert (await life.status())["next"]["waitingFor"] == "Successor"
    await life.live(10 * DAY)
    assert await life.in_use() == "v0"
    assert await life.condition("Ready") == ("True", "KeysInUse")
    await bring(life, 0, 1)
    await life.live(LEAD - timedelta(minutes=1))
    assert await life.states() == {"Active": ["v0"], "Pending": ["v1"]}
    assert await life.condition("Degraded") == ("False", "AsExpected")
    await life.live(timedelta(minutes=2))
    assert await life.in_use() == "v1"


async def test_a_request_without_a_next_key_is_answered_at_once() -> None:
    life = await begin(versions(0))
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
    await life.pass_()
    assert "RotationRefused" in [told["event"] for told in (await life.status())["history"]]
    await bring(life, 0, 1)
    await life.live(2 * LEAD)
    assert await life.in_use() == "v0", "and not kept for later"


async def test_a_request_with_a_next_key_uses_it_after_its_lead() -> None:
    life = await begin(versions(0, 1))
    await life.live(timedelta(minutes=1))
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
    await life.live(LEAD)
    assert (await files(life))["signing.ref"] == ref(1)


async def test_a_roll_back_brings_the_former_ref_within_its_window_and_not_after() -> None:
    life = await begin(versions(0, 1))
    await life.live(EVERY + timedelta(minutes=5))
    assert await life.in_use() == "v1"
    await life.annotate(rollback=f"signing@{life.time.now.isoformat()}")
    await life.pass_()
    assert (await files(life))["signing.ref"] == ref(0)
    await life.live(timedelta(hours=3))
    await life.annotate(rollback=f"signing@{life.time.now.isoformat()}")
    await life.pass_()
    assert await life.in_use() == "v0", "the ref of v1 is forgotten with its window"


async def test_a_revoked_key_gives_way_to_the_next_one_at_once() -> None:
    life = await begin(versions(0, 1))
    await life.live(timedelta(minutes=1))
    await life.annotate(revoke="v0")
    await life.live(timedelta(minutes=1))
    assert (await files(life))["signing.ref"] == ref(1)
    assert "v0" not in await life.published()


async def test_a_revoked_key_without_a_next_one_leaves_and_the_next_is_used_as_soon_as_it_comes() -> None:
    life = await begin(versions(0))
    await life.annotate(revoke="v0")
    await life.live(timedelta(minutes=1))
    assert await life.published() == []
    assert await files(life) == {}
    assert (await life.condition("Ready"))[0] == "False"
    assert await life.condition("Degraded") == ("True", "NoSuccessor")
    await bring(life, 0, 1)
    await life.live(timedelta(minutes=1))
    assert (await files(life))["signing.ref"] == ref(1)
    assert "v0" not in await life.published(), "what was revoked does not come back"


@pytest.mark.parametrize("lost", [(SECRETS, keyring_name(REF.name))], ids=["keyring"])
async def test_a_lost_keyring_is_rebuilt_from_the_ref_in_the_secret(lost: Any) -> None:
    life = await begin(versions(0, 1))
    await life.live(timedelta(hours=2))
    await life.delete(*lost)
    await life.live(timedelta(minutes=1))
    assert (await files(life))["signing.ref"] == ref(0)
    assert await life.condition("Degraded") == ("False", "AsExpected")
    assert set(await life.published()) == {"v0", "v1"}
    await life.live(EVERY + timedelta(days=1))
    assert (await life.condition("Ready"))[0] == "True"


async def test_a_source_that_is_gone_or_broken_takes_nothing_away() -> None:
    life = await begin(versions(0, 1))
    await life.live(timedelta(hours=2))
    await life.edit(CONFIGMAPS, "old", lambda seen: seen["data"].update({"jwks.json": "{"}))
    await life.live(timedelta(hours=1))
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    assert "spec.keys[signing].external: ConfigMap old, data key jwks.json" in await message(life)
    await life.delete(CONFIGMAPS, "old")
    await life.live(EVERY)
    assert await life.in_use() == "v1", "the pending key follows by its schedule all the same"


async def test_a_pending_key_that_left_the_source_leaves_and_the_next_one_comes() -> None:
    life = await begin(versions(0, 1))
    await life.live(timedelta(hours=2))
    await bring(life, 0, 2)
    await life.live(timedelta(minutes=1))
    assert await life.states() == {"Active": ["v0"], "Pending": ["v2"]}


async def test_a_key_of_the_past_does_not_come_back_though_the_source_lists_it_for_ever() -> None:
    life = await begin(versions(0, 1, 2))
    await life.live(3 * EVERY)
    assert await life.in_use() == "v2"
    assert await life.published() == ["v2"]
    assert await life.condition("Degraded") == ("True", "NoSuccessor")


ODD: tuple[tuple[str, Any, str], ...] = (
    ("no ref", named(KEYS[3], "odd"), "its ref is missing"),
    ("a ref that is no text", {**named(KEYS[3], "odd"), "ref": 7}, "its ref is missing or no text"),
    ("a private member", {**named(KEYS[3], "odd"), "d": "AQ", "ref": "x"}, "private members in a public key"),
    ("another algorithm", {**named(old_key("ES384"), "odd"), "ref": "x"}, "a key for ES384, and the entry asks for"),
    ("a kid twice", {**named(KEYS[3], "v0"), "ref": "x"}, "its kid names an earlier key"),
)


@pytest.mark.parametrize(("key", "why"), [pytest.param(key, why, id=name) for name, key, why in ODD])
async def test_an_odd_key_is_left_out_and_named_and_the_others_are_used(key: Any, why: str) -> None:
    listed = json.loads(versions(0, 1))["keys"]
    life = await begin(json.dumps({"keys": [listed[0], key, listed[1]]}))
    await life.live(timedelta(minutes=1))
    assert await life.states() == {"Active": ["v0"], "Pending": ["v1"]}
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    assert why in await message(life)


async def test_an_entry_moves_to_an_external_key_and_back_and_every_key_has_its_lead() -> None:
    life = Life()
    own = {"keys": [{"name": "signing", "algorithm": "ES256", "rotation": {"every": "720h"}}]}
    await life.begin(own)
    await publish(life, versions(0))
    await life.pass_()
    made_here = await life.in_use()
    await life.set_spec(SPEC)
    await life.live(timedelta(minutes=1))
    assert (await life.states())["Active"] == [made_here]
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
    await life.live(2 * LEAD)
    assert (await files(life))["signing.ref"] == ref(0)
    await life.set_spec(own)
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
    await life.live(2 * LEAD)
    assert await life.in_use() not in {"v0", made_here}
    assert "signing.ref" not in await files(life)
