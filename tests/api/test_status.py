"""The status as it is written: no nulls, whole seconds in UTC, transitions kept."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.api.reasons import DEGRADED, READY, ConditionType, EventReason, Reason
from jwks_operator.api.status_model import (
    Condition,
    HistoryEntry,
    JsonWebKeySetStatus,
    KeyState,
    KeyStatus,
    NextTransition,
    Waits,
    format_time,
    format_time_up,
    merge_conditions,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def condition(kind: ConditionType, status: str, since: datetime, message: str = "") -> Condition:
    return Condition.model_validate(
        {"type": kind, "status": status, "reason": Reason.AS_EXPECTED, "message": message, "lastTransitionTime": since}
    )


def test_a_status_is_written_without_nulls_and_with_whole_seconds() -> None:
    half = timedelta(milliseconds=500)
    status = JsonWebKeySetStatus(
        observed_generation=3,
        conditions=(condition(READY, "True", NOON + half),),
        algorithms="ES256",
        active_kid="abcdefgh",
        keys=(
            KeyStatus(
                kid="k", name="signing", algorithm="ES256", state=KeyState.RETIRED, published=NOON + half,
                remove_after=NOON + half, held=True,
            ),
        ),
        next=NextTransition(time=NOON + half, name="signing", action="Remove"),
        waits=(Waits(key_class="signature", lead="1h10m", retention="1h6m"),),
        revocation_latency="1h10m",
        history=(HistoryEntry(time=NOON, kid="k", name="signing", event=EventReason.KEY_RETIRED),),
    )  # fmt: skip
    written = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert written == {
        "observedGeneration": 3,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "AsExpected",
                "message": "",
                "lastTransitionTime": "2026-11-22T12:00:00Z",
            }
        ],
        "troubles": [],
        "algorithms": "ES256",
        "activeKid": "abcdefgh",
        "keys": [
            {
                "kid": "k",
                "name": "signing",
                "algorithm": "ES256",
                "state": "Retired",
                "published": "2026-11-22T12:00:00Z",
                "removeAfter": "2026-11-22T12:00:01Z",
                "held": True,
            }
        ],
        "next": {"time": "2026-11-22T12:00:01Z", "name": "signing", "action": "Remove"},
        "waits": [{"class": "signature", "lead": "1h10m", "retention": "1h6m"}],
        "revocationLatency": "1h10m",
        "history": [{"time": "2026-11-22T12:00:00Z", "kid": "k", "name": "signing", "event": "KeyRetired"}],
    }
    assert (
        JsonWebKeySetStatus.model_validate(written).model_dump(mode="json", by_alias=True, exclude_none=True) == written
    )


def test_a_status_of_a_newer_version_is_read_as_far_as_it_is_known() -> None:
    status = JsonWebKeySetStatus.model_validate({"algorithms": "ES256", "fromTheFuture": {"a": 1}})
    assert status == JsonWebKeySetStatus(algorithms="ES256")


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  hypothesis wants naive bounds
def test_a_time_is_rounded_down_and_a_bound_up(moment: datetime) -> None:
    down, up = (datetime.fromisoformat(text) for text in (format_time(moment), format_time_up(moment)))
    assert down <= moment <= up
    assert up - down == timedelta(seconds=1 if moment.microsecond else 0)


def test_a_time_is_written_in_utc_and_needs_a_zone() -> None:
    assert format_time(NOON.astimezone(timezone(timedelta(hours=-5)))) == "2026-11-22T12:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        format_time(NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("title", "old", "since"),
    [
        ("the first time", [], LATER),
        ("the same status", [condition(READY, "True", NOON, "other words")], NOON),
        ("another status", [condition(READY, "False", NOON)], LATER),
        ("the same status of another type", [condition(DEGRADED, "True", NOON)], LATER),
    ],
)
def test_a_transition_is_stamped_when_the_status_changes(title: str, old: list[Condition], since: datetime) -> None:
    (merged,) = merge_conditions(old, [condition(READY, "True", datetime.min.replace(tzinfo=UTC), "new words")], LATER)
    assert merged == condition(READY, "True", since, "new words"), title
