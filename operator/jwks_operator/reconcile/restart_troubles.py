"""A workload restart that failed is told, also when it was tried earlier in the pass, and is not tried twice in one."""

from dataclasses import replace

from jwks_operator.api.reasons import Reason
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.kube.apply import StepResult
from jwks_operator.kube.workloads import restart_trouble
from jwks_operator.reconcile.requeue import Decision


def add_restart_trouble(decision: Decision, result: StepResult, before: Decision) -> Decision:
    """Add the trouble of a workload restart that failed in this pass and is still pending."""
    record = decision.gathered.observed.record
    if record is None or not record.restart:
        return decision
    failed = result.restart.failed
    trouble = restart_trouble(failed) if failed else next((t for t in before.plan.troubles if _is_of_restart(t)), None)
    if trouble is None:
        return decision
    return replace(decision, plan=replace(decision.plan, troubles=(*decision.plan.troubles, trouble)))


def has_restart_failed(decision: Decision) -> bool:
    """Tell whether a workload restart has failed in this pass."""
    return any(_is_of_restart(trouble) for trouble in decision.plan.troubles)


def _is_of_restart(trouble: Trouble) -> bool:
    return trouble.reason is Reason.RESTART_FAILED
