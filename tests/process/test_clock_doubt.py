"""What is told of the clock between readings, without a part in them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from jwks_operator.reconcile.clock import Clock

MINUTE = timedelta(minutes=1)


@dataclass
class World:
    """A wall clock, a monotonic one and the API server's."""

    wall: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)
    server: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)
    ticks: float = 0.0

    def passes(self, span: timedelta) -> None:
        self.wall += span
        self.server += span
        self.ticks += span.total_seconds()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clock(world: World) -> Clock:
    return Clock(lambda: world.wall, lambda: world.ticks)


def test_a_server_that_was_not_heard_is_no_doubt(clock: Clock) -> None:
    assert clock.doubt(MINUTE) is None
    assert clock.ahead() is None


def test_a_step_before_the_server_was_first_heard_is_in_doubt(clock: Clock, world: World) -> None:
    world.wall += 10 * MINUTE
    assert clock.doubt(MINUTE) == "the local clock was changed by +600 s and has not proved stable yet"


def test_a_difference_is_told_with_its_side_and_stays_told_while_nobody_asks(clock: Clock, world: World) -> None:
    world.server -= 10 * MINUTE
    clock.hear_date(world.server)
    assert clock.doubt(MINUTE) == "the local clock is 600 s ahead of the API server's"
    assert clock.ahead() == 600
    world.passes(60 * MINUTE)
    assert clock.doubt(MINUTE) is not None


def test_a_jump_is_in_doubt_until_the_server_has_agreed_for_a_minute(clock: Clock, world: World) -> None:
    clock.hear_date(world.server)
    world.wall += 30 * MINUTE
    world.server += 30 * MINUTE
    clock.hear_date(world.server)
    assert "was changed by +1800 s" in str(clock.doubt(MINUTE))
    for _ in range(7):
        world.passes(timedelta(seconds=10))
        clock.hear_date(world.server)
    assert clock.doubt(MINUTE) is None


def test_telling_settles_nothing(clock: Clock, world: World) -> None:
    clock.hear_date(world.server)
    world.wall += 30 * MINUTE
    world.server += 30 * MINUTE
    for _ in range(8):
        clock.hear_date(world.server)
        world.passes(timedelta(seconds=10))
        clock.doubt(MINUTE)
    assert clock.read(MINUTE).since == world.wall, "the reading is the first that trusts the new time"
