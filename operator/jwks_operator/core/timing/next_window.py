"""Which moves missed their window? A window may pass while the operator is down, suspended, in doubt or held back."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from jwks_operator.api.reasons import Wait
from jwks_operator.core.model.record import Record
from jwks_operator.core.planner.candidate import Candidate, Candidates, sort_candidates
from jwks_operator.core.timing.formulas import entry_named, rotation_of
from jwks_operator.core.timing.windows import next_opening


def defer_to_window(record: Record, store: Iterable[Candidate], now: datetime) -> Candidates:
    """Return the moves, first come first; those that missed their window wait for the next one, if there is one."""
    found = []
    for move in store:
        opened: datetime | None = move.time
        if move.windowed and move.time < now:
            opened = next_opening(rotation_of(record.policy, entry_named(record.policy, move.entry)), now)
        if opened in {now, move.time}:
            found.append(move)
        elif opened is not None:
            found.append(replace(move, time=opened, waiting_for=Wait.WINDOW))
    return sort_candidates(found)
