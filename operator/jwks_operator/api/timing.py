"""Facts about the world of a set, and the two waiting times that follow from them."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic.alias_generators import to_camel

from jwks_operator.api.defaults import DEFAULTS, LEAD_TERMS, RETENTION_TERMS
from jwks_operator.api.durations import AtLeast, Duration, cel_is_duration, format_duration
from jwks_operator.api.later import Preset
from jwks_operator.api.rules import Model, Rule, refused
from jwks_operator.keys.algorithms import KeyClass


def _covers(field: str, terms: tuple[str, ...]) -> Rule:
    """Return the rule that an override is at least the sum of the facts; its message names each one."""
    facts = {
        to_camel(term): f"(has(self.{to_camel(term)}) ? self.{to_camel(term)} : {_default(term)})" for term in terms
    }
    # A broken duration has its own message; duration() of it would only add an ugly second one.
    readable = f"[self.{field}, {', '.join(facts.values())}].all(d, {cel_is_duration('d')})"
    total = " + ".join(f"duration({fact})" for fact in facts.values())
    named = " + ' + ".join(f"{name} ' + {fact}" for name, fact in facts.items())
    cure = f"; lengthen it, or remove {field} to have it computed"

    def holds(timing: "Timing") -> bool:
        value: timedelta | None = getattr(timing, field)
        return value is None or value >= sum((timing.fact(term) for term in terms), timedelta())

    def explain(timing: "Timing") -> str:
        parts = " + ".join(f"{to_camel(term)} {format_duration(timing.fact(term))}" for term in terms)
        return f"{field} {format_duration(getattr(timing, field))} is shorter than {parts}{cure}"

    return Rule(
        field=field,
        cel=f"!has(self.{field}) || !{readable} || duration(self.{field}) >= {total}",
        holds=holds,
        message=f"{field} is shorter than {' + '.join(facts)}{cure}",
        message_cel=f"'{field} ' + self.{field} + ' is shorter than {named} + '{cure}'",
        explain=explain,
    )


def _default(term: str) -> str:
    return f"'{format_duration(DEFAULTS[term])}'"


class Timing(Model):
    """Facts about tokens, caches and verifiers; lead and retention are derived from them."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *refused("preset"),
        _covers("lead", LEAD_TERMS[KeyClass.SIGNATURE]),
        _covers("retention", RETENTION_TERMS[KeyClass.SIGNATURE]),
    )

    preset: Preset | None = None
    """Not supported by this version. Name of a known verifier whose facts are taken as defaults."""
    token_lifetime: Annotated[Duration, AtLeast("1ms", "tokens that never live need no keys")] | None = None
    """Longest time a token stays valid after it was signed. Default 1h. A retired key stays published for
    propagation + tokenLifetime + clockSkew; if your tokens live longer than you say here, they fail before
    they expire."""
    cache_max_age: (
        Annotated[Duration, AtLeast("1s", "verifiers and caches break on sets that cannot be cached")] | None
    ) = None
    """How long clients may cache the published set (the max-age of Cache-Control), at least 1s. Default 5m.
    Short values make rotation faster and the server busier."""
    stale_window: Duration | None = None
    """How long a cache may go on serving the old set after cacheMaxAge (stale-while-revalidate). Default
    0s."""
    edge_cache: Duration | None = None
    """How long a CDN or gateway in front of the server keeps the set on top of cacheMaxAge. Default 0s."""
    verifier_refresh: Duration | None = None
    """Longest time the slowest verifier goes without fetching the set again: Istio 20m, Envoy 10m, jwks-rsa
    10h, .NET 12h to 24h, jose 10m, Nimbus and PyJWT 5m. Default 1h. If it is too short here, that verifier
    rejects valid tokens after a rotation."""
    propagation: Duration | None = None
    """Longest time from the write of the ConfigMap or Secret until every process uses it: the kubelet (60s
    to 120s by default) plus the process's own reload. Default 5m."""
    clock_skew: Duration | None = None
    """How far clocks of signers, verifiers and operator may differ. Default 1m. The operator makes no timed
    move while its own clock is further off than this."""
    lead: Duration | None = None
    """How long a key is published before anything is signed with it. Default, and at least: propagation +
    cacheMaxAge + staleWindow + edgeCache + verifierRefresh. It can only be lengthened."""
    retention: Duration | None = None
    """How long a key stays published after the last token was signed with it. Default, and at least:
    propagation + tokenLifetime + clockSkew, and not less than rotation.rollbackWindow. It can only be
    lengthened."""

    def fact(self, attribute: str) -> timedelta:
        """Return the value of a fact (an attribute of DEFAULTS), its default if it is not set."""
        value: timedelta | None = getattr(self, attribute)
        return DEFAULTS[attribute] if value is None else value
