"""Several entries in one set, each with its own algorithm and schedule."""

from datetime import timedelta

from reconcile.life import Life

SPEC = {
    "keys": [
        {"name": "signing", "algorithm": "ES256"},
        {"name": "legacy", "algorithm": "RS256", "modulusLength": 2048, "rotation": {"every": "24h"}},
    ],
}


async def test_entries_rotate_on_their_own_schedules() -> None:
    life = Life()
    await life.begin(SPEC)
    await life.pass_()
    signing, legacy = await life.states("signing"), await life.states("legacy")
    await life.live(timedelta(hours=25))
    assert (await life.states("signing")) == signing
    assert (await life.states("legacy"))["Retired"] == legacy["Active"]
    assert (await life.states("legacy"))["Active"] == legacy["Pending"]


async def test_two_entries_due_at_once_are_one_step() -> None:
    life = Life()
    await life.begin({"keys": SPEC["keys"], "rotation": {"every": "24h"}})
    await life.pass_()
    life.writes()
    await life.after(timedelta(hours=24))
    assert life.writes().count("PUT secrets/auth") == 1


async def test_an_entry_added_to_a_living_set_waits_its_lead() -> None:
    life = Life()
    await life.begin({"keys": SPEC["keys"][:1]})
    await life.pass_()
    await life.set_spec(SPEC)
    wake = await life.pass_()
    assert await life.condition("Ready") == ("False", "WaitingForLead")
    assert wake == life.time.now + timedelta(minutes=70)
    await life.after(timedelta(minutes=70))
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_a_removed_entry_is_retired_with_its_retention_not_dropped() -> None:
    life = Life()
    await life.begin(SPEC)
    await life.pass_()
    legacy = await life.states("legacy")
    await life.set_spec({"keys": SPEC["keys"][:1]})
    await life.pass_()
    assert await life.states("legacy") == {"Retired": legacy["Active"]}
    assert legacy["Active"][0] in await life.published()
    await life.after(timedelta(minutes=70))
    assert await life.states("legacy") == {}


async def test_a_changed_algorithm_is_a_rotation_never_a_break() -> None:
    life = Life()
    await life.begin({"keys": [{"name": "signing", "algorithm": "ES256"}]})
    await life.pass_()
    old = await life.states()
    await life.set_spec({"keys": [{"name": "signing", "algorithm": "RS256", "modulusLength": 2048}]})
    await life.pass_()
    assert (await life.states())["Active"] == old["Active"]
    await life.after(timedelta(minutes=70))
    assert (await life.states())["Retired"] == old["Active"]
    assert old["Active"][0] in await life.published()
