"""The clock: when a reading is trusted, stepped before, on and after every mark."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.reconcile.clock import Clock, Reading

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(milliseconds=1)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


class World:
    """Two local clocks and a server's; time passes for all of them, a step moves one."""

    def __init__(self) -> None:
        self.passed = timedelta(0)
        self.local = timedelta(0)
        self.remote = timedelta(0)
        self.clock = Clock(self.wall, lambda: 5000.0 + self.passed.total_seconds())

    def wall(self) -> datetime:
        return NOON + self.passed + self.local

    def passes(self, time: timedelta) -> None:
        self.passed += time

    def answer(self) -> None:
        """Let an answer of the server arrive: its Date is cut to whole seconds."""
        self.clock.hear_date((NOON + self.passed + self.remote).replace(microsecond=0))

    def answers_for(self, time: timedelta, every: timedelta = timedelta(seconds=5)) -> None:
        end = self.passed + time
        while self.passed + every <= end:
            self.passes(every)
            self.answer()
        self.passed = end

    def read(self, tolerance: timedelta = MINUTE) -> Reading:
        return self.clock.read(tolerance)


def test_a_reading_is_the_wall_clocks_time() -> None:
    world = World()
    world.answer()
    world.passes(seconds(3.5))
    assert world.read() == Reading(NOON + seconds(3.5), trusted=True)


def test_before_the_server_was_heard_nothing_is_trusted() -> None:
    reading = World().read()
    assert (reading.trusted, reading.doubt) == (False, "the API server's clock is not known yet")


@pytest.mark.parametrize(
    ("age", "trusted"),
    [(seconds(300) - MOMENT, True), (seconds(300), True), (seconds(300) + MOMENT, False), (seconds(7200), False)],
)
def test_what_the_server_said_is_good_for_five_minutes(age: timedelta, trusted: bool) -> None:
    world = World()
    world.answer()
    world.passes(age)
    assert world.read().trusted is trusted
    world.answer()
    assert world.read().trusted


@pytest.mark.parametrize("tolerance", [seconds(0), seconds(1), MINUTE, timedelta(hours=1)])
@pytest.mark.parametrize(
    ("beyond", "trusted"), [(-MOMENT, True), (timedelta(0), True), (MOMENT, False), (seconds(10), False)]
)
def test_a_server_ahead_is_borne_up_to_the_tolerance(tolerance: timedelta, beyond: timedelta, trusted: bool) -> None:
    world = World()
    world.clock.hear_date(world.wall() + tolerance + beyond)
    assert world.read(tolerance).trusted is trusted


@pytest.mark.parametrize("tolerance", [seconds(0), seconds(1), MINUTE, timedelta(hours=1)])
@pytest.mark.parametrize(
    ("beyond", "trusted"), [(-MOMENT, True), (timedelta(0), True), (MOMENT, False), (seconds(10), False)]
)
def test_a_server_behind_is_borne_up_to_the_tolerance_the_cut_second_and_the_way(
    tolerance: timedelta, beyond: timedelta, trusted: bool
) -> None:
    world = World()
    world.clock.hear_date(world.wall() - tolerance - seconds(2) - beyond)
    assert world.read(tolerance).trusted is trusted


def test_a_doubt_says_which_way_the_clocks_disagree() -> None:
    world = World()
    world.remote = seconds(-90)
    world.answer()
    assert world.read().doubt == "the local clock is 90 s ahead of the API server's"
    world.remote = seconds(90)
    world.answer()
    assert world.read().doubt == "the local clock is 90 s behind the API server's"


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize(("beyond", "trusted"), [(-MOMENT, True), (timedelta(0), True), (MOMENT, False)])
def test_a_step_of_the_wall_clock_is_borne_up_to_the_tolerance(way: int, beyond: timedelta, trusted: bool) -> None:
    world = World()
    world.local += way * (MINUTE + beyond)
    world.remote = world.local  # the server agrees with whatever the wall clock says
    world.answer()
    reading = world.read()
    told = reading.now if trusted and way > 0 else None  # what was ahead of it waits anew, though nobody doubts it
    assert (reading.trusted, reading.since) == (trusted, told)


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize(
    ("after", "trusted"),
    [(seconds(1), False), (MINUTE - MOMENT, False), (MINUTE, True), (MINUTE + MOMENT, True)],
)
def test_after_a_step_the_server_must_agree_for_a_minute(way: int, after: timedelta, trusted: bool) -> None:
    world = World()
    world.answers_for(10 * MINUTE)
    world.local = world.remote = way * timedelta(hours=1)
    world.answer()
    world.answers_for(after, every=seconds(1))
    reading = world.read()
    assert reading.trusted is trusted
    assert reading.since == (world.wall() if trusted else None)
    assert trusted or reading.doubt == (
        f"the local clock was changed by {way * 3600:+d} s and has not proved stable yet"
    )


def test_since_stays_where_the_clock_became_good() -> None:
    world = World()
    world.local = world.remote = timedelta(hours=1)
    world.answer()
    world.answers_for(2 * MINUTE)
    since = world.read().since
    world.answers_for(100 * MINUTE)
    assert world.read() == Reading(world.wall(), trusted=True, since=since)


def test_a_disagreement_starts_the_minute_over() -> None:
    world = World()
    world.local = world.remote = timedelta(hours=1)
    world.answer()
    world.answers_for(seconds(50))
    world.remote += 5 * MINUTE
    world.passes(seconds(2))
    world.answer()
    world.remote -= 5 * MINUTE
    world.passes(seconds(2))
    world.answer()
    world.answers_for(MINUTE - seconds(1), every=seconds(1))
    assert not world.read().trusted
    world.answers_for(seconds(2), every=seconds(1))
    assert world.read().trusted


@pytest.mark.parametrize("way", [1, -1])
def test_one_disagreement_among_many_answers_of_a_second_is_not_lost(way: int) -> None:
    world = World()
    world.local = world.remote = timedelta(hours=1)
    world.answer()
    world.answers_for(seconds(50), every=seconds(1))
    world.passes(seconds(0.1))
    world.remote += way * 5 * MINUTE
    world.answer()
    world.remote -= way * 5 * MINUTE
    world.answer()
    world.answers_for(MINUTE - seconds(1), every=seconds(1))
    assert not world.read().trusted
    world.answers_for(seconds(2), every=seconds(1))
    assert world.read().trusted


def test_a_second_step_starts_the_minute_over() -> None:
    world = World()
    for _ in range(3):
        world.local += timedelta(hours=1)
        world.remote = world.local
        world.answer()
        world.answers_for(seconds(59))
        assert not world.read().trusted
    world.answers_for(seconds(5))
    assert world.read().trusted


def test_one_answer_a_minute_is_enough_to_settle() -> None:
    world = World()
    world.answer()
    world.local = world.remote = timedelta(hours=-1)
    world.passes(seconds(200))
    world.answer()
    assert not world.read().trusted
    world.passes(seconds(70))
    world.answer()
    assert world.read().trusted


def test_thousands_of_answers_a_second_settle_as_well_and_are_not_hoarded() -> None:
    world = World()
    world.local = world.remote = timedelta(hours=1)
    for _ in range(6100):
        world.passes(timedelta(milliseconds=10))
        world.answer()
    assert world.read().trusted
    assert len(world.clock._history) <= 63


def test_whether_it_was_a_step_is_asked_with_each_tolerance() -> None:
    world = World()
    world.local = world.remote = seconds(10)
    world.answer()
    found = world.wall()
    assert world.read(MINUTE) == Reading(found, trusted=True, since=found)
    assert not world.read(seconds(5)).trusted
    world.answers_for(MINUTE)
    assert world.read(seconds(5)).since == world.wall()
    assert world.read(MINUTE).since == found


def test_noise_between_two_looks_at_the_clocks_is_no_step_even_without_tolerance() -> None:
    world = World()
    world.answer()
    world.local += timedelta(milliseconds=200)
    assert world.read(seconds(0)).trusted


def test_a_clock_set_right_after_the_start_is_good_a_minute_later() -> None:
    world = World()
    world.remote = timedelta(days=300)  # a machine that woke up without a battery
    world.answers_for(MINUTE)
    assert not world.read().trusted
    world.local = world.remote
    world.answers_for(MINUTE + seconds(5))
    reading = world.read()
    assert reading.trusted
    assert reading.since == world.wall()


STEPS = st.lists(
    st.tuples(st.sampled_from(["local", "remote", "both"]), st.integers(-7200, 7200), st.integers(0, 150)),
    max_size=8,
)


@given(STEPS, st.sampled_from([seconds(0), seconds(5), MINUTE]))
def test_a_trusted_reading_agrees_with_the_server_and_no_jump_is_younger_than_a_minute(
    steps: list[tuple[str, int, int]], tolerance: timedelta
) -> None:
    """However the clocks jump: trust means agreement now, and pace kept or a minute's proof since.

    A small jump needs no proof, and is told at once if the server made it too.
    """
    world = World()
    world.answer()
    jumped_at: timedelta | None = None
    size = seconds(0)
    for which, by, then in steps:
        if which in {"local", "both"}:
            world.local += seconds(by)
            if by:
                jumped_at, size = world.passed, abs(seconds(by))
        if which in {"remote", "both"}:
            world.remote += seconds(by)
        for _ in range(max(1, then // 5)):
            world.passes(seconds(min(5, then)))
            world.answer()
            reading = world.read(tolerance)
            gap = world.local - world.remote
            if reading.trusted:
                assert reading.doubt is None
                assert -tolerance <= gap <= tolerance + seconds(3)
                unsettled = abs(world.local) > max(tolerance, seconds(0.25)) and reading.since is None
                assert not unsettled
                if reading.since == reading.now:
                    assert jumped_at is not None
                    assert world.passed - jumped_at >= MINUTE or size <= max(tolerance, seconds(0.25))
            else:
                assert reading.doubt
    world.remote = world.local
    world.answers_for(2 * MINUTE)
    assert world.read(tolerance).trusted, "an agreeing pair of clocks is trusted in the end"


# --- how far a trusted clock may be off ---


@pytest.mark.parametrize(
    ("off", "ahead", "behind"),
    [
        (-40.0, 0, 42),
        (-1.0, 0, 3),
        (-0.001, 0, 2.001),
        (0.0, 0, 0),
        (1.0, 0, 0),
        (2.0, 0, 0),
        (2.001, 2.001, 0),
        (40.0, 40, 0),
    ],
)
def test_a_reading_says_how_far_it_may_be_off_beyond_what_a_date_can_explain(
    off: float, ahead: float, behind: float
) -> None:
    world = World()
    world.local = seconds(off)
    world.answer()
    reading = world.read()
    assert reading.trusted
    assert (reading.ahead, reading.behind) == (seconds(ahead), seconds(behind))
    assert (reading.earliest, reading.latest) == (reading.now - seconds(ahead), reading.now + seconds(behind))


@given(
    st.floats(-55, 55).map(seconds),
    st.floats(0, 1, exclude_max=True).map(seconds),
    st.floats(0, 1).map(seconds),
    st.floats(0, 200).map(seconds),
)
def test_true_time_lies_between_earliest_and_latest_or_the_clock_is_right_by_a_date(
    off: timedelta, fraction: timedelta, transit: timedelta, later: timedelta
) -> None:
    world = World()
    world.passes(fraction)
    date = (NOON + world.passed).replace(microsecond=0)
    world.passes(transit)
    world.local = off
    world.clock.hear_date(date)
    world.passes(later)
    reading, true = world.read(), NOON + world.passed
    if reading.trusted:
        assert reading.earliest - seconds(2) <= true <= reading.latest + seconds(2)
        if reading.ahead:
            assert reading.earliest <= true
        if reading.behind:
            assert true <= reading.latest


def test_a_step_of_all_clocks_within_the_tolerance_is_no_doubt_but_is_told() -> None:
    world = World()
    world.answer()
    assert world.read().since is None
    world.passes(seconds(10))
    world.local = world.remote = seconds(30)
    world.answer()
    reading = world.read()
    assert (reading.trusted, reading.since) == (True, reading.now)
    world.answers_for(seconds(600))
    assert world.read().since == reading.since, "it is told with the time at which it was found"


def test_a_step_of_the_local_clock_alone_within_the_tolerance_is_a_matter_of_margins() -> None:
    world = World()
    world.answer()
    world.read()
    world.local = seconds(30)
    world.answers_for(seconds(10))
    reading = world.read()
    assert (reading.trusted, reading.since, reading.ahead) == (True, None, seconds(30))


@pytest.mark.parametrize("ahead", [0, 2.5, 59])
def test_a_time_to_wake_up_is_one_at_which_the_earliest_reading_has_come(ahead: float) -> None:
    reading = Reading(NOON, ahead=seconds(ahead))
    due = NOON + MINUTE
    wake = reading.locally(due)
    assert replace(reading, now=wake).earliest >= due
    assert wake - due <= seconds(ahead + 1)
    assert reading.locally(datetime.max.replace(tzinfo=UTC)) == datetime.max.replace(tzinfo=UTC)


def test_a_standby_that_was_never_asked_knows_of_a_step_since_its_start() -> None:
    world = World()
    world.passes(seconds(10))
    world.local = world.remote = seconds(50)
    world.answer()
    assert world.read().since == world.wall()
