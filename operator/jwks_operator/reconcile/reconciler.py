"""The corridor: gather → plan → apply, for one set, until nothing is due now.

Each round takes one reading of the clock after the last fact was gathered and carries out at most one step;
the answers to its writes are the facts of the next round. A round without a change ends the pass and says
when to look again. The status is written once nothing more is to be done now, or can be; Events follow each step.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from jwks_operator.api.names import SetRef
from jwks_operator.api.reasons import Reason
from jwks_operator.api.shards import Shard
from jwks_operator.core.model.key_states import FreshKey
from jwks_operator.core.model.observed_state import Endpoints
from jwks_operator.core.model.policy import Facts
from jwks_operator.core.model.record import Happening
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.outputs.status import project
from jwks_operator.core.planner.endpoint_gate import Question
from jwks_operator.core.planner.key_requests import Need
from jwks_operator.core.planner.rules import decide
from jwks_operator.keys.generate import GeneratedKey, KeyFactory
from jwks_operator.kube.apply import StepResult, apply_copies, execute_step, write_status
from jwks_operator.kube.artifact_maker import make_signed_artifacts
from jwks_operator.kube.client import Client, Object
from jwks_operator.kube.errors import KubeError, NotServed, OwnedByOtherShard, Refused
from jwks_operator.kube.events import post_events
from jwks_operator.kube.gather import Gathered, gather
from jwks_operator.kube.objects import is_copy
from jwks_operator.kube.shard_takeover import take_over
from jwks_operator.kube.workloads import restart_trouble
from jwks_operator.reconcile.audit_log import alert, trail
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.deletion import DOUBT_RECHECK, Aftermath
from jwks_operator.reconcile.observed_versions import Kind, ObjectMemory, copy_place
from jwks_operator.reconcile.observer import Look, Observer
from jwks_operator.reconcile.requeue import Round, again, alarm, goes_on, is_degraded

logger = logging.getLogger(__name__)

ROUNDS = 16
"""More steps than any set can have due at once; a pass that needs them all is continued by the next."""


class UnsettledPlanError(Exception):
    """A plan that is not content with what was made for it: a defect of the planner, never of the input."""


async def nobody(ref: SetRef, question: Question) -> Endpoints:
    """Ask nobody, for whoever has no way to."""
    return Endpoints(question.kids, trouble=f"nobody can be asked about {ref} from here")


@dataclass(frozen=True, slots=True)
class Means:
    """How the operator works, as its command line says, and whom it can ask."""

    deletion_delay: timedelta = timedelta(minutes=10)
    clusterwide: bool = True
    """Whether all namespaces are watched."""
    shard: Shard = None
    """Whose sets are looked after."""
    ask: Callable[[SetRef, Question], Awaitable[Endpoints]] = nobody
    """Asks the ready endpoints of a Service what they serve; never raises KubeError."""
    tell: Callable[[Object, tuple[Happening, ...], datetime], Awaitable[None]] | None = None
    """Takes what happened to a set and tells people; without it every Event is posted before a pass goes on."""


class Reconciler:
    """Carries one set at a time through the corridor; any number of sets at once.

    `reconcile` raises KubeError when something could not be told or done; nothing is lost by that, and the
    caller tries again later.
    """

    def __init__(self, client: Client, keys: KeyFactory, clock: Clock, memory: ObjectMemory, means: Means) -> None:
        self._client = client
        self._keys = keys
        self._clock = clock
        self._memory = memory
        self._means = means
        self._tell = means.tell or partial(post_events, client)
        self._aftermath = Aftermath(client, clock, memory, means.deletion_delay)
        self.observers: list[Observer] = []

    async def reconcile(self, ref: SetRef) -> datetime | None:
        """Bring one set to where it should be now; return when to look again, None if nothing is timed."""
        try:
            return await self._pass(ref)
        except OwnedByOtherShard as elsewhere:
            self._leave(ref, elsewhere)
            return None

    async def _pass(self, ref: SetRef) -> datetime | None:
        try:
            gathered = await gather(
                self._client,
                ref,
                self._means.shard,
                everywhere=self._means.clusterwide,
                copied=self._memory.is_copied(ref),
            )
        except NotServed:
            # A CRD that is deleted takes its sets with it while it is still served: their delay counts anew.
            self._aftermath.back(ref)
            raise
        self._remember(gathered)
        if gathered.seen.the_set is None:
            for observer in self.observers:
                observer.gone(ref)
            return await self._aftermath.of(gathered)
        self._aftermath.back(ref)
        return await self._rounds(await self._taken_over(gathered))

    def _leave(self, ref: SetRef, elsewhere: OwnedByOtherShard) -> None:
        """Forget a set that another shard looks after, and touch nothing of it."""
        if ref in self._memory:
            logger.info("left alone: %s", elsewhere, extra={"set": str(ref)})
        for observer in self.observers:
            observer.gone(ref)
        self._aftermath.back(ref)
        self._memory.forget(ref)

    async def _taken_over(self, gathered: Gathered) -> Gathered:
        """The same set once every object of it carries our shard's label."""
        try:
            taken = await take_over(self._client, gathered)
        except Refused as refusal:
            await self._show(await self._consider(gathered), (), Trouble(Reason.WRITE_REFUSED, str(refusal)))
            raise
        self._remember(taken)
        return taken

    async def _rounds(self, gathered: Gathered) -> datetime | None:
        this, shown = await self._consider(gathered), False
        for number in range(ROUNDS):
            try:
                done = await self._act(this)
            except Refused as refusal:
                await self._show(this, (), Trouble(Reason.WRITE_REFUSED, str(refusal)))
                raise
            except KubeError:
                if number and not shown:
                    with suppress(KubeError):  # the one that is raised says more
                        await self._show(this, ())
                raise
            if done is None:
                if not shown:
                    await self._show(this, ())
                return again(this)
            this = _still_owing(await self._consider(done.gathered), done, this)
            if not done.confirmed:
                await self._show(this, done.happenings)
                return this.reading.now + DOUBT_RECHECK
            shown = not goes_on(this)
            if shown:
                this = replace(this, gathered=await self._show(this, done.happenings))
            else:
                await self._announce(this, done.happenings)
        return this.reading.now

    async def _consider(self, gathered: Gathered) -> Round:
        """Take the one reading of the clock and decide, after making and asking whatever the plan needs."""
        reading = self._clock.read(_tolerance(gathered))
        plan = decide(gathered.world, reading)
        fresh: dict[Need, FreshKey] = {}
        for _ in range(ROUNDS):
            if not (plan.needs or plan.papers or plan.asks):
                return Round(gathered, plan, reading)
            if plan.asks is not None:
                said = await self._means.ask(gathered.world.ref, plan.asks)
                gathered = replace(gathered, world=replace(gathered.world, endpoints=said))
                # What was seen is not stamped earlier than it was seen.
                reading = self._clock.read(_tolerance(gathered))
            made = {need: await self._generate(need) for need in plan.needs}
            halves = {key.kid: key.private for key in made.values()}
            fresh |= {need: FreshKey(k.kid, k.algorithm, k.thumbprint, k.public) for need, k in made.items()}
            gathered = replace(gathered, private_keys={**gathered.private_keys, **halves})
            gathered = await make_signed_artifacts(self._client, gathered, plan.papers, reading.now)
            plan = decide(gathered.world, reading, fresh)
        raise UnsettledPlanError(f"the plan for {gathered.world.ref} asks for more and more: a defect")

    async def _act(self, this: Round) -> StepResult | None:
        """Carry out the plan's step, if it has one; else see to the copies. None if there is nothing to do."""
        gathered, record = this.gathered, this.plan.record
        if record is None:
            return None
        idle = record == gathered.world.record and record.step is None
        if idle and (not record.restart or _has_failed(this)):
            return await self._see_to_copies(gathered)
        ref = gathered.world.ref
        if record.step is not None:
            for observer in self.observers:
                observer.begun(ref, record.step.transition)
        done = await execute_step(self._client, gathered, record, lambda: self._confirmed(this))
        self._remember(done.gathered)
        for happening in done.happenings:
            trail(ref, happening)
        for observer in self.observers:
            observer.restarted(ref, done.restart.told)
        if done.confirmed:
            for observer in self.observers:
                observer.confirmed(ref, done.happenings)
        return done

    async def _see_to_copies(self, gathered: Gathered) -> StepResult | None:
        """Follow namespaces that came, went or changed their mind, and repair what was edited there."""
        done = await apply_copies(self._client, gathered, repairs=True)
        if done.gathered.copies == gathered.copies:
            return None
        self._remember(done.gathered)
        for happening in done.happenings:
            trail(gathered.world.ref, happening)
        return done

    def _confirmed(self, this: Round) -> datetime | None:
        """Read the clock for a witness."""
        reading = self._clock.read(_tolerance(this.gathered))
        return reading.latest if reading.trusted else None

    async def _generate(self, need: Need) -> GeneratedKey:
        return await self._keys.generate(need.algorithm, need.modulus_length, need.crv)

    async def _show(self, this: Round, happenings: tuple[Happening, ...], *troubles: Trouble) -> Gathered:
        """Write the status, then tell what happened, also when the status cannot be written now.

        Returns the facts with the set as it is then.
        """
        gathered = this.gathered
        plan = replace(this.plan, troubles=(*troubles, *this.plan.troubles))
        status = project(gathered.world, plan, gathered.world.record, gathered.status, this.reading)
        alarms = alarm(gathered.status, status)
        alert(gathered.world.ref, alarms, over=is_degraded(gathered.status) and not is_degraded(status))
        world = gathered.world
        look = Look(status, world.record, plan, this.reading.now, world.annotations)
        for observer in self.observers:
            observer.shown(gathered.world.ref, look)
            observer.alarmed(gathered.world.ref, alarms)
        try:
            gathered = await write_status(self._client, gathered, status)
        finally:
            await self._announce(this, (*happenings, *alarms))
        self._remember(gathered)
        return gathered

    async def _announce(self, this: Round, happenings: tuple[Happening, ...]) -> None:
        """Tell what happened, if there is a set to tell it of."""
        if this.gathered.seen.the_set is not None:
            await self._tell(this.gathered.seen.the_set, happenings, this.reading.now)

    def _remember(self, gathered: Gathered) -> None:
        """Keep marks of what was seen or written, so that the echo of it is no news."""
        ref, seen = gathered.world.ref, gathered.seen
        marks = (
            (Kind.SET, seen.the_set),
            (Kind.KEYRING, seen.keyring),
            (Kind.CONFIG_MAP, seen.configmap),
            (Kind.CONSUMER, seen.secret),
        )
        for kind, thing in marks:
            if thing is not None:
                meta = thing["metadata"]
                self._memory.saw(ref, kind, meta["name"], meta["uid"], meta["resourceVersion"])
        for thing in (*gathered.copies.targets.values(), *gathered.copies.orphaned):
            if thing is not None and is_copy(thing, ref):
                meta = thing["metadata"]
                self._memory.saw(ref, Kind.COPY, copy_place(meta), meta["uid"], meta["resourceVersion"])
        self._memory.copies(ref, gathered.copies.query is not None or bool(gathered.copies.orphaned))


def _tolerance(gathered: Gathered) -> timedelta:
    """The clockSkew of the policy in force, or of the spec as written as long as none is."""
    policy = gathered.world.written if gathered.world.record is None else gathered.world.record.policy
    return (Facts() if policy is None else policy.facts).clock_skew


def _still_owing(this: Round, done: StepResult, before: Round) -> Round:
    """The round with what is to be told of a restart that is still owed, also if it was tried earlier in this pass."""
    record = this.gathered.world.record
    if record is None or not record.restart:
        return this
    failed = done.restart.failed
    told = restart_trouble(failed) if failed else next((t for t in before.plan.troubles if _is_of_restart(t)), None)
    return this if told is None else replace(this, plan=replace(this.plan, troubles=(*this.plan.troubles, told)))


def _is_of_restart(trouble: Trouble) -> bool:
    return trouble.reason is Reason.RESTART_FAILED


def _has_failed(this: Round) -> bool:
    """Whether this pass has tried a restart in vain."""
    return any(_is_of_restart(trouble) for trouble in this.plan.troubles)
