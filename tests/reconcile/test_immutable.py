"""Objects that another client marks immutable are made again by uid, and a crash between the two loses no used key."""

from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import Answer, Crash, Fault
from jwks_operator.api.names import keyring_name
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Call, Reply
from jwks_operator.kube.errors import Refused
from reconcile.life import REF, Life
from reconcile.test_copies import NAME, SPEC, Country, Quota

EVERY = timedelta(hours=720)
OWNED = ((CONFIGMAPS, REF.name), (SECRETS, REF.name), (SECRETS, keyring_name(REF.name)))


def _freeze(seen: dict[str, Any]) -> None:
    seen["immutable"] = True


async def frozen() -> Life:
    """Return a set whose objects are all immutable, and whose rotation is due."""
    life = Life()
    await life.begin()
    await life.live(timedelta(hours=1))
    for resource, name in OWNED:
        await life.edit(resource, name, _freeze)
    life.time.pass_by(EVERY)
    return life


class DiesInBetween(Fault):
    """The operator dies when the keyring is deleted and not made again yet."""

    async def after(self, _number: int, _call: Call, _reply: Reply) -> Reply:
        raise Crash


async def test_a_keyring_that_was_deleted_to_be_made_again_is_rebuilt() -> None:
    life = await frozen()
    first = (await life.states())["Active"][0]
    ring = SECRETS.path(REF.namespace, keyring_name(REF.name))
    life.start_operator(DiesInBetween(lambda call: call.method == "DELETE" and call.path == ring))
    with pytest.raises(Crash):
        await life.pass_()
    assert await life.people.read(SECRETS, REF.namespace, keyring_name(REF.name)) is None
    life.start_operator()
    await life.pass_()
    assert await life.in_use() == (await life.states())["Active"][0] == first
    assert await life.condition("Ready") == ("True", "KeysInUse")


@pytest.mark.parametrize("edited", [False, True], ids=["rotated", "edited"])
async def test_an_immutable_copy_is_made_again(edited: bool) -> None:
    country = Country()
    await country.begin(SPEC)
    await country.open("web")
    await country.pass_()
    before = await country.copy("web")
    assert before is not None

    def freeze(seen: dict[str, Any]) -> None:
        seen["immutable"] = True
        seen["data"] |= {"jwks.json": '{"keys":[]}'} if edited else {}

    await country.tamper("web", freeze)
    if not edited:
        await country.annotate(revoke=(await country.states())["Active"][0])
    await country.pass_()
    after = await country.copy("web")
    assert after is not None
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert "immutable" not in after
    assert await country.shown("web") == await country.published()
    assert any("the copy in namespace web was immutable" in told for told in await country.events("ObjectRepaired"))
    assert after["metadata"]["name"] == NAME


async def test_an_immutable_copy_that_may_not_be_made_again_is_left_and_named() -> None:
    country = Country()
    await country.begin(SPEC)
    await country.open("web")
    await country.pass_()
    await country.tamper("web", _freeze)
    bad = (await country.states())["Active"][0]
    country.start_operator(Quota("web"))
    await country.annotate(revoke=bad)
    await country.pass_()
    assert bad in await country.shown("web")
    assert "the copy in namespace web was refused" in await country.degraded()


@pytest.mark.parametrize("asked", ["revoke", "rotate"])
async def test_a_keyring_that_was_made_again_is_no_backup_while_its_step_is_not_confirmed(asked: str) -> None:
    life = Life()
    await life.begin()
    await life.live(timedelta(hours=3))
    await life.edit(SECRETS, keyring_name(REF.name), _freeze)
    soon = life.time.now + timedelta(minutes=10)
    if asked == "revoke":
        await life.annotate(revoke=await life.in_use(), rotate=f"signing@{soon.isoformat()}")
    else:
        await life.annotate(rotate=f"signing@{life.time.now.isoformat()}, signing@{soon.isoformat()}")
    refusing = Answer(403, lambda call: call.method == "PUT" and "/configmaps/" in call.path, times=1000)
    life.seam.faults.append(refusing)
    if asked == "rotate":
        await life.edit(CONFIGMAPS, REF.name, lambda seen: seen["data"].update({"jwks.json": "{}"}))
    with pytest.raises(Refused):
        await life.pass_()
    life.time.pass_by(timedelta(minutes=20))
    life.seam.faults.remove(refusing)
    before = await life.in_use()
    await life.live(timedelta(hours=3))
    events = [each["event"] for each in (await life.status())["history"]]
    assert "RecordRestored" not in events
    assert await life.in_use() != before, "the request that was due meanwhile is honoured"
