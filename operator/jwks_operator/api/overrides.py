"""The rule that an override is at least the sum of the facts, for the classes of keys that the set has."""

from collections.abc import Collection
from datetime import timedelta
from typing import Protocol

from pydantic.alias_generators import to_camel

from jwks_operator.api.defaults import DEFAULTS, LEAD_TERMS, RETENTION_TERMS
from jwks_operator.api.durations import cel_is_duration, format_duration
from jwks_operator.api.rules import Rule, cel_list
from jwks_operator.api.timing import Timing
from jwks_operator.keys.algorithms import ADMITTED, ALGORITHMS, KeyClass


class _Entry(Protocol):
    @property
    def algorithm(self) -> str: ...


class _Spec(Protocol):
    @property
    def keys(self) -> Collection[_Entry]: ...

    @property
    def timing(self) -> Timing: ...


def overrides_cover_facts() -> tuple[Rule, ...]:
    """Return one rule for each override and each distinct sum of facts, for the classes that owe this sum."""
    rules = []
    for field, table in (("lead", LEAD_TERMS), ("retention", RETENTION_TERMS)):
        classes: dict[tuple[str, ...], list[KeyClass]] = {}
        for key_class, terms in table.items():
            classes.setdefault(terms, []).append(key_class)
        rules += [_covers(field, terms, owing) for terms, owing in classes.items()]
    return tuple(rules)


def _covers(field: str, terms: tuple[str, ...], classes: Collection[KeyClass]) -> Rule:
    """Return the rule that an override is at least the sum of these facts; its message names each one."""
    algorithms = [name for name in ADMITTED if ALGORITHMS[name].key_class in classes]
    facts = {to_camel(term): _fact(term) for term in terms}
    override = f"self.timing.{field}"
    # A broken duration has its own message; duration() of it would only add an ugly second one.
    readable = f"[{override}, {', '.join(facts.values())}].all(d, {cel_is_duration('d')})"
    total = " + ".join(f"duration({fact})" for fact in facts.values())
    named = " + ' + ".join(f"{name} ' + {fact}" for name, fact in facts.items())
    cure = f"; lengthen it, or remove {field} to have it computed"
    given = f"has(self.timing) && has({override}) && self.keys.exists(k, k.algorithm in {cel_list(algorithms)})"

    def holds(spec: _Spec) -> bool:
        value: timedelta | None = getattr(spec.timing, field)
        owed = any(entry.algorithm in algorithms for entry in spec.keys)
        return value is None or not owed or value >= sum((spec.timing.fact(term) for term in terms), timedelta())

    def explain(spec: _Spec) -> str:
        parts = " + ".join(f"{to_camel(term)} {format_duration(spec.timing.fact(term))}" for term in terms)
        return f"{field} {format_duration(getattr(spec.timing, field))} is shorter than {parts}{cure}"

    return Rule(
        field=f"timing.{field}",
        cel=f"!({given}) || !{readable} || duration({override}) >= {total}",
        holds=holds,
        message=f"{field} is shorter than {' + '.join(facts)}{cure}",
        message_cel=f"'{field} ' + {override} + ' is shorter than {named} + '{cure}'",
        explain=explain,
    )


def _fact(term: str) -> str:
    name = f"self.timing.{to_camel(term)}"
    return f"(has({name}) ? {name} : '{format_duration(DEFAULTS[term])}')"
