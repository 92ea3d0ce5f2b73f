"""Defaults of the spec and the sums of lead and retention, for the planner and for the admission rules."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType

from pydantic.alias_generators import to_camel

from jwks_operator.api.durations import parse_duration
from jwks_operator.api.timing_facts import FACTS, Fact
from jwks_operator.keys.algorithms import KeyClass

DEFAULTS: Mapping[str, timedelta] = MappingProxyType(
    {name: parse_duration(fact.default) for name, fact in FACTS.items()}
)
"""Attribute of Timing → its value when not set."""

DEFAULT_EVERY: timedelta = parse_duration("720h")
"""Rotation interval when neither `every` nor `schedule` is set."""

DEFAULT_RESTART_WITHIN: timedelta = parse_duration("10m")
"""Default of `secret.restart.within`."""

RESTART = "restart"
"""A fact outside `timing`: `secret.restart.within`, zero without a restart. It is a term of every wait that ends with a
change of the Secret."""

HTTP_CACHES = ("cache_max_age", "stale_window", "edge_cache")
"""The facts of how long caches on the way keep a document."""

Terms = Mapping[KeyClass, tuple[str, ...]]


def _terms(wait: Callable[[Fact], tuple[KeyClass, ...]], restarted: tuple[KeyClass, ...]) -> Terms:
    """Return the facts of each class's wait; a restart comes after the write of the Secret."""
    facts = {name: wait(fact) for name, fact in FACTS.items()}
    owed = {"propagation": facts.pop("propagation"), RESTART: restarted, **facts}
    return {key_class: tuple(name for name, classes in owed.items() if key_class in classes) for key_class in KeyClass}


LEAD_TERMS: Terms = _terms(lambda fact: fact.lead, (KeyClass.ENCRYPTION, KeyClass.SYMMETRIC))
"""The facts whose sum is the time a key is on the check side before it is used."""

RETENTION_TERMS: Terms = _terms(lambda fact: fact.retention, (KeyClass.SIGNATURE, KeyClass.SYMMETRIC))
"""The facts whose sum is the time a key stays on the check side after its last use."""


def field_of(term: str) -> str:
    """Return the field in which a fact is stated: of `timing`, or with its path."""
    return "secret.restart.within" if term == RESTART else to_camel(term)


def sum_of(terms: Iterable[str]) -> str:
    """Return a sum of facts in words, each by its field."""
    return " + ".join(map(field_of, terms))


def classes_by_sum(table: Terms) -> Mapping[tuple[str, ...], tuple[KeyClass, ...]]:
    """Return which classes of keys owe which sum."""
    found: dict[tuple[str, ...], tuple[KeyClass, ...]] = {}
    for key_class, terms in table.items():
        found[terms] = (*found.get(terms, ()), key_class)
    return found


def format_sums(table: Terms) -> str:
    """Return what every class of keys owes, as a part of a sentence."""
    return "; ".join(f"{sum_of(terms)} for {_keys(owing)}" for terms, owing in classes_by_sum(table).items())


def describe_owed_terms(table: Terms, term: str) -> str:
    """Return the classes of keys that wait for a fact, as a part of a sentence."""
    return _keys(key_class for key_class, terms in table.items() if term in terms)


def _keys(classes: Iterable[KeyClass]) -> str:
    return f"{' and '.join(classes)} keys"
