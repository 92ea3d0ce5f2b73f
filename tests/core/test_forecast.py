"""The forecast is what the planner will do: it is the planner that makes it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from jwks_operator.api.names import SetRef
from jwks_operator.api.parse import parse_spec
from jwks_operator.core.forecast import Span, UnsoundSpecError, forecast, forecast_world
from jwks_operator.core.model.observed_state import ObservedState
from jwks_operator.core.transitions.transition_table import State

START = datetime(2026, 1, 5, tzinfo=UTC)
LEAD = timedelta(minutes=70)


def _spans(spec: dict[str, Any], span: timedelta) -> tuple[Span, ...]:
    parsed = parse_spec({"metadata": {"name": "auth"}, "spec": spec})
    return forecast(parsed, START, START + span)


def _entry(**rotation: Any) -> dict[str, Any]:
    return {"keys": [{"name": "signing", "algorithm": "ES256"}], "rotation": rotation}


def test_a_standby_is_there_from_the_beginning_and_each_key_takes_its_turn() -> None:
    spans = _spans(_entry(every="6h"), timedelta(hours=13))
    told = [(span.kid, span.state.value, (span.begin - START) / timedelta(hours=1)) for span in spans]
    retention = LEAD / timedelta(hours=1)
    assert told == [
        ("signing-1", "Active", 0),
        ("signing-2", "Pending", 0),
        ("signing-1", "Retired", 6),
        ("signing-2", "Active", 6),
        ("signing-3", "Pending", 6),
        ("signing-2", "Retired", 12),
        ("signing-3", "Active", 12),
        ("signing-4", "Pending", 12),
    ]
    first = next(span for span in spans if span.state is State.RETIRED)
    assert first.end == START + timedelta(hours=6 + retention)


def test_on_schedule_a_successor_is_published_one_lead_before_it_is_due() -> None:
    pending = [
        s for s in _spans(_entry(every="6h", prepublish="OnSchedule"), timedelta(hours=7)) if s.state == "Pending"
    ]
    assert [(span.begin, span.end) for span in pending] == [
        (START + timedelta(hours=6) - LEAD, START + timedelta(hours=6))
    ]


@pytest.mark.parametrize("algorithm", ["RS256", "ECDH-ES", "HS256", "ML-DSA-65", "PS512"])
def test_every_kind_of_key_can_be_foretold(algorithm: str) -> None:
    spec = {"keys": [{"name": "a", "algorithm": algorithm}], "rotation": {"every": "24h"}}
    spans = _spans(spec, timedelta(days=10))
    active = [span for span in spans if span.state is State.ACTIVE]
    assert len(active) == 11
    assert all(former.end == later.begin for former, later in pairwise(active))


def test_a_year_of_a_monthly_set_is_twelve_rotations() -> None:
    spans = _spans(_entry(schedule="0 3 1 * *", timeZone="Europe/Berlin"), timedelta(days=365))
    assert len([span for span in spans if span.state is State.ACTIVE]) == 13


def test_a_forecast_ends_with_its_steps_and_says_until_when_it_tells() -> None:
    parsed = parse_spec({"metadata": {"name": "auth"}, "spec": _entry(every="6h")})
    world = ObservedState(SetRef("shop", "auth"), 1, parsed)
    whole = forecast_world(world, START, START + timedelta(days=2))
    part = forecast_world(world, START, START + timedelta(days=2), steps=4)
    assert whole.until == START + timedelta(days=2)
    assert START < part.until < whole.until
    assert part.events == tuple(each for each in whole.events if each.time <= part.until)[: len(part.events)]


def test_an_unsound_spec_is_refused_with_the_cure() -> None:
    with pytest.raises(UnsoundSpecError, match="shorter than its lead 1h10m; rotate less often"):
        _spans(_entry(every="1h"), timedelta(days=1))
