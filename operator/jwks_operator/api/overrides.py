"""The rule that an override is at least the sum of the facts, for the classes of keys that the set has."""

from collections.abc import Collection
from datetime import timedelta
from typing import Protocol

from pydantic.alias_generators import to_camel

from jwks_operator.api.admission_rules import Rule, cel_list
from jwks_operator.api.defaults import (
    DEFAULT_RESTART_WITHIN,
    DEFAULTS,
    LEAD_TERMS,
    RESTART,
    RETENTION_TERMS,
    classes_by_sum,
    field_of,
    sum_of,
)
from jwks_operator.api.durations import cel_is_duration, format_duration
from jwks_operator.api.reader_rules import cel_refresh
from jwks_operator.api.targets_spec import SecretTarget
from jwks_operator.api.timing_spec import Timing
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass


class _Entry(Protocol):
    @property
    def algorithm(self) -> str: ...


class _Spec(Protocol):
    @property
    def keys(self) -> Collection[_Entry]: ...

    @property
    def timing(self) -> Timing: ...

    @property
    def secret(self) -> SecretTarget: ...

    def fact(self, attribute: str) -> timedelta: ...


def overrides_cover_facts() -> tuple[Rule, ...]:
    """Return one rule for each override and each distinct sum of facts, for the classes that this sum applies to."""
    rules = []
    for field, table in (("lead", LEAD_TERMS), ("retention", RETENTION_TERMS)):
        rules += [_covers(field, terms, classes) for terms, classes in classes_by_sum(table).items()]
    return tuple(rules)


def _covers(field: str, terms: tuple[str, ...], classes: Collection[KeyClass]) -> Rule:
    """Return the rule that an override is at least the sum of these facts; its message names each one."""
    algorithms = [name for name, row in ALGORITHMS.items() if row.key_class in classes]
    facts = {term: _fact(term) for term in terms}
    override = f"self.timing.{field}"
    # A broken duration has its own message; duration() of it would only add an ugly second one.
    readable = f"[{override}, {', '.join(facts.values())}].all(d, {cel_is_duration('d')})"
    total = " + ".join(f"duration({fact})" for fact in facts.values())
    named = " + ".join(_named_cel(term, fact) for term, fact in facts.items())
    cure = f"; lengthen it, or remove {field} to have it computed"
    given = f"has(self.timing) && has({override}) && self.keys.exists(k, k.algorithm in {cel_list(algorithms)})"

    def holds(spec: _Spec) -> bool:
        value: timedelta | None = getattr(spec.timing, field)
        owed = any(entry.algorithm in algorithms for entry in spec.keys)
        return value is None or not owed or value >= sum((_value(spec, term) for term in terms), timedelta())

    def explain(spec: _Spec) -> str:
        told = [term for term in terms if term != RESTART or spec.secret.restart is not None]
        parts = " + ".join(f"{field_of(term)} {format_duration(_value(spec, term))}" for term in told)
        return f"{field} {format_duration(getattr(spec.timing, field))} is shorter than {parts}{cure}"

    return Rule(
        field=f"timing.{field}",
        cel=f"!({given}) || !{readable} || duration({override}) >= {total}",
        holds=holds,
        message=f"{field} is shorter than {sum_of(terms)}{cure}",
        message_cel=f"'{field} ' + {override} + ' is shorter than ' + {named} + '{cure}'",
        explain=explain,
    )


_RESTARTS = "has(self.secret) && has(self.secret.restart)"


def _fact(term: str) -> str:
    """Return CEL of a fact as text: the stated value, else its default."""
    if term == RESTART:
        within, default = "self.secret.restart.within", format_duration(DEFAULT_RESTART_WITHIN)
        return f"({_RESTARTS} ? (has({within}) ? {within} : '{default}') : '0s')"
    name = f"self.timing.{to_camel(term)}"
    return f"(has({name}) ? {name} : {_silent(term)})"


def _silent(term: str) -> str:
    """Return CEL of an unstated fact."""
    default = f"'{format_duration(DEFAULTS[term])}'"
    return cel_refresh(default) if term == "verifier_refresh" else default


def _value(spec: _Spec, term: str) -> timedelta:
    if term != RESTART:
        return spec.fact(term)
    return timedelta() if spec.secret.restart is None else spec.secret.restart.takes


def _named_cel(term: str, fact: str) -> str:
    """Return CEL of a fact's part of the message; a restart has one only with secret.restart."""
    plus = "" if term == "propagation" else " + "
    text = f"'{plus}{field_of(term)} ' + {fact}"
    return f"({_RESTARTS} ? {text} : '')" if term == RESTART else text
