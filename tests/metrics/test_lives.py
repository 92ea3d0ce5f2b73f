"""What Prometheus sees of the lives of sets, scraped from the passes of an operator on the fake API server."""

from datetime import timedelta

import pytest

from fakes.faults import Answer, Crash, CrashAfter, SkewDate
from jwks_operator.api.names import SetRef
from jwks_operator.kube.client import CONFIGMAPS, SETS
from jwks_operator.kube.errors import KubeError
from jwks_operator.metrics import catalog
from jwks_operator.metrics.page import Metrics
from metrics.scrape import Scrape
from reconcile.life import ES256, REF, Life, Time

MONTH = timedelta(hours=720)
LEAD = timedelta(minutes=70)
NAME = str(REF)


class Watched(Life):
    """A life whose operator is scraped."""

    def __init__(self) -> None:
        super().__init__(Time())
        self.observe()

    def observe(self) -> None:
        self.metrics = Metrics(self.time.wall)
        self.operator.observers.append(self.metrics)
        self.work = self.metrics.time_work(self.operator.reconcile, KubeError)

    async def try_pass(self) -> None:
        """One pass as the agenda makes it; a failure is for the next one."""
        try:
            await self.work(REF)
        except KubeError:
            return

    def scrape(self) -> Scrape:
        return Scrape(self.metrics.render_page().decode())


async def living() -> Watched:
    life = Watched()
    await life.begin()
    await life.try_pass()
    return life


async def test_keys_are_counted_by_state_and_algorithm() -> None:
    life = await living()
    assert life.scrape().series("keys") == {("Active", "ES256"): 1, ("Pending", "ES256"): 1}
    assert life.scrape().value("sets") == 1
    life.time.pass_by(MONTH)
    await life.try_pass()
    assert life.scrape().series("keys")["Retired", "ES256"] == 1


async def test_the_next_transition_is_told_with_its_time() -> None:
    life = await living()
    begun = life.time.now.timestamp()
    assert life.scrape().series("next_transition_timestamp_seconds") == {("Activate",): begun + MONTH.total_seconds()}


async def test_the_age_of_the_oldest_key_in_use_counts_from_its_first_use() -> None:
    life = await living()
    begun = int(life.time.now.timestamp())
    life.time.pass_by(timedelta(days=3))
    await life.try_pass()
    assert int(life.scrape().value("oldest_active_key_timestamp_seconds")) == begun


async def test_a_rotation_is_counted_by_its_cause_and_a_first_key_is_none() -> None:
    life = await living()
    assert sum(life.scrape().series("rotations_total").values()) == 0
    life.time.pass_by(MONTH)
    await life.try_pass()
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}!")
    await life.try_pass()
    counted = life.scrape().series("rotations_total")
    assert {cause: number for cause, number in counted.items() if number} == {("Schedule",): 1, ("Emergency",): 1}


async def test_revocations_and_repairs_are_counted_as_events() -> None:
    life = await living()
    await life.delete(CONFIGMAPS, REF.name)
    await life.try_pass()
    await life.annotate(revoke=await life.in_use())
    await life.try_pass()
    page = life.scrape()
    assert page.value("events_total", "ObjectRepaired") == 1
    assert page.value("events_total", "KeyRevoked") == 1
    assert page.value("rotations_total", "Revocation") == 1


async def test_a_refused_spec_is_an_alarm_once_and_the_set_needs_attention_until_it_is_mended() -> None:
    life = await living()
    await life.set_spec({**ES256, "rotation": {"every": "10m"}})
    since = life.time.now.timestamp()
    for _ in range(3):
        await life.try_pass()
        life.time.pass_by(timedelta(minutes=5))
    page = life.scrape()
    assert page.value("alarms_total", "IntervalTooShort") == 1
    assert page.series("set_attention_timestamp_seconds") == {(NAME, "IntervalTooShort"): since}
    assert page.value("set_conditions", "Degraded", "True", "IntervalTooShort") == 1
    await life.set_spec(ES256)
    await life.try_pass()
    assert life.scrape().series("set_attention_timestamp_seconds") == {}


async def test_a_new_leader_counts_a_trouble_from_when_the_status_first_told_of_it() -> None:
    life = await living()
    await life.set_spec({**ES256, "rotation": {"every": "10m"}})
    await life.try_pass()
    told = int(life.time.now.timestamp())
    life.time.pass_by(timedelta(hours=2))
    life.start_operator()
    life.observe()
    await life.try_pass()
    assert life.scrape().series("set_attention_timestamp_seconds") == {(NAME, "IntervalTooShort"): told}


async def test_a_step_that_cannot_be_finished_is_told_with_its_age() -> None:
    life = await living()
    life.time.pass_by(MONTH)
    life.seam.faults.append(Answer(503, lambda call: call.path.endswith("/secrets/auth") and call.method == "PUT", 99))
    begun = life.time.now.timestamp()
    await life.try_pass()
    assert life.scrape().series("unfinished_steps") == {("Activate",): 1}
    assert life.scrape().series("set_attention_timestamp_seconds") == {}, "a step takes its moment"
    life.time.pass_by(timedelta(minutes=20))
    await life.try_pass()
    page = life.scrape()
    assert page.value("oldest_unfinished_step_timestamp_seconds") == begun
    assert page.value("set_attention_timestamp_seconds", NAME, "StepUnfinished") == begun
    assert page.value("set_attention_timestamp_seconds", NAME, "PassesFail") == begun
    assert page.value("reconcile_failures_total", "Unavailable") == 2
    life.seam.faults.clear()
    await life.try_pass()
    assert life.scrape().series("unfinished_steps") == {}
    assert life.scrape().series("oldest_unfinished_step_timestamp_seconds") == {}
    assert life.scrape().series("set_attention_timestamp_seconds") == {}


async def test_a_new_leader_finds_the_step_that_its_predecessor_left() -> None:
    life = await living()
    life.time.pass_by(MONTH)
    life.seam.faults.append(CrashAfter(5))
    with pytest.raises(Crash):
        await life.work(REF)
    life.start_operator(Answer(503, lambda call: call.method == "PUT", 99))
    life.observe()
    await life.try_pass()
    assert sum(life.scrape().series("unfinished_steps").values()) == 1


async def test_a_transition_is_overdue_from_a_minute_after_its_time() -> None:
    life = await living()
    due = life.scrape().value("next_transition_timestamp_seconds", "Activate")
    life.time.pass_by(MONTH + timedelta(seconds=59))
    assert life.scrape().series("overdue_transitions") == {}
    life.time.pass_by(timedelta(seconds=1))
    page = life.scrape()
    assert page.series("overdue_transitions") == {("Activate",): 1}
    assert page.value("oldest_overdue_transition_timestamp_seconds") == due
    assert page.value("set_attention_timestamp_seconds", NAME, "TransitionOverdue") == due
    await life.try_pass()
    assert life.scrape().series("overdue_transitions") == {}


async def test_a_rotation_withheld_by_suspend_is_not_overdue() -> None:
    life = await living()
    await life.edit_spec(suspend=True)
    await life.try_pass()
    life.time.pass_by(MONTH + timedelta(hours=1))
    await life.try_pass()
    assert life.scrape().series("overdue_transitions") == {}


async def test_a_rotation_withheld_by_a_clock_in_doubt_is_overdue() -> None:
    life = await living()
    life.seam.faults.append(SkewDate(timedelta(hours=3)))
    life.time.pass_by(MONTH + timedelta(minutes=20))
    await life.try_pass()
    page = life.scrape()
    assert page.series("overdue_transitions") == {("Activate",): 1}
    assert page.value("sets_needing_attention", "ClockUncertain") == 1


async def test_a_deleted_set_is_not_counted_any_more() -> None:
    life = await living()
    await life.delete(SETS, REF.name)
    await life.try_pass()
    page = life.scrape()
    assert page.value("sets") == 0
    for family in catalog.SET_FAMILIES:
        if family not in {catalog.SETS, catalog.LAGGING, catalog.UNSEEN, catalog.KEPT}:
            assert page.series(family.name) == {}, family.name


async def test_a_defect_is_counted_as_unexpected() -> None:
    metrics = Metrics(Time().wall)

    async def broken(_: SetRef) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await metrics.time_work(broken, KubeError)(REF)
    page = Scrape(metrics.render_page().decode())
    assert page.series("reconcile_failures_total") == {("Unexpected",): 1}
    assert page.value("reconcile_duration_seconds_count", "failed") == 1


async def test_no_kid_and_no_key_is_ever_told() -> None:
    life = await living()
    first = await life.in_use()
    life.time.pass_by(MONTH)
    await life.try_pass()
    page = life.scrape().page
    for kid in (first, await life.in_use(), *await life.published()):
        assert kid not in page
