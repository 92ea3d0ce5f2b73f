"""A candidate: one transition that is possible some time, with the earliest time at which it is permitted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jwks_operator.api.reasons import Wait
from jwks_operator.core.features.imports import Offer
from jwks_operator.core.planner.causes import Cause
from jwks_operator.core.transitions.transition_table import Transition, rank_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """One transition, permitted from `time` (UTC) on."""

    time: datetime
    transition: Transition
    entry: str
    kid: str
    """The key that it is about; empty if that key is still to be made, or if there is none."""
    cause: Cause
    waiting_for: Wait | None = None
    offer: Offer | None = None
    """The keys that this transition imports."""
    gated: bool = False
    """Whether it waits for something that the record does not have yet: then `time` is not enough."""
    windowed: bool = False
    """Whether it is permitted only inside a window and outside of every freeze."""


Candidates = tuple[Candidate, ...]


def sort_candidates(found: Iterable[Candidate]) -> Candidates:
    """Return the candidates, first come first; at the same time, by precedence."""
    return tuple(sorted(found, key=lambda candidate: (candidate.time, rank_of(candidate.transition))))
