"""How long must everybody wait? The waits of a key, derived from the facts of a policy.

Which facts each class of keys waits for stands in one table, `LEAD_TERMS` and `RETENTION_TERMS` of `api/defaults.py`:
admission, the texts of the API, the plugin and the docs are made from it. A user may lengthen a derived wait, never
shorten it. Retention is never shorter than the rollback window: a key that may come back must still be known.

Where facts changed, what happened under the former ones goes on for a while: a server that is still slow hands a
document to a cache that has become slower. So the longest of each single fact counts, not the longest of two sums.
"""

from datetime import UTC, datetime, timedelta

from jwks_operator.api.defaults import LEAD_TERMS, RETENTION_TERMS
from jwks_operator.core.model.policy import FACTS, EntryPolicy, Facts, Policy, Rotation
from jwks_operator.core.model.record import Bounds, Record
from jwks_operator.keys.algorithms import KeyClass

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
"""The time of what waits for nothing."""


def bounds_of(policy: Policy, rotation: Rotation, key_class: KeyClass, others: Facts | None = None) -> Bounds:
    """Return the waits of keys of a class and rotation under a policy: derived, or longer where it says so.

    `others` are former facts that still count.
    """
    known = policy.facts.longest(others)
    lead = known.excess + known.total(LEAD_TERMS[key_class])
    retention = known.excess + known.total(RETENTION_TERMS[key_class])
    lead = max(lead, policy.lead or lead)
    return Bounds(lead, max(retention, policy.retention or retention, rollback_window(rotation, lead)))


def horizon_of(record: Record) -> timedelta:
    """Return how long it takes until nothing is left of what was done under these and the former facts of a record."""
    return record.policy.facts.longest(record.longest).total(FACTS)


def rollback_window(rotation: Rotation, lead: timedelta) -> timedelta:
    """Return how long a retired signing key keeps its private half: as declared, else one lead."""
    return lead if rotation.rollback_window is None else rotation.rollback_window


def rotation_of(policy: Policy, entry: EntryPolicy | None) -> Rotation:
    """Return the rotation that governs an entry: its own, else (for an entry that left) the set's."""
    return policy.rotation if entry is None else entry.rotation


def entry_named(policy: Policy, name: str) -> EntryPolicy | None:
    """Return the entry of this name, or None if the policy has none."""
    return next((entry for entry in policy.keys if entry.name == name), None)
