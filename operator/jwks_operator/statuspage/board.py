"""What the latest pass over each set found, kept small: one row for the list, and its status and policy as JSON.

The policy of a thousand sets is often the same one, so equal texts are kept once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from jwks_operator.api.names import GROUP, SetRef
from jwks_operator.api.reasons import ConditionType, Reason
from jwks_operator.api.status_model import JsonWebKeySetStatus
from jwks_operator.core.model.codec import dump_policy, load_policy
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import RecordedEvent
from jwks_operator.core.transitions.transition_table import Transition
from jwks_operator.kube.workloads import RestartedWorkload
from jwks_operator.metrics.interning import InternPool
from jwks_operator.reconcile.observer import ReconcileSnapshot


class Health(StrEnum):
    """The health of a set, worst first."""

    TROUBLE = "trouble"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    WELL = "well"


RANK: Final = {state: rank for rank, state in enumerate(Health)}
_CALM = frozenset({Reason.PROGRESSING, Reason.WAITING_FOR_LEAD})


@dataclass(frozen=True, slots=True)
class Row:
    """One set in the list."""

    ref: SetRef
    health: Health
    algorithms: str = ""
    active_kid: str = ""
    following: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class BoardEntry:
    """All that is kept of a set; `policy` is the one in force, empty if there is none."""

    row: Row
    status: str
    policy: str
    annotations: tuple[tuple[str, str], ...]
    looked: datetime

    def read_status(self) -> JsonWebKeySetStatus:
        """Return the status."""
        return JsonWebKeySetStatus.model_validate_json(self.status)

    def read_policy(self) -> Policy | None:
        """Return the policy in force."""
        return load_policy(json.loads(self.policy)) if self.policy else None


class Board:
    """Keeps the results of the passes; an observer of the reconciler."""

    def __init__(self) -> None:
        self.sets: dict[SetRef, BoardEntry] = {}
        self._policies = InternPool(lambda: (shown.policy for shown in self.sets.values()))

    def show_status(self, ref: SetRef, snapshot: ReconcileSnapshot) -> None:
        """The pass has computed this status and writes it next."""
        policy = "" if snapshot.record is None else json.dumps(dump_policy(snapshot.record.policy))
        self.sets[ref] = BoardEntry(
            row=_row(ref, snapshot.status),
            status=snapshot.status.model_dump_json(by_alias=True, exclude_none=True),
            policy=self._policies.same(policy),
            annotations=_ours(snapshot.annotations),
            looked=snapshot.now,
        )

    def forget_set(self, ref: SetRef) -> None:
        """The set does not exist any more."""
        self.sets.pop(ref, None)

    def begin_step(self, ref: SetRef, transition: Transition) -> None:
        """A step is begun; the status reports it."""

    def confirm_step(self, ref: SetRef, events: tuple[RecordedEvent, ...]) -> None:
        """A step is confirmed; the status reports it."""

    def report_restarts(self, ref: SetRef, workloads: tuple[RestartedWorkload, ...]) -> None:
        """Ignored: the page shows keys."""

    def report_alarms(self, ref: SetRef, alarms: tuple[RecordedEvent, ...]) -> None:
        """A set needs attention; the status reports it."""


def _row(ref: SetRef, status: JsonWebKeySetStatus) -> Row:
    conditions = {condition.type: condition for condition in status.conditions}
    degraded, ready = conditions.get(ConditionType.DEGRADED), conditions.get(ConditionType.READY)
    rotating = conditions.get(ConditionType.ROTATING)
    state, remark = Health.WELL, ""
    if degraded is not None and degraded.status == "True":
        state, remark = Health.TROUBLE, f"{degraded.reason}: {degraded.message}"
    elif ready is None or ready.status != "True":
        calm = ready is None or ready.reason in _CALM
        state, remark = (Health.WAITING if calm else Health.TROUBLE), "" if ready is None else ready.message
    elif rotating is not None and rotating.reason == Reason.SUSPENDED:
        state = Health.SUSPENDED
    return Row(ref, state, status.algorithms or "", status.active_kid or "", describe_next(status), remark)


def describe_next(status: JsonWebKeySetStatus) -> str:
    """Return the next transition in a few words; empty if there is none."""
    move = status.next
    if move is None:
        return ""
    when = "" if move.time is None else f", {format_moment(move.time)}"
    return f"{move.action} {move.name}{when}"


def format_moment(time: datetime) -> str:
    """Return a time as text; every time of a page is UTC."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def _ours(annotations: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in annotations.items() if name.startswith(f"{GROUP}/"))
