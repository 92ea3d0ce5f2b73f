"""Facts about the observed of a set, and the two waiting times that follow from them."""

from typing import Annotated

from pydantic import Field

from jwks_operator.api.defaults import LEAD_TERMS, RESTART, RETENTION_TERMS, field_of, format_sums
from jwks_operator.api.durations import Duration
from jwks_operator.api.reader_row import Reader
from jwks_operator.api.timing_facts import TimingFacts

_RESTARTS = f"{field_of(RESTART)} counts where workloads are restarted."


class Timing(TimingFacts):
    """Facts about tokens, caches and verifiers; lead and retention are derived from them."""

    preset: Reader | None = None
    """Your slowest verifier, if it is a known one with its own defaults: how long it goes without fetching the set is
    then the default of verifierRefresh. What is stated here wins. spec.readers names several of them, and has more
    checked. The figures, with their sources, are in docs/readers.md."""
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
