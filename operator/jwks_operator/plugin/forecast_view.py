"""History and forecast of a set; only the history while its spec is not in force."""

from datetime import datetime

from jwks_operator.core.forecast import STEPS, Forecast, forecast_world, past_spans
from jwks_operator.core.model.observed_state import ObservedState
from jwks_operator.core.planner.spec_checks import find_complaint


def look_ahead(observed: ObservedState, now: datetime, until: datetime, steps: int = STEPS) -> Forecast:
    """Return the forecast of the planner; none for a spec that fails its checks: the former one stays in force."""
    if observed.spec is None or find_complaint(observed.spec, now) is not None:
        return Forecast(() if observed.record is None else tuple(past_spans(observed.record)), (), now)
    return forecast_world(observed, now, until, steps)
