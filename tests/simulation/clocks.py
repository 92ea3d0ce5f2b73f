"""Directed histories of clocks: off by less than doubt, by more, and stepping, with hand-overs in between."""

from datetime import timedelta

from reconcile.life import START
from simulation.directed import ask, h, spec
from simulation.enemies import ENEMIES
from simulation.world import Replica, World

OFF = timedelta(seconds=50)
"""By how much a clock is off that is still within clockSkew."""


def hand_over_between_two_clocks(world: World) -> None:
    """A replica that is behind publishes, one that is ahead activates; both are within clockSkew."""
    world.leader, world.standby = Replica(world, -OFF), Replica(world, OFF)
    world.begin(spec("ES256", prepublish="OnSchedule"))
    world.live(h(24) - timedelta(minutes=69))
    world.fail_over(paused=False)
    world.live(timedelta(minutes=69, seconds=10))
    world.live(h(3))


def retire_between_two_clocks(world: World) -> None:
    """A replica that is behind retires a key, one that is ahead destroys it."""
    world.leader, world.standby = Replica(world, -OFF), Replica(world, OFF)
    world.begin(spec("ES256", rollbackWindow="0s"))
    world.live(h(23))
    world.life.time.pass_by(START + h(24) + timedelta(seconds=55) - world.now)
    world.look()
    world.fail_over(paused=False)
    world.life.time.pass_by(timedelta(minutes=65, seconds=30))
    world.look()
    world.live(h(3))


def hand_over_after_a_step(world: World) -> None:
    """All clocks step over a lead; a minute after they have settled a replica leads that was not there then."""
    world.begin(spec("ES256"))
    world.live(h(24) + timedelta(minutes=10))
    ask(world)
    world.step_all_clocks(h(3))
    world.settle()
    world.fail_over(paused=False)
    world.fail_over(paused=False)
    world.live(h(3))


def step_a_clock(world: World) -> None:
    """The operator's node jumps ahead over a lead."""
    world.begin(spec("ES256"))
    world.live(h(24) + timedelta(minutes=10))
    ask(world)
    world.leader.ahead = h(3)
    world.live(timedelta(minutes=20))


def take_over_with_a_clock_behind(world: World) -> None:
    """A repair under a clock that is hours behind must not stamp its time."""
    world.begin(spec("ES256"))
    world.live(h(23))
    world.leader.ahead = -h(4)
    world.look()
    ENEMIES["delete the ConfigMap"](world, 0)
    world.look()
    world.fail_over(paused=False)
    world.live(h(3))
