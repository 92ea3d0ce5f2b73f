"""Facts about tokens, caches and verifiers: one field each, with its default and the waits of which it is a term.

The order of the fields is that of the sums: from the write of an object to the end of the last token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from jwks_operator.api.admission_rules import Model
from jwks_operator.api.durations import AtLeast, Duration
from jwks_operator.keys.algorithms import KeyClass

_ALL = tuple(KeyClass)
_SIGNATURE = (KeyClass.SIGNATURE,)
_ENCRYPTION = (KeyClass.ENCRYPTION,)


@dataclass(frozen=True, slots=True)
class Fact:
    """What the operator makes of a fact.

    The default is deliberately pessimistic: a set with no `timing` at all must never turn a valid token into a 401 in
    an ordinary cluster.
    """

    default: str
    lead: tuple[KeyClass, ...] = ()
    """Classes of keys in whose lead it is: the time a key is on the check side before it is used."""
    retention: tuple[KeyClass, ...] = ()
    """Classes of keys in whose retention it is: the time a key stays on the check side after its last use."""


class TimingFacts(Model):
    """What a user states about the way of a key and of a token."""

    propagation: Annotated[Duration | None, Fact("5m", lead=_ALL, retention=_ALL)] = None
    """Longest time from the write of the ConfigMap or Secret until every process uses it: the kubelet (60s
    to 120s by default) plus the process's own reload. Default 5m."""
    cache_max_age: Annotated[
        Annotated[Duration, AtLeast("1s", "verifiers and caches break on sets that cannot be cached")] | None,
        Fact("5m", lead=_SIGNATURE, retention=_ENCRYPTION),
    ] = None
    """How long clients may cache the published set (the max-age of Cache-Control), at least 1s. Default 5m.
    Short values make rotation faster and the server busier."""
    stale_window: Annotated[Duration | None, Fact("0s", lead=_SIGNATURE, retention=_ENCRYPTION)] = None
    """How long a cache may go on serving the old set after cacheMaxAge (stale-while-revalidate). Default
    0s."""
    edge_cache: Annotated[Duration | None, Fact("0s", lead=_SIGNATURE, retention=_ENCRYPTION)] = None
    """How long a CDN or gateway in front of the server keeps the set on top of cacheMaxAge. Default 0s."""
    verifier_refresh: Annotated[Duration | None, Fact("1h", lead=_SIGNATURE, retention=_ENCRYPTION)] = None
    """Longest time the slowest verifier goes without fetching the set again. Default that of the
    slowest of readers and preset, else 1h. If
    it is too short here, that verifier rejects valid tokens after a rotation."""
    token_lifetime: Annotated[
        Annotated[Duration, AtLeast("1ms", "tokens that never live need no keys")] | None, Fact("1h", retention=_ALL)
    ] = None
    """Longest time a token stays valid after it was signed. Default 1h. It is part of every retention; if your tokens
    live longer than you say here, they fail before they expire."""
    clock_skew: Annotated[Duration | None, Fact("1m", retention=_ALL)] = None
    """How far clocks of signers, verifiers and operator may differ. Default 1m. The operator makes no timed
    move while its own clock is further off than this."""


FACTS: Mapping[str, Fact] = MappingProxyType(
    {
        name: each
        for name, field in TimingFacts.model_fields.items()
        for each in field.metadata
        if isinstance(each, Fact)
    }
)
"""Attribute of `timing` → what is made of it."""
