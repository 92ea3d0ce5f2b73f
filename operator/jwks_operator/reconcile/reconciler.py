"""A pass over one set: gather, plan, execute, until nothing is due.

A decision reads the clock once, after the last read of the cluster, and has at most one step. The answers to the writes
of the step are the observed state of the next decision. A decision without a step ends the pass and returns the time of
the next one. The status is written at the end of the pass; Events are recorded after each step.
"""

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

from jwks_operator.api.names import SetRef
from jwks_operator.core.features.pod_refresh_trigger import must_refresh_pods
from jwks_operator.core.features.renamed_objects import is_renamed
from jwks_operator.core.model.key_states import FreshKey
from jwks_operator.core.model.record import RecordedEvent
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.outputs.status import render_status
from jwks_operator.core.planner.key_requests import Need
from jwks_operator.core.planner.rules import decide
from jwks_operator.kube.apply import StepResult, execute_step, rename_objects, write_status
from jwks_operator.kube.artifact_maker import make_signed_artifacts
from jwks_operator.kube.client import Client
from jwks_operator.kube.errors import KubeError, NotServed, OwnedByOtherShard
from jwks_operator.kube.events import post_events
from jwks_operator.kube.gather import Gathered, Labelled, gather
from jwks_operator.kube.shard_takeover import take_over
from jwks_operator.reconcile.alarms import find_alarms, is_degraded
from jwks_operator.reconcile.audit_log import log_alarms, log_events
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.config import ReconcilerConfig
from jwks_operator.reconcile.deletion import DOUBT_RECHECK, DeletedSets
from jwks_operator.reconcile.disputes import Disputes, without_withheld
from jwks_operator.reconcile.key_pool import KeySource
from jwks_operator.reconcile.observed_versions import ObservedVersions, observe_gathered
from jwks_operator.reconcile.observer import Observer, ReconcileSnapshot
from jwks_operator.reconcile.other_objects import repair_other_objects
from jwks_operator.reconcile.questions import ask_questions
from jwks_operator.reconcile.refusals import FailedPasses, add_refusal_troubles, list_refused, raise_first, raise_unread
from jwks_operator.reconcile.requeue import Decision, clock_tolerance, has_step, make_decision, next_pass_at
from jwks_operator.reconcile.restart_troubles import add_restart_trouble, has_restart_failed
from jwks_operator.reconcile.step_report import report_step
from jwks_operator.reconcile.withdrawal import withdraw_revoked
from jwks_operator.reconcile.written_mounts import refresh_written

logger = logging.getLogger(__name__)

MAX_STEPS = 16
"""More steps than a set can have due at once; after so many the pass ends and the next one continues."""


class UnsettledPlanError(Exception):
    """A plan asks for more keys, artifacts or answers each time it gets them: a defect of the planner."""


class Reconciler:
    """Runs passes, for any number of sets at the same time.

    `reconcile` raises KubeError if a read or a write failed. Nothing is lost by that; the caller tries again later.
    """

    def __init__(
        self, client: Client, keys: KeySource, clock: Clock, versions: ObservedVersions, config: ReconcilerConfig
    ) -> None:
        self._client = client
        self._keys = keys
        self._clock = clock
        self._versions = versions
        self._config = config
        self._record_events = config.record_events or partial(post_events, client)
        self._failed = FailedPasses()
        self._disputes = Disputes()
        self._deleted = DeletedSets(client, clock, versions, config.deletion_delay)
        self.observers: list[Observer] = []

    async def reconcile(self, ref: SetRef) -> datetime | None:
        """Run one pass over a set; return the time of the next pass, None if nothing has a time."""
        try:
            when = await self._pass(ref)
        except OwnedByOtherShard as elsewhere:
            self._leave(ref, elsewhere)
            when = None
        self._failed.forget(ref)
        return when

    async def _pass(self, ref: SetRef) -> datetime | None:
        try:
            gathered = await self._gather(ref)
        except NotServed:
            # The deletion of a CRD deletes its sets while it is still served: their delay starts again.
            self._deleted.doubt(ref)
            raise
        observe_gathered(self._versions, gathered)
        if gathered.seen.the_set is None:
            self._forget(ref)
            return await self._deleted.delete_due(gathered)
        self._deleted.cancel(ref)
        gathered = await self._take_over(gathered)
        await self._disputes.probe(self._client, gathered, self._clock.read(clock_tolerance(gathered)).now)
        return await self._execute_steps(gathered)

    def count_kept(self) -> int:
        """Return how many sets are gone whose objects stay longer than the delay, because of doubt."""
        return self._deleted.count_kept()

    async def _gather(self, ref: SetRef) -> Gathered:
        labelled = Labelled(self._versions.find_labelled(ref), self._versions.has_copies(ref))
        return await gather(
            self._client, ref, self._config.shard, everywhere=self._config.clusterwide, labelled=labelled
        )

    def _leave(self, ref: SetRef, elsewhere: OwnedByOtherShard) -> None:
        """Forget a set of another shard and change nothing of it."""
        if ref in self._versions:
            logger.info("left alone: %s", elsewhere, extra={"set": str(ref)})
        self._forget(ref)
        self._deleted.cancel(ref)
        self._versions.forget_set(ref)

    def _forget(self, ref: SetRef) -> None:
        """Drop the work for a set that is deleted or belongs to another shard."""
        self._keys.drop(ref)
        self._disputes.forget_set(ref)
        for observer in self.observers:
            observer.forget_set(ref)

    async def _take_over(self, gathered: Gathered) -> Gathered:
        """Return the same set after every object of it carries the label of this shard."""
        try:
            taken = await take_over(self._client, gathered)
        except OwnedByOtherShard:
            raise
        except KubeError as failure:
            await self._tell_failure(await self._plan(gathered), failure)
            raise
        observe_gathered(self._versions, taken)
        return taken

    async def _execute_steps(self, gathered: Gathered) -> datetime | None:
        decision, shown = await self._plan(gathered), False
        for number in range(MAX_STEPS):
            try:
                raise_unread(decision)
                result = await self._execute(decision)
            except KubeError as failure:
                await self._tell_failure(decision, failure, anyway=number > 0 and not shown)
                raise
            if result is None:
                withdrawn = await withdraw_revoked(self._client, decision, self._config.refresh_pods)
                if not shown:
                    await self._update_status(withdrawn.decision, withdrawn.events)
                raise_first(withdrawn.refusals)
                return next_pass_at(decision)
            decision = await self._continue(decision, result)
            if not result.confirmed:
                await self._update_status(decision, result.events)
                raise_first(result.refusals)
                return decision.reading.now + DOUBT_RECHECK
            shown = not has_step(decision)
            if shown:
                decision = replace(decision, gathered=await self._update_status(decision, result.events))
            else:
                await self._post_events(decision, result.events)
        return decision.reading.now

    async def _tell_failure(self, decision: Decision, failure: KubeError, *, anyway: bool = False) -> None:
        """Tell of a write that failed, once it is time to; `anyway`: the pass has made steps that are not shown yet."""
        told = self._failed.count(decision.gathered.observed.ref, failure)
        with suppress(KubeError):  # the raised error says more
            withdrawn = await withdraw_revoked(self._client, decision, self._config.refresh_pods)
            if told or anyway or withdrawn.events:
                await self._update_status(withdrawn.decision, withdrawn.events, *told)

    async def _plan(self, gathered: Gathered) -> Decision:
        """Read the clock once and decide; take the keys, make the artifacts and ask whom the plan needs.

        If keys are being generated, the decision has the step that does not wait for them, mostly none; the set comes
        back when they are there.
        """
        reading = self._clock.read(clock_tolerance(gathered))
        gathered, weighed = self._disputes.weigh_drift(gathered, reading.now)
        plan = decide(gathered.observed, reading)
        fresh: dict[Need, FreshKey] = {}
        for _ in range(MAX_STEPS):
            if not (plan.needs or plan.artifacts or plan.asks or plan.looks_at):
                return make_decision(gathered, plan, reading, weighed)
            if plan.asks or plan.looks_at:
                gathered = await ask_questions(self._config, gathered, plan)
                # An observation is not dated earlier than it was made.
                reading = self._clock.read(clock_tolerance(gathered))
            made = await self._keys.take(gathered.observed.ref, plan.needs) if plan.needs else {}
            if made is None:
                return make_decision(gathered, plan, reading, weighed)
            halves = {key.kid: key.private for key in made.values()}
            fresh |= {need: FreshKey(k.kid, k.algorithm, k.thumbprint, k.public) for need, k in made.items()}
            gathered = replace(gathered, private_keys={**gathered.private_keys, **halves})
            gathered = await make_signed_artifacts(self._client, gathered, plan.artifacts, reading.now)
            plan = decide(gathered.observed, reading, fresh)
        raise UnsettledPlanError(f"the plan for {gathered.observed.ref} never settles: a defect")

    async def _execute(self, decision: Decision) -> StepResult | None:
        """Execute the step of the plan; without a step, repair the copies. None if there is nothing to do."""
        gathered, record = decision.gathered, decision.plan.record
        if record is None or decision.weighed.holds_back(record.step):
            return None
        idle = record == gathered.observed.record and record.step is None
        if idle and (not record.restart or has_restart_failed(decision)):
            return await self._repair_others(decision)
        ref = gathered.observed.ref
        if is_renamed(gathered.observed, record):
            await rename_objects(self._client, gathered, record)
            return StepResult(await self._gather(ref), ())
        if record.step is not None:
            for observer in self.observers:
                observer.begin_step(ref, record.step.transition)
        gathered = without_withheld(gathered)
        record = decision.weighed.without_history(record)
        result = await execute_step(self._client, gathered, record, lambda: self._confirmed(decision))
        written = decision.weighed.without(list_refused(result))
        self._disputes.record_repairs(ref, written, decision.reading.now)
        self._disputes.record_answers(result.gathered, written)
        observe_gathered(self._versions, result.gathered)
        if must_refresh_pods(record):
            refresh_written(self._config.refresh_pods, gathered, result.gathered)
        report_step(self.observers, ref, result)
        return result

    async def _continue(self, before: Decision, result: StepResult) -> Decision:
        """Return the decision after a step; what the step could not write is a trouble of it."""
        gathered = result.gathered
        if result.shown is None:
            decision = add_restart_trouble(await self._plan(gathered), result, before)
        else:  # another plan would ask for the same keys again
            decision = replace(
                before, gathered=replace(gathered, observed=replace(gathered.observed, record=result.shown))
            )
        return add_refusal_troubles(decision, before.plan.record, result)

    async def _repair_others(self, decision: Decision) -> StepResult | None:
        """Repair copies and objects under former names, as the namespaces are now; delete those that are not needed."""
        gathered = decision.gathered
        result = await repair_other_objects(self._client, gathered, decision.reading)
        written = decision.weighed.without_waiting().without(list_refused(result))
        self._disputes.record_repairs(gathered.observed.ref, written, decision.reading.now)
        self._disputes.record_answers(result.gathered, written)
        same = result.gathered.copies == gathered.copies and result.gathered.former == gathered.former
        if same and not written.drifted:
            return None
        observe_gathered(self._versions, result.gathered)
        log_events(gathered.observed.ref, result.events)
        return result

    def _confirmed(self, decision: Decision) -> datetime | None:
        """Return the time of a confirmation; None if the clock is not trusted."""
        reading = self._clock.read(clock_tolerance(decision.gathered))
        return reading.latest if reading.trusted else None

    async def _update_status(
        self, decision: Decision, events: tuple[RecordedEvent, ...], *troubles: Trouble
    ) -> Gathered:
        """Write the status, then record the Events, even if that fails; return the state with the set as written."""
        gathered = decision.gathered
        plan = replace(decision.plan, troubles=(*troubles, *decision.plan.troubles))
        status = render_status(gathered.observed, plan, gathered.observed.record, gathered.status, decision.reading)
        alarms = find_alarms(gathered.status, status)
        log_alarms(gathered.observed.ref, alarms, over=is_degraded(gathered.status) and not is_degraded(status))
        observed = gathered.observed
        snapshot = ReconcileSnapshot(status, observed.record, plan, decision.reading.now, observed.annotations)
        for observer in self.observers:
            observer.show_status(gathered.observed.ref, snapshot)
            observer.report_alarms(gathered.observed.ref, alarms)
        try:
            gathered = await write_status(self._client, gathered, status)
        finally:
            await self._post_events(decision, (*events, *alarms))
        observe_gathered(self._versions, gathered)
        return gathered

    async def _post_events(self, decision: Decision, events: tuple[RecordedEvent, ...]) -> None:
        """Record Events about the set, if it exists."""
        the_set = decision.gathered.seen.the_set
        if the_set is not None:
            told = self._disputes.count_repairs(decision.gathered.observed.ref, decision.weighed, events)
            await self._record_events(the_set, told, decision.reading.now)
