"""The port of the observers: the reconciler reports each pass to the metrics and to the status page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from jwks_operator.api.names import SetRef
from jwks_operator.api.status_model import JsonWebKeySetStatus
from jwks_operator.core.model.record import Record, RecordedEvent
from jwks_operator.core.planner.plan import Plan
from jwks_operator.core.transitions.transition_table import Transition
from jwks_operator.kube.apply import StepResult
from jwks_operator.kube.workloads import RestartedWorkload
from jwks_operator.reconcile.audit_log import log_event


@dataclass(frozen=True, slots=True)
class ReconcileSnapshot:
    """The result of a pass: the status, the confirmed record, the plan and the time of its clock reading."""

    status: JsonWebKeySetStatus
    record: Record | None
    plan: Plan
    now: datetime
    annotations: Mapping[str, str] = field(default_factory=dict)
    """The annotations of the set, with its requests."""


class Observer(Protocol):
    """Receives what passes find and do. An observer changes nothing and never raises."""

    def begin_step(self, ref: SetRef, transition: Transition) -> None:
        """A step starts, or an unfinished step continues."""
        ...

    def confirm_step(self, ref: SetRef, events: tuple[RecordedEvent, ...]) -> None:
        """A step is confirmed, with its events."""
        ...

    def show_status(self, ref: SetRef, snapshot: ReconcileSnapshot) -> None:
        """The pass has computed this status and writes it next."""
        ...

    def report_restarts(self, ref: SetRef, workloads: tuple[RestartedWorkload, ...]) -> None:
        """These workloads were restarted, or could not be."""
        ...

    def report_alarms(self, ref: SetRef, alarms: tuple[RecordedEvent, ...]) -> None:
        """A set needs attention since this pass."""
        ...

    def forget_set(self, ref: SetRef) -> None:
        """The set does not exist any more, or belongs to another shard."""
        ...


def report_step(observers: Iterable[Observer], ref: SetRef, result: StepResult) -> None:
    """Tell the log and the observers what a step did."""
    for recorded in result.events:
        log_event(ref, recorded)
    for observer in observers:
        observer.report_restarts(ref, result.restart.workloads)
        if result.confirmed:
            observer.confirm_step(ref, result.events)
