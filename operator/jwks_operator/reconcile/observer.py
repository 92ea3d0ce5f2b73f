"""What the passes tell whoever wants to know; metrics are one of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from jwks_operator.api.names import SetRef
from jwks_operator.api.status_model import JsonWebKeySetStatus
from jwks_operator.core.model.record import Happening, Record
from jwks_operator.core.planner.plan import Plan
from jwks_operator.core.transitions.transition_table import Transition
from jwks_operator.kube.workloads import RestartedWorkload


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a set left: its status, the record confirmed, the plan, its time, and what was asked for."""

    status: JsonWebKeySetStatus
    record: Record | None
    plan: Plan
    now: datetime
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Those of the set, with its requests."""


class Observer(Protocol):
    """Who is told what the passes find and do; it changes nothing and never raises."""

    def begun(self, ref: SetRef, kind: Transition) -> None:
        """A step is about to be written down, or taken up again."""
        ...

    def confirmed(self, ref: SetRef, happenings: tuple[Happening, ...]) -> None:
        """A step has come to its end, and this is what it did."""
        ...

    def shown(self, ref: SetRef, look: Look) -> None:
        """The status is about to say this."""
        ...

    def restarted(self, ref: SetRef, told: tuple[RestartedWorkload, ...]) -> None:
        """These workloads were asked to restart, or could not be."""
        ...

    def alarmed(self, ref: SetRef, alarms: tuple[Happening, ...]) -> None:
        """A set newly needs attention."""
        ...

    def gone(self, ref: SetRef) -> None:
        """A set does not exist any more."""
        ...
