"""The clock of a pass: one reading for each plan, and whether a scheduled transition may trust it.

Three clocks are compared: the local wall clock, the monotonic clock, and that of the API server, from the Date header
of its answers (RFC 9110 section 6.6.1: whole seconds, rounded down). A reading is trusted if

* an answer of the server arrived within the last five minutes and agrees with the wall clock within the tolerance, and
* the wall clock has kept pace with the monotonic one within the tolerance since the baseline.

The first baseline is the start of the process. After a step of the wall clock the reading is in doubt until
the server has agreed for a minute of monotonic time, with no disagreement in between; then the stepped clock
becomes the new baseline and `since` tells from when it has been good. Whether something is a step depends on
the tolerance, so baselines are stored per tolerance. A smaller step does not end the trust, but if the API
server's clock made it too, `since` reports it as well.

Two replicas, each within the tolerance, may differ by twice as much. So a reading says how far it may be ahead of
the API server's clock or behind it: nothing while the Date lies within its own resolution and a second of transit.
This module never raises and never waits.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jwks_operator.core.model.observed_state import RESOLUTION, Reading

__all__ = ["Clock", "Reading"]

HEARD_WITHIN = timedelta(minutes=5)
SETTLES_IN = timedelta(minutes=1)
TRANSIT = timedelta(seconds=1)
"""The time of an answer from server to operator that does not count as disagreement."""
EXPLAINED = RESOLUTION + TRANSIT
"""The greatest age of a Date on arrival if both clocks are right."""
STEP = timedelta(milliseconds=250)
"""A smaller change of wall minus monotonic time is noise, however small the tolerance: two clocks cannot be
read at the same instant."""


@dataclass(frozen=True, slots=True)
class _Baseline:
    offset: timedelta  # wall clock minus monotonic clock
    since: datetime | None


@dataclass(slots=True)
class _Second:
    """The answers of about a second, as wall clock minus Date: negative if the server is ahead."""

    at: float  # monotonic seconds
    least: timedelta
    most: timedelta

    def agrees(self, tolerance: timedelta) -> bool:
        return _agrees(self.least, tolerance) and _agrees(self.most, tolerance)


def _wall() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Takes in every Date header by `hear_date`; a plan calls `read` once."""

    def __init__(self, wall: Callable[[], datetime] = _wall, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`wall` gives aware UTC, `monotonic` seconds."""
        self._wall = wall
        self._monotonic = monotonic
        self._first = _Baseline(self._offset(), None)
        self._settled: dict[timedelta, _Baseline] = {}
        self._pace = self._first.offset
        self._stepped_at = float("-inf")
        self._latest: tuple[float, datetime] | None = None
        self._least = self._first.offset  # the least lead of a confirmation over the monotonic clock
        self._jumped: datetime | None = None
        self._history: deque[_Second] = deque()

    def now(self) -> datetime:
        """Return the time of the wall clock (UTC), trusted or not: for timers, never for a decision."""
        return self._wall()

    def hear_date(self, date: datetime) -> None:
        """Take in the Date header of an answer that arrived now."""
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
        if abs(step) > max(tolerance, STEP):
            if not self._has_settled(tolerance):
                return Reading(now, False, _unproved(step), baseline.since)
            self._settled[tolerance] = baseline = _Baseline(self._offset(), now)
        return self._trusted(now, baseline.since)

    def doubt(self, tolerance: timedelta) -> str | None:
        """Return what is wrong with the clock as a sentence, without a change of state; None if it is trusted.

        Missing answers of the server do not count here: every pass reads from the server before it reads the clock.
        """
        baseline = self._settled.get(tolerance, self._first)
        if self._latest is not None and (doubt := _difference(self._lateness(*self._latest), tolerance)):
            return doubt
        step = self._offset() - baseline.offset
        if abs(step) <= max(tolerance, STEP) or self._has_settled(tolerance):
            return None
        return _unproved(step)

    def ahead(self) -> float | None:
        """Return by how many seconds the wall clock was ahead of the API server's at its last answer."""
        return None if not self._history else self._history[-1].least.total_seconds()

    def _offset(self) -> timedelta:
        return self._wall() - datetime.fromtimestamp(0, UTC) - timedelta(seconds=self._monotonic())

    def _disagreement(self, now: datetime, tolerance: timedelta) -> str | None:
        if self._latest is None:
            return "the API server's clock is not known yet"
        at, date = self._latest
        age = timedelta(seconds=self._monotonic() - at)
        if age > HEARD_WITHIN:
            return f"the API server's clock is not known for {age.total_seconds():.0f} s"
        return _difference(now - (date + age), tolerance)

    def _lateness(self, at: float, date: datetime) -> timedelta:
        return self._wall() - (date + timedelta(seconds=self._monotonic() - at))

    def _trusted(self, now: datetime, since: datetime | None) -> Reading:
        """Return a reading that may become a confirmation; after a jump ahead of earlier readings waits restart."""
        ahead, behind = self._margins(now)
        offset = self._offset()
        if offset - ahead - self._least > EXPLAINED:
            self._jumped = now + behind
            self._least = offset + behind
        self._least = min(self._least, offset + behind)
        stepped = max(filter(None, (since, self._jumped)), default=None)
        return Reading(now, True, None, stepped, ahead, behind)

    def _margins(self, now: datetime) -> tuple[timedelta, timedelta]:
        """Return by how much the wall clock may be ahead of the server's, and behind it; zero for an ordinary Date."""
        nothing = timedelta(0)
        if self._latest is None:
            return nothing, nothing
        at, date = self._latest
        late = now - (date + timedelta(seconds=self._monotonic() - at))
        if late < nothing:
            return nothing, EXPLAINED - late
        return (late, nothing) if late > EXPLAINED else (nothing, nothing)

    def _has_settled(self, tolerance: timedelta) -> bool:
        if not self._history:
            return False
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
            self._history.popleft()  # one entry from before the last minute stays


def _difference(late: timedelta, tolerance: timedelta) -> str | None:
    if _agrees(late, tolerance):
        return None
    where = "ahead of" if late > timedelta(0) else "behind"
    return f"the local clock is {abs(late).total_seconds():.0f} s {where} the API server's"


def _unproved(step: timedelta) -> str:
    return f"the local clock was changed by {step.total_seconds():+.0f} s and has not proved stable yet"


def _agrees(late: timedelta, tolerance: timedelta) -> bool:
    return -tolerance <= late <= tolerance + EXPLAINED
