"""The terms of lead and retention, named as in the spec."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from jwks_operator.api.defaults import LEAD_TERMS, RESTART, RETENTION_TERMS, field_of
from jwks_operator.api.durations import format_duration
from jwks_operator.api.spec import JsonWebKeySetSpec, KeyEntry
from jwks_operator.core.model.policy import Facts
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.timing.formulas import bounds_of, entry_named, rollback_window, rotation_of
from jwks_operator.core.timing.schedule import shortest_interval
from jwks_operator.keys.algorithms import ALGORITHMS


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait of an entry: its length and its terms."""

    name: str
    length: timedelta
    terms: tuple[tuple[str, timedelta], ...]
    stated: bool
    """Whether the spec sets this length, beyond the sum of the terms."""

    def __str__(self) -> str:
        if self.stated:
            return f"{self.name} {format_duration(self.length)}, as stated"
        told = " + ".join(f"{name} {format_duration(value)}" for name, value in self.terms if value)
        return f"{self.name} {format_duration(self.length)} = {told}"

    @property
    def longest(self) -> str:
        """The longest term, with its length."""
        if self.stated:
            return f"timing.{self.name} {format_duration(self.length)}"
        name, value = max(self.terms, key=lambda term: term[1])
        where = name if name == field_of(RESTART) else f"timing.{name}"
        return f"{where} {format_duration(value)}"


def waits_of_entry(spec: JsonWebKeySetSpec, entry: KeyEntry) -> tuple[Wait, Wait]:
    """Return lead and retention of an entry."""
    key_class = ALGORITHMS[entry.algorithm].key_class
    policy = policy_from_spec(spec)
    known, rotation = policy.facts, rotation_of(policy, entry_named(policy, entry.name))
    owed = bounds_of(policy, rotation, key_class)
    lead = tuple(_told(known, LEAD_TERMS[key_class]))
    retention = tuple(_told(known, RETENTION_TERMS[key_class]))
    kept = Wait("retention", owed.retention, retention, owed.retention > _total(retention))
    window = rollback_window(rotation, owed.lead)
    if kept.stated and owed.retention == window and spec.timing.retention != window:
        kept = Wait("retention", owed.retention, (("rollbackWindow", window),), stated=False)
    return Wait("lead", owed.lead, lead, owed.lead > _total(lead)), kept


def _told(known: Facts, terms: Iterable[str]) -> Iterator[tuple[str, timedelta]]:
    """Return the terms with their lengths; the restart only with secret.restart."""
    for term in terms:
        length = known.total((term,))
        if term != RESTART or length:
            yield field_of(term), length


def find_limiting_terms(spec: JsonWebKeySetSpec, now: datetime) -> Iterator[str]:
    """Yield, for each entry that rotates faster than its lead allows, the term to shorten first.

    The spec's schedules can be read.
    """
    for entry, rules in zip(spec.keys, policy_from_spec(spec).keys, strict=True):
        interval = shortest_interval(rules.rotation, now)
        lead, _ = waits_of_entry(spec, entry)
        if interval is not None and interval < lead.length:
            yield f"{entry.name}: {lead}; {lead.longest} is the longest of them"


def _total(terms: tuple[tuple[str, timedelta], ...]) -> timedelta:
    return sum((value for _, value in terms), timedelta())
