"""The page itself: what is on it, and what a standby leaves out."""

from dataclasses import replace
from datetime import UTC, datetime

from jwks_operator.metrics.catalog import CATALOG, SET_FAMILIES
from jwks_operator.metrics.page import Metrics
from jwks_operator.metrics.process_gauges import ProcessGauges
from jwks_operator.reconcile.work_queue import Load
from metrics.crowd import look, metrics_of
from metrics.scrape import Scrape
from reconcile.life import START, Time

GAUGES = ProcessGauges(
    load=lambda: Load(repair=6, urgent=1, routine=2, retrying=3, timed=4, workers=8, busy=5),
    leads=lambda: True,
    clock_doubt=lambda: None,
    clock_offset=lambda: -1.5,
    resynced=lambda: datetime.fromtimestamp(1000, UTC),
    missed=lambda: 7,
    tasks=lambda: 42,
)


async def scrape(gauges: ProcessGauges) -> Scrape:
    metrics = metrics_of(3, await look())
    metrics.set_process_gauges(gauges)
    return Scrape(metrics.render_page().decode())


async def test_what_is_scraped_is_what_the_catalog_says() -> None:
    page = await scrape(GAUGES)
    assert sorted(page.families()) == sorted((each.name, each.kind.value, each.text) for each in CATALOG)


async def test_the_state_of_the_process_is_asked_for_at_the_scrape() -> None:
    page = await scrape(GAUGES)
    assert page.series("queue_depth") == {("repair",): 6, ("urgent",): 1, ("routine",): 2}
    assert [page.value(name) for name in ("retries_waiting", "timers_waiting", "workers", "workers_busy")] == [
        3,
        4,
        8,
        5,
    ]
    assert page.value("clock_offset_seconds") == -1.5
    assert page.value("resync_last_success_timestamp_seconds") == 1000
    assert page.value("resync_found_total") == 7
    assert page.value("leader") == 1
    assert page.value("tasks") == 42


async def test_a_standby_says_nothing_of_sets_that_somebody_else_looks_after() -> None:
    page = await scrape(replace(GAUGES, leads=lambda: False))
    assert page.value("leader") == 0
    for family in SET_FAMILIES:
        assert page.series(family.name) == {}, family.name


async def test_sets_that_are_kept_because_of_doubt_are_counted_by_the_leader() -> None:
    metrics = metrics_of(3, await look())
    metrics.set_kept_gauge(lambda: 9)
    metrics.set_process_gauges(GAUGES)
    assert Scrape(metrics.render_page().decode()).value("deletions_in_doubt") == 9


async def test_what_is_not_known_yet_is_absent() -> None:
    page = await scrape(replace(GAUGES, clock_offset=lambda: None, resynced=lambda: None))
    assert page.series("clock_offset_seconds") == {}
    assert page.series("resync_last_success_timestamp_seconds") == {}


async def test_a_clock_in_doubt_is_one() -> None:
    assert (await scrape(GAUGES)).value("clock_doubt") == 0
    assert (await scrape(replace(GAUGES, clock_doubt=lambda: "an hour ahead"))).value("clock_doubt") == 1


def test_requests_are_counted_and_timed() -> None:
    metrics = Metrics(Time(START).wall)
    metrics.count_request("update", "secrets", "409", 0.02)
    metrics.count_request("update", "secrets", "409", 0.02)
    metrics.count_request("get", "secrets", "none", 30.0)
    metrics.count_watch_request("watch", "secrets", "410")
    page = Scrape(metrics.render_page().decode())
    assert page.series("api_requests_total") == {("update", "secrets", "409"): 2, ("get", "secrets", "none"): 1}
    assert page.value("api_request_duration_seconds_count", "update") == 2
    assert page.series("watch_requests_total") == {("secrets", "watch", "410"): 1}
