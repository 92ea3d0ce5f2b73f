"""Facts about the observed of a set, and the two waiting times that follow from them."""

from typing import Annotated

from pydantic import Field

from jwks_operator.api.admission_rules import Model
from jwks_operator.api.defaults import LEAD_TERMS, RESTART, RETENTION_TERMS, field_of, format_sums
from jwks_operator.api.durations import AtLeast, Duration
from jwks_operator.api.reader_row import Reader

_RESTARTS = f"{field_of(RESTART)} counts where workloads are restarted."


class Timing(Model):
    """Facts about tokens, caches and verifiers; lead and retention are derived from them."""

    preset: Reader | None = None
    """Your slowest verifier, if it is a known one with its own defaults: how long it goes without fetching the set is
    then the default of verifierRefresh. What is stated here wins. spec.readers names several of them, and has more
    checked. The figures, with their sources, are in docs/readers.md."""
    token_lifetime: Annotated[Duration, AtLeast("1ms", "tokens that never live need no keys")] | None = None
    """Longest time a token stays valid after it was signed. Default 1h. It is part of every retention; if your tokens
    live longer than you say here, they fail before they expire."""
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
    """Longest time the slowest verifier goes without fetching the set again. Default that of the
    slowest of readers and preset, else 1h. If
    it is too short here, that verifier rejects valid tokens after a rotation."""
    propagation: Duration | None = None
    """Longest time from the write of the ConfigMap or Secret until every process uses it: the kubelet (60s
    to 120s by default) plus the process's own reload. Default 5m."""
    clock_skew: Duration | None = None
    """How far clocks of signers, verifiers and operator may differ. Default 1m. The operator makes no timed
    move while its own clock is further off than this."""
    lead: Annotated[
        Duration | None,
        Field(
            description="How long verifiers (receivers, for encryption) know a key before it is used. Default, and at "
            f"least, {format_sums(LEAD_TERMS)}. {_RESTARTS} It can only be lengthened."
        ),
    ] = None
    retention: Annotated[
        Duration | None,
        Field(
            description="How long verifiers (receivers, for encryption) keep a key after its last use. Default, "
            f"and at least, {format_sums(RETENTION_TERMS)}; and not less than rotation.rollbackWindow. "
            f"{_RESTARTS} It can only be lengthened."
        ),
    ] = None
