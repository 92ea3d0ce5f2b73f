"""The Date header of an answer (RFC 9110 section 6.6.1), and whether it says anything about the clock."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

PROMPT = 2.0
"""Seconds that an answer takes at most whose Date is compared with the clock in any case."""


@lru_cache(maxsize=8)  # it is the same for every answer within a second
def read_date(header: str) -> datetime | None:
    """Return the time that a Date header gives, in UTC; None if it gives none."""
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except ValueError:
        return None


def has_waited(date: datetime, took: float) -> bool:
    """Tell whether an answer may be as old as its Date because it waited for this process, which was stopped or busy.

    Then the Date says nothing about the clock. `took` is the time in seconds, on the monotonic clock, from before the
    request to after the answer.
    """
    late = (datetime.now(UTC) - date).total_seconds()
    return took > PROMPT and PROMPT < late <= took + PROMPT
