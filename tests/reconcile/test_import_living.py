"""Keys that join a living set, keys that somebody else renews, and what crashes and losses leave of them."""

from datetime import timedelta

import pytest

from fakes.faults import Crash, CrashAfter, CrashBefore
from jwks_operator.kube.client import SECRETS
from reconcile.life import ES256, REF, Life
from reconcile.sources import TLS, begin, importing, message, named, offer, old_key, pem, public_set, publish, renew

LEAD = timedelta(minutes=70)
RETENTION = timedelta(minutes=70)  # never less than the roll-back window, which is a lead
MONTH = timedelta(hours=720)


# --- on a living set ---


async def test_a_key_imported_into_a_living_set_waits_its_lead_and_is_used_then() -> None:
    life, key = await begin(ES256), old_key()
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
    life, key = await begin(ES256), old_key()
    await offer(life, pem(key))
    await life.set_spec({"keys": [*ES256["keys"], {**importing()["keys"][0], "name": "old"}]})
    await life.pass_()
    assert await life.condition("Ready") == ("False", "WaitingForLead")
    await life.live(LEAD)
    assert await life.in_use("old") == key.kid


async def test_an_entry_added_with_a_bad_import_generates_nothing() -> None:
    life = await begin(ES256)
    await life.set_spec({"keys": [*ES256["keys"], {**importing()["keys"][0], "name": "old"}]})
    await life.live(timedelta(hours=3))
    assert await life.states("old") == {}
    assert await life.condition("Ready") == ("False", "ImportRefused")
    assert (await life.states())["Active"], "the other entry is untouched"


async def test_a_bad_import_leaves_the_keys_of_a_living_entry_and_their_schedule_as_they_were() -> None:
    life = await begin(ES256)
    first = await life.in_use()
    await life.set_spec(importing())
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    await life.live(MONTH)
    assert await life.in_use() != first


async def test_suspend_withholds_an_import() -> None:
    life, key = await begin(ES256), old_key()
    await offer(life, pem(key))
    await life.set_spec({**importing(), "suspend": True})
    await life.pass_()
    assert key.kid not in await life.published()


# --- followed ---


async def test_a_key_renewed_by_somebody_else_is_used_after_its_lead_by_itself() -> None:
    first, second = old_key(), old_key()
    life = await begin(importing(), pem(first), TLS)
    assert await life.states() == {"Active": [first.kid]}, "no standby is generated"
    await life.live(MONTH + timedelta(hours=1))
    assert await life.in_use() == first.kid, "nor any successor"
    await renew(life, pem(second))
    await life.pass_()
    assert await life.states() == {"Active": [first.kid], "Pending": [second.kid]}
    await life.live(LEAD)
    assert await life.states() == {"Active": [second.kid], "Retired": [first.kid]}


async def test_a_key_renewed_twice_within_the_lead_leaves_only_the_newest() -> None:
    first, second, third = old_key(), old_key(), old_key()
    life = await begin(importing(), pem(first), TLS)
    await renew(life, pem(second))
    await life.pass_()
    await renew(life, pem(third))
    await life.after(timedelta(minutes=10))
    assert await life.states() == {"Active": [first.kid], "Pending": [third.kid]}
    await life.live(LEAD)
    assert await life.in_use() == third.kid


async def test_a_followed_source_that_is_gone_leaves_its_keys_in_use() -> None:
    key = old_key()
    life = await begin(importing(), pem(key), TLS)
    await life.delete(SECRETS, "old")
    await life.after(timedelta(hours=2))
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.condition("Degraded") == ("True", "ImportRefused")
    assert await life.in_use() == key.kid


async def test_a_revoked_key_is_replaced_by_the_renewed_one_at_once() -> None:
    first, second = old_key(), old_key()
    life = await begin(importing(), pem(first), TLS)
    await life.annotate(revoke=first.kid)
    await life.pass_()
    assert await life.states() == {}, "nothing is generated"
    assert "issue a new one" in await message(life)
    assert await life.condition("Ready") == ("False", "ImportRefused")
    await renew(life, pem(second))
    await life.after(timedelta(minutes=1))
    assert await life.in_use() == second.kid
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_a_source_that_holds_the_key_in_use_is_followed_from_then_on() -> None:
    key = old_key()
    life = await begin(importing(), pem(key))
    assert len((await life.states())["Pending"]) == 1
    await life.delete(SECRETS, "old")
    await offer(life, pem(key), TLS)
    await life.pass_()
    assert await life.states() == {"Active": [key.kid]}
    await life.live(MONTH + timedelta(hours=1))
    assert await life.in_use() == key.kid


async def test_a_set_that_stops_following_generates_again() -> None:
    key = old_key()
    life = await begin(importing(), pem(key), TLS)
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
    life = await begin(importing(), pem(key), TLS)
    for name in (f"{REF.name}-keyring", REF.name):
        await life.delete(SECRETS, name)
    await life.pass_()
    assert await life.states() == {"Active": [key.kid]}
    assert await life.in_use() == key.kid


async def test_after_a_loss_nothing_is_imported_a_second_time() -> None:
    key = old_key()
    life = await begin(importing(), pem(key))
    await life.live(MONTH + RETENTION + timedelta(hours=1))
    await life.delete(SECRETS, f"{REF.name}-keyring")
    await life.live(timedelta(hours=3))
    assert key.kid not in await life.published()


async def test_a_set_whose_source_is_gone_regenerates_what_it_lost() -> None:
    life = await begin(importing(), pem(old_key()))
    for name in (f"{REF.name}-keyring", REF.name, "old"):
        await life.delete(SECRETS, name)
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")
