"""History and forecast of a set; only the history while its spec is not in force."""

from datetime import datetime

from jwks_operator.core.forecast import STEPS, Forecast, forecast_world, past_spans
from jwks_operator.core.model.observed_state import World
from jwks_operator.core.planner.spec_checks import find_complaint


def look_ahead(world: World, now: datetime, until: datetime, steps: int = STEPS) -> Forecast:
    """Return the forecast of the planner; none for a spec that fails its checks: the former one stays in force."""
    if world.spec is None or find_complaint(world.spec, now) is not None:
        return Forecast(() if world.record is None else tuple(past_spans(world.record)), (), now)
    return forecast_world(world, now, until, steps)
