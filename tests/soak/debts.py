"""What the operator owes to people, and how long it took."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

PATIENCE = 90.0
"""Seconds in which anything has to be put right over a bad way: a lost event is found by the resync a minute later."""


@dataclass(frozen=True)
class _Debt:
    what: str
    name: str
    since: float
    done: Callable[[], bool]


@dataclass
class Debts:
    """`owe` something, and ask often with `settle` whether it is done."""

    took: dict[str, list[float]] = field(default_factory=dict)
    """How long the operator took, in seconds, by what it had to do."""
    complaints: list[str] = field(default_factory=list)
    open: list[_Debt] = field(default_factory=list)

    def owe(self, what: str, name: str, done: Callable[[], bool]) -> None:
        """From now on the operator owes `what` to the set `name`; `done` tells whether it has done it."""
        self.open.append(_Debt(what, name, time.monotonic(), done))

    def settle(self) -> None:
        """See what is done."""
        now, owed = time.monotonic(), []
        for debt in self.open:
            if debt.done():
                self.took.setdefault(debt.what, []).append(now - debt.since)
            elif now - debt.since > PATIENCE:
                self.complaints.append(f"{debt.name}: waited {PATIENCE:.0f} s for {debt.what}")
            else:
                owed.append(debt)
        self.open = owed
