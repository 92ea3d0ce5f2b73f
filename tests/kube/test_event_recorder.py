"""Events behind the work: none is waited for, warnings go first, and what cannot be told is not told."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from fakes.apiserver import FakeApiServer
from fakes.faults import Answer, Delay
from fakes.seam import FakeTransport
from jwks_operator.api.reasons import EventReason, Reason
from jwks_operator.api.status_model import format_time
from jwks_operator.core.model.record import RecordedEvent
from jwks_operator.kube.client import EVENTS, NAMESPACES, SETS, Client
from jwks_operator.kube.events import PACE, CountedEvent, EventRecorder
from process.virtual import run

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)
THE_SET = {
    "apiVersion": SETS.api_version,
    "kind": SETS.kind,
    "metadata": {"name": "auth", "namespace": "shop", "uid": "u1"},
}
CALM, ALARM = EventReason.KEY_PUBLISHED, EventReason.KEY_REVOKED


class Desk:
    """A recorder at work; `busy` and `leads` are the test's."""

    def __init__(self, most: int = 100) -> None:
        self.busy = False
        self.leads = True
        self.seam = FakeTransport(FakeApiServer())
        self.recorder = EventRecorder(Client(self.seam, may_write=lambda: self.leads), lambda: self.busy, most)

    async def tell(self, *reasons: EventReason) -> None:
        await self.recorder.record(
            THE_SET, [RecordedEvent(reason, "because", "k1", "signing") for reason in reasons], NOW
        )

    def told(self) -> list[str]:
        return [call.body["reason"] for call in self.seam.log if call.body and call.path == EVENTS.path("shop")]


def at(desk: Desk, play: Callable[[], object]) -> None:
    """Play with the recorder at work, in virtual time."""

    async def main() -> None:
        await Client(FakeTransport(desk.seam.server)).create(NAMESPACES, None, {"metadata": {"name": "shop"}})
        working = asyncio.create_task(desk.recorder.run())
        try:
            played = play()
            assert asyncio.iscoroutine(played)
            await played
        finally:
            working.cancel()

    run(main())


def test_nobody_waits_for_an_event_and_all_are_told_in_order() -> None:
    desk = Desk()
    desk.seam.faults = [Delay(seconds=5)]

    async def play() -> None:
        begun = asyncio.get_running_loop().time()
        await desk.tell(CALM, EventReason.KEY_ACTIVATED)
        await desk.tell(EventReason.KEY_RETIRED)
        assert asyncio.get_running_loop().time() == begun
        await desk.recorder.flush(60)

    at(desk, play)
    assert desk.told() == [CALM, EventReason.KEY_ACTIVATED, EventReason.KEY_RETIRED]


def test_while_sets_wait_their_turn_warnings_go_first_and_the_others_at_a_pace() -> None:
    desk = Desk()
    desk.busy = True

    async def play() -> None:
        await desk.tell(*[CALM] * 10)
        await asyncio.sleep(2.5 * PACE)
        assert desk.told() == [CALM] * 2
        await desk.tell(ALARM)
        await asyncio.sleep(PACE)
        assert desk.told() == [CALM, CALM, ALARM]
        desk.busy = False
        await asyncio.sleep(PACE)
        assert desk.told() == [CALM, CALM, ALARM, *[CALM] * 8]

    at(desk, play)


def test_what_is_more_than_may_wait_is_dropped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(most=3)

    async def play() -> None:
        await desk.tell(*[CALM] * 5)
        await desk.recorder.flush(60)
        await asyncio.sleep(1)
        await desk.tell(CALM)
        await desk.recorder.flush(60)

    at(desk, play)
    assert desk.told() == [CALM] * 4
    assert [r.getMessage() for r in caplog.records] == [
        "2 Events were dropped: more than 3 waited, or the lead was lost"
    ]


def test_who_leads_no_more_tells_nothing_more_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()

    async def play() -> None:
        desk.leads = False
        await desk.tell(*[CALM] * 50)
        await desk.recorder.flush(60)
        desk.leads = True
        await desk.tell(ALARM)
        await desk.recorder.flush(60)

    at(desk, play)
    assert desk.told() == [ALARM]
    assert [r.getMessage() for r in caplog.records] == [
        "50 Events were dropped: more than 100 waited, or the lead was lost"
    ]


def test_an_event_that_is_refused_is_logged_and_the_next_is_told(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.seam.faults = [Answer(403, lambda call: call.body is not None and call.body.get("reason") == CALM)]

    async def play() -> None:
        await desk.tell(CALM, ALARM)
        await desk.recorder.flush(60)

    at(desk, play)
    assert any("an Event was not written" in r.getMessage() for r in caplog.records)
    stored, _ = asyncio.run(Client(FakeTransport(desk.seam.server)).list(EVENTS, "shop"))
    assert [event["reason"] for event in stored] == [ALARM]


def test_the_end_waits_only_so_long_for_what_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    desk = Desk()
    desk.seam.faults = [Delay(seconds=5)]

    async def play() -> None:
        await desk.tell(CALM, CALM, CALM)
        await asyncio.sleep(0)
        begun = asyncio.get_running_loop().time()
        await desk.recorder.flush(0.3)
        assert asyncio.get_running_loop().time() == begun + 0.3
        assert len(desk.recorder) == 0

    at(desk, play)
    assert [r.getMessage() for r in caplog.records] == ["2 Events were not written before the end"]


def test_an_event_of_what_goes_on_is_one_and_counts() -> None:
    desk = Desk()
    recorded = RecordedEvent(Reason.OBJECT_DISPUTED, "another client changes it")

    async def play() -> None:
        for count in (3, 4, 5):
            await desk.recorder.record(THE_SET, [CountedEvent(recorded, "ConfigMap auth", NOW, count)], NOW + AN_HOUR)
        await desk.recorder.record(THE_SET, [CountedEvent(recorded, "Secret auth", NOW, 3)], NOW)
        await desk.recorder.flush(60)
        events, _ = await Client(FakeTransport(desk.seam.server)).list(EVENTS, "shop")
        counted = sorted((each["count"], each["firstTimestamp"], each["lastTimestamp"]) for each in events)
        assert counted == [(3, format_time(NOW), format_time(NOW)), (5, format_time(NOW), format_time(NOW + AN_HOUR))]

    at(desk, play)
