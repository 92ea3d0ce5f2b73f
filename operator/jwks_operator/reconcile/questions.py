"""Asks whom a plan wants to be asked: the endpoints of a Service, and public URLs."""

from dataclasses import replace

from jwks_operator.core.planner.plan import Plan
from jwks_operator.kube.gather import Gathered
from jwks_operator.reconcile.config import ReconcilerConfig


async def ask_questions(config: ReconcilerConfig, gathered: Gathered, plan: Plan) -> Gathered:
    """Return the observed state with the answers to the questions of this plan; the same one if it has none."""
    observed = gathered.observed
    if plan.asks is not None:
        observed = replace(observed, endpoints=await config.ask(observed.ref, plan.asks))
    if plan.looks_at is not None:
        observed = replace(observed, urls=await config.look(plan.looks_at))
    return gathered if observed is gathered.observed else replace(gathered, observed=observed)
