"""Defaults of the spec, for the planner and for the admission rules.

The facts are deliberately pessimistic: a set with no `timing` at all must never turn a valid token into a
401 in an ordinary cluster.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType

from pydantic.alias_generators import to_camel

from jwks_operator.api.durations import parse_duration
from jwks_operator.keys.algorithms import KeyClass

DEFAULTS: Mapping[str, timedelta] = MappingProxyType(
    {
        "token_lifetime": parse_duration("1h"),
        "cache_max_age": parse_duration("5m"),
        "stale_window": parse_duration("0s"),
        "edge_cache": parse_duration("0s"),
        "verifier_refresh": parse_duration("1h"),
        "propagation": parse_duration("5m"),
        "clock_skew": parse_duration("1m"),
    }
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
_CACHES = (*HTTP_CACHES, "verifier_refresh")

Terms = Mapping[KeyClass, tuple[str, ...]]

LEAD_TERMS: Terms = MappingProxyType(
    {
        KeyClass.SIGNATURE: ("propagation", *_CACHES),
        KeyClass.ENCRYPTION: ("propagation", RESTART),
        KeyClass.SYMMETRIC: ("propagation", RESTART),
    }
)
"""The facts whose sum is the time a key is on the check side before it is used."""

RETENTION_TERMS: Terms = MappingProxyType(
    {
        KeyClass.SIGNATURE: ("propagation", RESTART, "token_lifetime", "clock_skew"),
        KeyClass.ENCRYPTION: ("propagation", *_CACHES, "token_lifetime", "clock_skew"),
        KeyClass.SYMMETRIC: ("propagation", RESTART, "token_lifetime", "clock_skew"),
    }
)
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
