"""When may an activation happen? Inside a window, if there are any, and outside of every freeze.

Windows open at the moments of a cron expression in the rotation's time zone and stay open for a duration.
Freezes are spans from a first moment to an end that no longer belongs to them.
"""

from datetime import datetime

from jwks_operator.core.model.policy import Freeze, Rotation, Window
from jwks_operator.core.timing.schedule import Firings

_NEVER = 9000
"""A freeze until a year like this one has no end, and calendars run out soon after."""

_FREEZES_AND_WINDOWS = 256
"""More alternations of freezes and windows than a spec can hold: one that needs more never opens."""


def next_opening(rotation: Rotation, time: datetime) -> datetime | None:
    """Return the first moment from `time` on at which an activation may happen; None if there is none.

    Raises ScheduleError if a window's schedule or the time zone cannot be read.
    """
    for _ in range(_FREEZES_AND_WINDOWS):
        thawed = _after_freezes(rotation.freezes, time)
        if thawed.year >= _NEVER:
            return None
        opened = _in_a_window(rotation, thawed)
        if opened is None or opened == time:
            return opened
        time = opened
    return None


def _after_freezes(freezes: tuple[Freeze, ...], time: datetime) -> datetime:
    """The end of the freeze that holds this moment, and of those that follow without a gap."""
    for freeze in sorted(freezes, key=lambda freeze: freeze.from_):
        if freeze.from_ <= time < freeze.to:
            time = freeze.to
    return time


def _in_a_window(rotation: Rotation, time: datetime) -> datetime | None:
    if not rotation.windows:
        return time
    found = [_first_inside(window, rotation.time_zone, time) for window in rotation.windows]
    return min((moment for moment in found if moment is not None), default=None)


def _first_inside(window: Window, zone: str, time: datetime) -> datetime | None:
    """The window that opened last before `time` may still be open; else the next one."""
    for opened in Firings(window.schedule, zone, time - window.duration):
        if opened + window.duration > time:
            return max(opened, time)
    return None
