"""When is an active key due to be replaced? Pure answers from a rotation and the start of use.

Cron expressions have five fields and follow Debian's cron across daylight-saving changes: a time in the gap
fires right after it, a time in the overlap fires once.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from jwks_operator.core.model.policy import Rotation

_FIRES_EXAMINED = 24


class ScheduleError(ValueError):
    """A schedule that cannot be read; the message names the field and the cure."""


def next_due(rotation: Rotation, since: datetime) -> datetime | None:
    """Return when a key in use since then is to be replaced (UTC); None if only by hand.

    Raises ScheduleError if the schedule or its time zone cannot be read.
    """
    if rotation.every is not None:
        return since + rotation.every
    if rotation.schedule is None:
        return None
    return next(Firings(rotation.schedule, rotation.time_zone, since), None)


def shortest_interval(rotation: Rotation, since: datetime) -> timedelta | None:
    """Return the shortest time between two scheduled rotations from then on; None if there are none.

    Of a cron schedule the next 24 firings are examined. Raises ScheduleError as `due` does.
    """
    if rotation.schedule is None:
        return rotation.every
    day = since.replace(hour=0, minute=0, second=0, microsecond=0)
    return _shortest_gap(rotation.schedule, rotation.time_zone, day)


@lru_cache(maxsize=1024)
def _shortest_gap(schedule: str, zone_name: str, day: datetime) -> timedelta | None:
    """Many sets share few schedules, and looking far ahead costs milliseconds."""
    fires = islice(Firings(schedule, zone_name, day), _FIRES_EXAMINED)
    return min((later - earlier for earlier, later in pairwise(fires)), default=None)


class Firings:
    """The firings of a cron schedule strictly after a moment, in UTC."""

    def __init__(self, schedule: str, zone_name: str, after: datetime) -> None:
        try:
            zone = ZoneInfo(zone_name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ScheduleError(
                f"rotation.timeZone {zone_name!r} is not a known IANA time zone; use a name such as Europe/Berlin"
            ) from error
        if len(schedule.split()) != 5:
            raise ScheduleError(f"rotation.schedule {schedule!r} does not have the five fields of cron")
        try:
            self._cron = CronSim(schedule, after.astimezone(zone))
        except CronSimError as error:
            raise ScheduleError(f"rotation.schedule {schedule!r} is not a cron expression: {error}") from error

    def __iter__(self) -> "Firings":
        return self

    def __next__(self) -> datetime:
        return next(self._cron).astimezone(UTC)
