"""Tells the log and the observers what a step did."""

from collections.abc import Iterable

from jwks_operator.api.names import SetRef
from jwks_operator.kube.apply import StepResult
from jwks_operator.reconcile.audit_log import log_events
from jwks_operator.reconcile.observer import Observer


def report_step(observers: Iterable[Observer], ref: SetRef, result: StepResult) -> None:
    """Log the events of a step; report its restarts, and the step itself once it is confirmed."""
    log_events(ref, result.events)
    for observer in observers:
        observer.report_restarts(ref, result.restart.workloads)
        if result.confirmed:
            observer.confirm_step(ref, result.events)
