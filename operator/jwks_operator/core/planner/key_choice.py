"""Chooses among the keys of an entry: the one to go back to, and the one to use next."""

from datetime import UTC, datetime

from jwks_operator.core.model.policy import EntryPolicy
from jwks_operator.core.model.record import KeyRecord, Record, State
from jwks_operator.core.planner.triggers import LONG_AGO, fits


def former_key(record: Record, entry: EntryPolicy) -> KeyRecord | None:
    """Return the key to which an entry can go back: the last retired one that still has its private half."""
    usable = [
        key for key in record.of(entry.name, State.RETIRED) if key.has_private and fits(key, entry, record.policy)
    ]
    return max(usable, key=lambda key: (key.in_use_since or LONG_AGO, key.created), default=None)


def longest_published(record: Record, entry: EntryPolicy) -> KeyRecord | None:
    """Return the pending key of an entry that fits it and has been published longest."""
    fitting = [key for key in record.of(entry.name, State.PENDING) if fits(key, entry, record.policy)]
    return min(fitting, key=lambda key: (key.published or _forever(), key.created, key.kid), default=None)


def _forever() -> datetime:
    return datetime.max.replace(tzinfo=UTC)
