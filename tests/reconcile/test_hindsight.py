"""What everybody may read is enough to foretell what will happen: the status plans like the true record."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.api.reasons import EventReason
from jwks_operator.api.status_model import JsonWebKeySetStatus
from jwks_operator.core.forecast import Forecast, forecast_world
from jwks_operator.core.model.record import HistoryEntry
from jwks_operator.core.planner.record_from_status import record_from_status
from jwks_operator.keys.jwk import parse_json_strict
from jwks_operator.kube.client import CONFIGMAPS, SETS
from jwks_operator.kube.gather import gather
from reconcile.life import REF, Life

HOUR = timedelta(hours=1)
AHEAD = timedelta(days=60)
FORGOTTEN = EventReason.PRIVATE_HALF_DESTROYED


def entry(algorithm: str, **more: Any) -> dict[str, Any]:
    return {"keys": [{"name": "a", "algorithm": algorithm}], **more}


async def both(life: Life) -> tuple[Forecast, Forecast]:
    """The forecast from the record, and the one from what the status and the ConfigMap show."""
    observed = (await gather(life.people, REF, None)).observed
    assert observed.written is not None
    seen = await life.read(SETS, REF.name)
    document = parse_json_strict((await life.read(CONFIGMAPS, REF.name))["data"]["jwks.json"].encode())
    assert isinstance(document, dict)
    published = {key["kid"]: key for key in document["keys"]}
    status = JsonWebKeySetStatus.model_validate(seen["status"])
    record = record_from_status(REF, observed.written, status, published, life.time.now)
    until = life.time.now + AHEAD
    return forecast_world(observed, life.time.now, until), forecast_world(
        replace(observed, record=record), life.time.now, until
    )


def assert_alike(told: tuple[HistoryEntry, ...], record_from_status: tuple[HistoryEntry, ...]) -> None:
    """The same things in the same order; a status has whole seconds, and so has what is due at once."""
    told, record_from_status = (
        tuple(e for e in every if e.recorded.event != FORGOTTEN) for every in (told, record_from_status)
    )
    assert [each.recorded for each in record_from_status] == [each.recorded for each in told]
    for true, guessed in zip(told, record_from_status, strict=True):
        assert abs(true.time - guessed.time) <= timedelta(seconds=2)


@pytest.mark.parametrize(
    "spec",
    [
        entry("ES256"),
        entry("RS256", rotation={"every": "200h", "prepublish": "OnSchedule"}),
        entry("ECDH-ES", rotation={"every": "200h"}),
        entry("RSA-OAEP-256", rotation={"every": "200h", "rollbackWindow": "0s"}),
        entry("HS256", rotation={"every": "200h"}, timing={"retention": "24h"}),
        entry("ES256", rotation={"schedule": "0 3 1 * *", "jitter": "6h", "rollbackWindow": "1h"}),
        entry("ES256", rotation={"policy": "Manual"}),
    ],
)
async def test_from_any_hour_of_a_life_the_same_future_is_told(spec: dict[str, Any]) -> None:
    life = Life()
    await life.begin(spec)
    await life.pass_()
    for span in (HOUR / 2, 100 * HOUR, 99.9 * HOUR, HOUR / 4, HOUR, 3 * HOUR, 800 * HOUR):
        await life.live(span)
        told, guessed = await both(life)
        assert_alike(told.events, guessed.events)
        assert [(s.kid, s.state) for s in guessed.spans] == [(s.kid, s.state) for s in told.spans]


@pytest.mark.parametrize("verb", ["rotate", "rollback"])
async def test_a_request_counts_until_it_was_honoured_and_not_after(verb: str) -> None:
    life = Life()
    await life.begin(entry("ES256", rotation={"every": "200h"}))
    await life.live(200 * HOUR)
    await life.live(HOUR / 4)
    await life.annotate(**{verb: f"a@{(life.time.now + HOUR):%Y-%m-%dT%H:%M:%SZ}"})
    for span in (HOUR / 8, HOUR, 2 * HOUR):
        await life.live(span)
        told, guessed = await both(life)
        assert_alike(told.events, guessed.events)
    assert ({"rotate": "KeyActivated", "rollback": "RollbackRefused"}[verb]) in await events(life)


async def test_a_lowered_lead_is_waited_for_as_long_as_the_status_says() -> None:
    life = Life()
    await life.begin(entry("ES256", rotation={"every": "200h", "prepublish": "OnSchedule"}))
    await life.live(HOUR)
    await life.edit_spec(timing={"verifierRefresh": "0s"})
    await life.annotate(rotate=f"a@{life.time.now:%Y-%m-%dT%H:%M:%SZ}")
    await life.live(HOUR / 30)
    activations = [next(e.time for e in each.events if e.recorded.event == "KeyActivated") for each in await both(life)]
    assert abs(activations[0] - activations[1]) <= timedelta(seconds=2)


async def events(life: Life) -> list[str]:
    """What happened and what will."""
    record = (await gather(life.people, REF, None)).observed.record
    assert record is not None
    return [each.recorded.event for each in (*record.history, *(await both(life))[0].events)]
