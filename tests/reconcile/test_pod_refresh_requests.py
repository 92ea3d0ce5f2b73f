"""Which steps ask that pods read the objects of the set at once, and what they may mount."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import Answer, Crash, CrashAfter
from jwks_operator.kube.client import CONFIGMAPS, NAMESPACES, SECRETS
from jwks_operator.kube.errors import Refused
from jwks_operator.kube.pod_refresh import MountedObjects
from reconcile.life import ES256, REF, Life

MONTH = timedelta(hours=720)
ALWAYS = {**ES256, "podRefresh": "Always"}


async def settled(spec: dict[str, Any] | None = None) -> tuple[Life, list[MountedObjects]]:
    """A set that is Ready, with its next key published, and what is asked for from then on."""
    asked: list[MountedObjects] = []
    life = Life()
    life.means = replace(life.means, refresh_pods=asked.append)
    life.start_operator()
    await life.begin(spec)
    await life.live(timedelta(hours=3))
    asked.clear()
    return life, asked


async def test_a_revocation_asks_once_for_everything_that_pods_may_mount() -> None:
    life, asked = await settled()
    await life.annotate(revoke=await life.in_use())
    await life.live(timedelta(hours=1))
    (mounted,) = asked[:1]
    assert (mounted.ref, mounted.configmaps, mounted.secret) == (REF, {"shop": "auth"}, "auth")
    assert len(asked) == 1, "the key after the next one is published at leisure"


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=3)], ids=["a new key", "a published one"])
async def test_an_emergency_asks_whether_the_next_key_was_published_or_not(age: timedelta) -> None:
    life, asked = await settled({**ES256, "rotation": {"prepublish": "Always" if age else "OnSchedule"}})
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}!")
    await life.pass_()
    assert asked


@pytest.mark.parametrize(("spec", "asks"), [(ES256, False), (ALWAYS, True)], ids=["OnEmergency", "Always"])
async def test_a_scheduled_rotation_asks_only_where_the_set_wants_it(spec: dict[str, Any], *, asks: bool) -> None:
    life, asked = await settled(spec)
    before = await life.in_use()
    await life.after(MONTH)
    assert await life.in_use() != before
    assert bool(asked) is asks


async def test_a_new_set_and_a_repair_ask_for_nothing() -> None:
    asked: list[MountedObjects] = []
    life = Life()
    life.means = replace(life.means, refresh_pods=asked.append)
    life.start_operator()
    await life.begin()
    await life.pass_()
    await life.delete(CONFIGMAPS, REF.name)
    await life.pass_()
    assert asked == []


async def test_copies_are_among_what_pods_may_mount() -> None:
    life, asked = await settled({**ES256, "publish": {"namespaces": {}}})
    labels = {"accept.jwks-operator.dev/shop": "true"}
    await life.people.create(NAMESPACES, None, {"metadata": {"name": "market", "labels": labels}})
    await life.pass_()
    await life.annotate(revoke=await life.in_use())
    await life.pass_()
    assert asked[0].configmaps == {"shop": "auth", "market": "shop.auth"}


async def test_a_revocation_that_is_refused_in_part_asks_for_what_was_written_and_not_at_each_attempt() -> None:
    life, asked = await settled()
    await life.annotate(revoke=await life.in_use())
    life.seam.faults.append(
        Answer(403, lambda call: call.method == "PUT" and call.path.endswith("/secrets/auth"), 10**6)
    )
    for _ in range(5):
        with pytest.raises(Refused):
            await life.after(timedelta(minutes=1))
    assert len(asked) == 1


async def test_a_key_that_is_withdrawn_without_a_record_asks_too() -> None:
    life, asked = await settled()
    kid = await life.in_use()
    await life.edit(SECRETS, "auth-keyring", lambda seen: seen["data"].update({"record.json": "eA=="}))
    await life.annotate(revoke=kid)
    await life.pass_()
    assert kid not in await life.published()
    assert len(asked) == 1


@pytest.mark.parametrize("nth", range(1, 12))
async def test_a_crash_loses_at_most_the_haste(nth: int) -> None:
    life, asked = await settled()
    revoked = await life.in_use()
    await life.annotate(revoke=revoked)
    life.start_operator(CrashAfter(nth))
    try:
        await life.pass_()
    except Crash:
        life.start_operator()
        await life.pass_()
    assert revoked not in await life.published()
    assert await life.in_use() != revoked
    assert len(asked) <= 2
