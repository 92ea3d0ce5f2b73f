"""Refusal and telling: what cannot be is a condition that names the cure, and the keys stay as they were."""

from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import Answer, to
from jwks_operator.api.status_model import format_time_up
from jwks_operator.kube.client import EVENTS, SETS
from reconcile.life import ES256, REF, Life

ROTATING = {**ES256, "rotation": {"every": "24h"}}

BAD_SPECS: dict[str, tuple[dict[str, Any], str, str]] = {
    "an interval shorter than the lead": (
        {**ES256, "rotation": {"every": "1h"}},
        "IntervalTooShort",
        "entry signing rotates every 1h, which is shorter than its lead 1h10m",
    ),
    "a time zone that does not exist": (
        {**ES256, "rotation": {"schedule": "0 3 1 * *", "timeZone": "Europe/Atlantis"}},
        "InvalidSchedule",
        "spec.rotation.timeZone 'Europe/Atlantis' is not a known IANA time zone; use a name such as Europe/Berlin",
    ),
    "a day that no month has": (
        {**ES256, "rotation": {"schedule": "0 3 31 2 *"}},
        "InvalidSchedule",
        "rotation.schedule '0 3 31 2 *'",
    ),
    "more keys than the set may publish": (
        {**ES256, "rotation": {"every": "2h"}, "timing": {"tokenLifetime": "96h"}},
        "TooManyKeys",
        "these schedules publish up to 51 keys at once, more than spec.publish.maxKeys 30",
    ),
}


def _degraded(status: dict[str, Any]) -> dict[str, Any]:
    return next(condition for condition in status["conditions"] if condition["type"] == "Degraded")


@pytest.mark.parametrize(("spec", "reason", "message"), BAD_SPECS.values(), ids=BAD_SPECS)
async def test_a_spec_that_cannot_be_leaves_the_old_plan_in_force(
    spec: dict[str, Any], reason: str, message: str
) -> None:
    life = Life()
    await life.begin(ROTATING)
    await life.pass_()
    first = await life.states()
    await life.set_spec(spec)
    await life.pass_()
    told = _degraded(await life.status())
    assert (told["status"], told["reason"]) == ("True", reason)
    assert message in told["message"]
    assert await life.condition("Ready") == ("True", "KeysInUse")
    await life.after(timedelta(hours=24))
    assert (await life.states())["Active"] == first["Pending"], "the old schedule goes on"


@pytest.mark.parametrize(("spec", "reason", "message"), BAD_SPECS.values(), ids=BAD_SPECS)
async def test_a_new_set_with_such_a_spec_gets_no_keys_and_a_reason(
    spec: dict[str, Any], reason: str, message: str
) -> None:
    life = Life()
    await life.begin(spec)
    await life.pass_()
    assert await life.condition("Ready") == ("False", reason)
    assert message in _degraded(await life.status())["message"]
    assert life.writes() == ["PATCH jsonwebkeysets/auth/status"]
    await life.set_spec(ES256)
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_a_field_of_a_newer_version_is_refused_and_named() -> None:
    life = Life()
    await life.begin(ROTATING)
    await life.pass_()
    crd_free = life.server.store.get(SETS, REF.namespace, REF.name)
    assert crd_free is not None
    crd_free["spec"]["fromTheFuture"] = True
    crd_free["metadata"]["generation"] += 1
    life.server.store.put(SETS, crd_free)
    await life.pass_()
    assert "spec.fromTheFuture: unknown field; remove it" in _degraded(await life.status())["message"]
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_a_request_that_cannot_be_read_is_told_and_nothing_rotates() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    states = await life.states()
    await life.annotate(rotate="signing")
    await life.pass_()
    assert await life.condition("Degraded") == ("True", "InvalidRequest")
    assert "signing@2026-11-02T10:00:00Z" in _degraded(await life.status())["message"]
    assert await life.states() == states


async def test_a_requested_rotation_waits_for_the_lead_and_says_until_when() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    pending = (await life.states())["Pending"]
    requested = life.time.now
    await life.annotate(rotate=f"signing@{requested.isoformat()}")
    wake = await life.pass_()
    assert wake == requested + timedelta(minutes=70)
    status = await life.status()
    assert status["next"]["time"] == format_time_up(requested + timedelta(minutes=70))
    assert status["next"]["waitingFor"] == "Lead"
    await life.after(timedelta(minutes=70))
    assert (await life.states())["Active"] == pending
    await life.live(timedelta(hours=24))
    assert (await life.states())["Active"] == pending, "a request is honoured once"


async def test_an_emergency_skips_the_lead() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    pending = (await life.states())["Pending"]
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}!")
    await life.pass_()
    assert (await life.states())["Active"] == pending


async def test_every_event_is_told_once_and_tells_what_happened() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    await life.live(timedelta(hours=722))
    events, _ = await life.people.list(EVENTS, REF.namespace)
    reasons = [event["reason"] for event in sorted(events, key=lambda e: int(e["metadata"]["resourceVersion"]))]
    assert reasons == [
        "KeyActivated",
        "KeyPublished",
        "KeyActivated",
        "KeyRetired",
        "KeyPublished",
        "KeyDestroyed",
    ]
    told = [entry["event"] for entry in (await life.status())["history"]]
    assert told == reasons
    assert {event["involvedObject"]["uid"] for event in events} == {
        (await life.read(SETS, REF.name))["metadata"]["uid"]
    }


async def test_an_event_that_cannot_be_written_holds_nothing_up() -> None:
    life = Life()
    await life.begin()
    life.start_operator(Answer(403, to("events"), times=100))
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")
