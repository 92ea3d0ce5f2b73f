"""One reading of the clock for a plan, and whether it may be trusted with a timed move.

Three clocks are compared: the local wall clock, the monotonic clock, and the API server's, heard as the Date
header of its answers (RFC 9110 section 6.6.1: whole seconds, cut off). A reading is trusted if

* the server was heard within the last five minutes and agrees with the wall clock within the tolerance, and
* the wall clock has kept pace with the monotonic one within the tolerance since the baseline.

The first baseline is the start of the process. After a step of the wall clock the reading is in doubt until
the server has agreed for a minute of monotonic time, with no disagreement in between; then the stepped clock
becomes the new baseline and `since` tells from when it has been good. Whether something is a step depends on
the tolerance, so baselines are kept per tolerance. This module never raises and never waits.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jwks_operator.core.world import Reading

__all__ = ["Clock", "Reading"]

HEARD_WITHIN = timedelta(minutes=5)
SETTLES_IN = timedelta(minutes=1)
RESOLUTION = timedelta(seconds=1)
"""A Date header is up to a second older than the moment it was written."""
TRANSIT = timedelta(seconds=1)
"""What an answer may take from the server's clock to ours without counting as disagreement."""
STEP = timedelta(milliseconds=250)
"""A smaller change of wall minus monotonic time is noise, however small the tolerance: two clocks cannot be
read at the same instant."""


@dataclass(frozen=True, slots=True)
class _Baseline:
    offset: timedelta  # wall clock minus monotonic clock
    since: datetime | None


@dataclass(slots=True)
class _Second:
    """What was heard within about a second, as wall clock minus Date: negative if the server is ahead."""

    at: float  # monotonic seconds
    least: timedelta
    most: timedelta

    def agrees(self, tolerance: timedelta) -> bool:
        return _agrees(self.least, tolerance) and _agrees(self.most, tolerance)


def _wall() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Feed it every Date header through `heard`; take one `read` for each plan."""

    def __init__(self, wall: Callable[[], datetime] = _wall, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`wall` gives aware UTC, `monotonic` seconds."""
        self._wall = wall
        self._monotonic = monotonic
        self._first = _Baseline(self._offset(), None)
        self._settled: dict[timedelta, _Baseline] = {}
        self._pace = self._first.offset
        self._stepped_at = float("-inf")
        self._latest: tuple[float, datetime] | None = None
        self._history: deque[_Second] = deque()

    def now(self) -> datetime:
        """Give the wall clock's time (UTC), trusted or not: for timers, never for a decision."""
        return self._wall()

    def heard(self, date: datetime) -> None:
        """Take in the Date header of an answer that has just arrived."""
        self._watch_pace()
        at = self._monotonic()
        late = self._wall() - date
        self._latest = (at, date)
        if self._history and self._history[-1].at > at - 1.0:
            second = self._history[-1]
            second.least, second.most = min(second.least, late), max(second.most, late)
        else:
            self._history.append(_Second(at, late, late))

    def read(self, tolerance: timedelta) -> Reading:
        """Read the clock once; `tolerance` is the set's clockSkew."""
        self._watch_pace()
        now = self._wall()
        baseline = self._settled.get(tolerance, self._first)
        if doubt := self._disagreement(now, tolerance):
            return Reading(now, False, doubt, baseline.since)
        step = self._offset() - baseline.offset
        if abs(step) <= max(tolerance, STEP):
            return Reading(now, True, None, baseline.since)
        if self._has_settled(tolerance):
            self._settled[tolerance] = _Baseline(self._offset(), now)
            return Reading(now, True, None, now)
        doubt = f"the local clock was changed by {step.total_seconds():+.0f} s and has not proved stable yet"
        return Reading(now, False, doubt, baseline.since)

    def _offset(self) -> timedelta:
        return self._wall() - datetime.fromtimestamp(0, UTC) - timedelta(seconds=self._monotonic())

    def _disagreement(self, now: datetime, tolerance: timedelta) -> str | None:
        if self._latest is None:
            return "the API server's clock was not heard yet"
        at, date = self._latest
        age = timedelta(seconds=self._monotonic() - at)
        if age > HEARD_WITHIN:
            return f"the API server's clock was not heard for {age.total_seconds():.0f} s"
        late = now - (date + age)
        if _agrees(late, tolerance):
            return None
        where = "ahead of" if late > timedelta(0) else "behind"
        return f"the local clock is {abs(late).total_seconds():.0f} s {where} the API server's"

    def _has_settled(self, tolerance: timedelta) -> bool:
        first = self._history[0]
        old_enough = self._monotonic() - first.at >= SETTLES_IN.total_seconds()
        unbroken = all(second.agrees(tolerance) for second in self._history)
        return old_enough and first.at >= self._stepped_at and unbroken

    def _watch_pace(self) -> None:
        offset = self._offset()
        if abs(offset - self._pace) > STEP:
            self._pace = offset
            self._stepped_at = self._monotonic()
        horizon = self._monotonic() - SETTLES_IN.total_seconds()
        while len(self._history) > 1 and self._history[1].at <= horizon:
            self._history.popleft()  # one entry from before the last minute stays: it shows who agreed then


def _agrees(late: timedelta, tolerance: timedelta) -> bool:
    return -tolerance <= late <= tolerance + RESOLUTION + TRANSIT
