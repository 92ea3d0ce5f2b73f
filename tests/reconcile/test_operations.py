"""Operations: roll back, hold, revoke, windows, freezes, jitter and suspend, each through whole passes."""

from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import SkewDate
from jwks_operator.api.status_model import format_time
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from reconcile.life import ES256, REF, Life

LEAD = timedelta(minutes=70)
MONTH = timedelta(hours=720)


async def _settled(spec: dict[str, Any] | None = None) -> Life:
    life = Life()
    await life.begin(spec or ES256)
    await life.pass_()
    return life


async def _events(life: Life) -> list[str]:
    return [entry["event"] for entry in (await life.status())["history"]]


# --- roll back ---


async def test_a_roll_back_uses_the_former_key_at_once() -> None:
    life = await _settled()
    first = await life.in_use()
    await life.after(MONTH)
    second = await life.in_use()
    await life.annotate(rollback=f"signing@{life.time.now.isoformat()}")
    await life.after(timedelta(minutes=30))
    assert await life.in_use() == first
    assert (await life.states())["Retired"] == [second]
    assert "KeyRolledBack" in await _events(life)
    await life.live(timedelta(hours=24))
    assert await life.in_use() == first, "a request is honoured once"


async def test_a_roll_back_after_its_window_is_refused_once_and_says_why() -> None:
    life = await _settled()
    await life.after(MONTH)
    second = await life.in_use()
    await life.after(LEAD)
    await life.annotate(rollback=f"signing@{life.time.now.isoformat()}")
    await life.pass_()
    await life.live(timedelta(hours=1))
    assert await life.in_use() == second
    assert (await _events(life)).count("RollbackRefused") == 1


async def test_the_private_half_of_a_retired_key_goes_with_the_roll_back_window() -> None:
    life = await _settled({**ES256, "rotation": {"rollbackWindow": "10m"}})
    first = await life.in_use()
    await life.after(MONTH)
    await life.after(timedelta(minutes=10))
    ring = {document["kid"]: document for document in (await life.keyring()).values() if "kid" in document}
    assert "private" not in ring[first]
    assert first in await life.published(), "its public half stays for the full retention"


# --- hold ---


@pytest.mark.parametrize("by", ["spec", "annotation"])
async def test_a_held_key_outlives_its_retention_until_it_is_let_go(by: str) -> None:
    life = await _settled()
    first = await life.in_use()
    await life.after(MONTH)
    if by == "spec":
        await life.set_spec({**ES256, "held": [first]})
    else:
        await life.annotate(hold=first)
    await life.live(timedelta(days=7))
    assert first in await life.published()
    held = [key["kid"] for key in (await life.status())["keys"] if key["held"]]
    assert held == [first]
    if by == "spec":
        await life.set_spec(ES256)
    else:
        await life.annotate()
    await life.pass_()
    assert first not in await life.published()


# --- revoke ---


@pytest.mark.parametrize("by", ["spec", "annotation", "createdBefore"])
async def test_a_revoked_key_is_gone_from_both_sides_in_one_pass_and_its_standby_is_used(by: str) -> None:
    life = await _settled()
    bad = await life.in_use()
    standby = (await life.states())["Pending"][0]
    life.time.pass_by(timedelta(minutes=1))
    await {
        "spec": lambda: life.set_spec({**ES256, "revoked": [{"kid": bad, "reason": "KeyCompromise"}]}),
        "annotation": lambda: life.annotate(revoke=bad),
        "createdBefore": lambda: life.set_spec({**ES256, "revoked": [{"createdBefore": format_time(life.time.now)}]}),
    }[by]()
    await life.pass_()
    assert bad not in await life.published()
    assert await life.in_use() != bad
    if by != "createdBefore":
        assert await life.in_use() == standby
    ring = await life.keyring()
    assert bad not in {document.get("kid") for document in ring.values()}
    assert "Compromised" in {stone["reason"] for stone in ring["record.json"]["tombstones"]}
    assert (await life.read(SECRETS, REF.name))["data"]
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert "KeyRevoked" in await _events(life)


@pytest.mark.parametrize(
    ("written", "told"),
    [("{}", "Request"), ("{}=KeyCompromise", "KeyCompromise"), ("{}=Superseded, other", "Superseded")],
)
async def test_the_reason_of_an_annotated_revocation_is_kept(written: str, told: str) -> None:
    life = await _settled()
    bad = await life.in_use()
    await life.annotate(revoke=written.format(bad))
    await life.pass_()
    assert bad not in await life.published()
    (revoked,) = (each for each in (await life.status())["history"] if each["event"] == "KeyRevoked")
    assert (revoked["kid"], revoked["reason"]) == (bad, told)


async def test_a_kid_that_ends_like_base64_is_not_taken_apart() -> None:
    life = await _settled()
    before = await life.published()
    await life.annotate(revoke=f"{before[0]}=, {before[0]}=Bored, =KeyCompromise")
    await life.pass_()
    assert await life.published() == before


async def test_all_keys_revoked_by_their_age_are_replaced_by_new_ones_just_once() -> None:
    life = await _settled()
    old = await life.published()
    life.time.pass_by(timedelta(minutes=1))
    await life.set_spec({**ES256, "revoked": [{"createdBefore": format_time(life.time.now)}]})
    await life.pass_()
    new = await life.published()
    assert set(new).isdisjoint(old)
    await life.live(timedelta(hours=1))
    assert await life.published() == new


async def test_a_moment_that_is_still_to_come_revokes_nothing_before_it_comes() -> None:
    life = await _settled()
    old = await life.published()
    soon = life.time.now + timedelta(hours=1)
    await life.set_spec({**ES256, "revoked": [{"createdBefore": format_time(soon)}]})
    await life.after(timedelta(minutes=59))
    assert await life.published() == old
    await life.after(timedelta(minutes=2))
    assert set(await life.published()).isdisjoint(old)


async def test_a_revoked_key_stays_dead_after_it_left_the_list() -> None:
    life = await _settled()
    bad = await life.in_use()
    await life.annotate(revoke=bad)
    await life.pass_()
    await life.annotate()
    await life.live(timedelta(days=40))
    assert bad not in await life.published()


@pytest.mark.parametrize("brake", ["held", "suspended", "clock in doubt", "bad spec", "Manual"])
async def test_nothing_holds_up_a_revocation(brake: str) -> None:
    life = await _settled()
    bad = await life.in_use()
    spec: dict[str, Any] = {**ES256, "revoked": [{"kid": bad}]}
    if brake == "held":
        spec["held"] = [bad]
    elif brake == "suspended":
        spec["suspend"] = True
    elif brake == "bad spec":
        spec["rotation"] = {"every": "1s"}
    elif brake == "Manual":
        spec["rotation"] = {"policy": "Manual"}
    else:
        life.start_operator(SkewDate(timedelta(hours=2)))
    await life.set_spec(spec)
    await life.pass_()
    assert bad not in await life.published()
    assert await life.in_use() in await life.published()


async def test_a_revocation_joins_a_step_that_is_unfinished() -> None:
    life = await _settled()
    await life.delete(CONFIGMAPS, REF.name)
    bad = await life.in_use()
    await life.annotate(revoke=bad)
    await life.pass_()
    assert bad not in await life.published()
    assert {"ObjectRepaired", "KeyRevoked"} <= set(await _events(life))


# --- windows, freezes, jitter ---


async def test_an_activation_waits_for_its_window() -> None:
    windows = [{"schedule": "0 2 * * *", "duration": "1h"}]
    life = await _settled({**ES256, "rotation": {"every": "24h", "windows": windows}})  # Monday 12:00
    first = await life.in_use()
    wake = await life.after(timedelta(hours=24))
    assert wake is not None
    assert format_time(wake) == "2026-03-04T02:00:00Z"
    assert (await life.status())["next"]["waitingFor"] == "Window"
    await life.after(timedelta(hours=13, minutes=59))
    assert await life.in_use() == first
    await life.after(timedelta(minutes=1))
    assert await life.in_use() != first


async def test_a_freeze_puts_an_activation_off_and_an_emergency_does_not_care() -> None:
    freeze = {"from": "2026-03-03T00:00:00Z", "to": "2026-03-10T00:00:00Z"}
    life = await _settled({**ES256, "rotation": {"every": "24h", "freezes": [freeze]}})
    first = await life.in_use()
    await life.live(timedelta(days=6))
    assert await life.in_use() == first
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}!")
    await life.pass_()
    assert await life.in_use() != first


async def test_windows_that_never_open_outside_of_the_freezes_are_refused() -> None:
    freeze = {"from": "2026-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}
    life = await _settled()
    await life.set_spec({**ES256, "rotation": {"freezes": [freeze]}})
    await life.pass_()
    assert await life.condition("Degraded") == ("True", "InvalidSchedule")


async def test_jitter_spreads_sets_with_the_same_schedule_and_stays_the_same_for_a_key() -> None:
    spec = {**ES256, "rotation": {"schedule": "0 3 1 * *", "jitter": "1h"}}
    wakes = []
    for _ in range(20):
        life = await _settled(spec)
        wakes.append(await life.pass_())
        assert await life.pass_() == wakes[-1]
    due = min(filter(None, wakes)).replace(minute=0, second=0, microsecond=0)
    assert all(wake is not None and due <= wake < due + timedelta(hours=1) for wake in wakes)
    assert len(set(wakes)) == 20


# --- suspend ---


async def test_suspend_withholds_every_rotation_and_says_what_waits() -> None:
    life = await _settled()
    states = await life.states()
    await life.set_spec({**ES256, "suspend": True})
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
    await life.live(timedelta(days=60))
    assert await life.states() == states
    assert await life.condition("Rotating") == ("False", "Suspended")
    assert (await life.status())["next"]["waitingFor"] == "Suspend"
    await life.delete(CONFIGMAPS, REF.name)
    await life.pass_()
    assert sorted(await life.published()) == sorted(kid for kids in states.values() for kid in kids)
    await life.set_spec(ES256)
    await life.after(LEAD)
    assert (await life.states())["Active"] == states["Pending"]
