"""Past and future of a set as it stands; of one whose spec is not in force, the past alone."""

from datetime import datetime

from jwks_operator.core.forecast import STEPS, Forecast, foresee, past
from jwks_operator.core.model.observed_state import World
from jwks_operator.core.planner.spec_checks import complaint


def look_ahead(world: World, now: datetime, until: datetime, steps: int = STEPS) -> Forecast:
    """Return what the planner will do, which for a spec that fails its checks nobody can tell: the former one rules."""
    if world.spec is None or complaint(world.spec, now) is not None:
        return Forecast(() if world.record is None else tuple(past(world.record)), (), now)
    return foresee(world, now, until, steps)
