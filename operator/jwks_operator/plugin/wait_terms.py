"""The terms of lead and retention, named as in the spec."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic.alias_generators import to_camel

from jwks_operator.api.defaults import LEAD_TERMS, RESTART, RETENTION_TERMS
from jwks_operator.api.durations import format_duration
from jwks_operator.api.spec import JsonWebKeySetSpec, KeyEntry
from jwks_operator.core.timing.formulas import Facts, bounds, facts_of, rollback_window, rotation_of
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
        where = "secret.restart.within" if name == RESTART else f"timing.{name}"
        return f"{where} {format_duration(value)}"


def waits_of_entry(spec: JsonWebKeySetSpec, entry: KeyEntry) -> tuple[Wait, Wait]:
    """Return lead and retention of an entry."""
    key_class = ALGORITHMS[entry.algorithm].key_class
    known, rotation = facts_of(spec), rotation_of(spec, entry)
    owed = bounds(spec, rotation, key_class)
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
        if term != RESTART or known[term]:
            yield to_camel(term), known[term]


def find_limiting_terms(spec: JsonWebKeySetSpec, now: datetime) -> Iterator[str]:
    """Yield, for each entry that rotates faster than its lead allows, the term to shorten first.

    The spec's schedules can be read.
    """
    for entry in spec.keys:
        interval = shortest_interval(rotation_of(spec, entry), now)
        lead, _ = waits_of_entry(spec, entry)
        if interval is not None and interval < lead.length:
            yield f"{entry.name}: {lead}; {lead.longest} is the longest of them"


def _total(terms: tuple[tuple[str, timedelta], ...]) -> timedelta:
    return sum((value for _, value in terms), timedelta())
