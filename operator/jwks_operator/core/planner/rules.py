"""What should happen now? One decision from what was seen and one clock reading.

In order: what forbids to touch anything → a set without a record (bootstrap or recovery) → keys that are revoked
→ a step that is unfinished and objects that drifted (finish and repair, before anything new) → the spec (put in
force if it passes the checks) → the first kind of move whose time has come. At most one step comes out; the
corridor carries it out and asks again.

"Cannot tell" decides nothing: an unreadable record, a foreign object or a spec that fails its checks leave the
keys as they are, and a clock in doubt stops every move by time and every witness, while repair goes on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from jwks_operator.api.names import keyring_name
from jwks_operator.api.reasons import Reason
from jwks_operator.core.features import copies_plan, signed_artifacts, workload_restart
from jwks_operator.core.features.imports import NONE_OFFERED, Offers, must_wait, offers
from jwks_operator.core.features.imports import troubles as refused
from jwks_operator.core.features.signed_artifacts import PAPERWORK, Paper
from jwks_operator.core.model.key_states import FreshKey
from jwks_operator.core.model.observed_state import Reading, Sight, World
from jwks_operator.core.model.record import Record, Unread
from jwks_operator.core.planner import endpoint_gate, key_requests, recovery, requests, revocation
from jwks_operator.core.planner.candidates import PRECEDENCE, Action, Prospect, prospects
from jwks_operator.core.planner.endpoint_gate import Lag, Question
from jwks_operator.core.planner.key_requests import Need
from jwks_operator.core.planner.requests import NONE_ASKED, Requests, Verb, outstanding
from jwks_operator.core.planner.revocation import Revoked
from jwks_operator.core.planner.spec_checks import Trouble, complaint
from jwks_operator.core.planner.timestamp_reset import caught_up, drift
from jwks_operator.core.timing.next_window import timely
from jwks_operator.core.timing.policy_change import accepted, instead, with_brakes
from jwks_operator.core.transitions import transitions

ROTATION = frozenset({Action.IMPORT, Action.PUBLISH, Action.ACTIVATE, Action.ROLL_BACK})
"""What `spec.suspend` withholds; repair, retirement and removal go on."""

Fresh = Mapping[Need, FreshKey]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now and what to show.

    `record` is the record to be (the one there is, if nothing changes); None means: write nothing at all.
    `needs` are keys to be generated before this plan can be made: generate them and decide again. `papers` are
    certificates and signed sets to be made likewise, and `asks` is what to ask the endpoints of the Service.
    `blocked` tells that a clock in doubt withholds something: a move whose time has come, or the witness of a step.
    """

    record: Record | None
    needs: tuple[Need, ...] = ()
    papers: tuple[Paper, ...] = ()
    asks: Question | None = None
    troubles: tuple[Trouble, ...] = ()
    prospects: tuple[Prospect, ...] = ()
    asked: Requests = NONE_ASKED
    blocked: bool = False
    waiting: tuple[Lag, ...] = ()
    """Keys that wait for the endpoints of the Service, which are asked again while there are any."""


def decide(world: World, reading: Reading, fresh: Fresh | None = None) -> Plan:
    """Return the plan for this moment; `fresh` are generated keys offered to the needs of a former answer."""
    obstacle = next(filter(None, (check(world) for check in _OBSTACLES)), None)
    if obstacle is not None:
        return Plan(None, troubles=(obstacle,))
    if world.record is None:
        plan = _without_record(world, reading, fresh or {})
    else:
        plan = _with_record(world, world.record, reading, fresh or {})
    return _with_papers(world, plan, reading)


def _with_papers(world: World, plan: Plan, reading: Reading) -> Plan:
    """The same plan with certificates for its new keys, and with what is to be told of those that cannot be made."""
    troubles = (*plan.troubles, *signed_artifacts.troubles(world, plan.record))
    if plan.record is None or plan.needs or plan.papers or plan.asks:
        return replace(plan, troubles=troubles)
    record, missing = signed_artifacts.of_newborn(world, plan.record, reading)
    return replace(plan, record=world.record if missing else record, papers=missing, troubles=troubles)


# --- what forbids to touch anything: checks in order, each named after the bad state it finds ---


def name_is_taken(world: World) -> Trouble | None:
    """An object that the set needs exists and is not ours."""
    owned = (
        (f"Secret {keyring_name(world.ref.name)}", world.keyring),
        (f"ConfigMap {world.configmap_name}", world.configmap),
        (f"Secret {world.secret_name}", world.secret),
    )
    taken = [what for what, sight in owned if sight is Sight.FOREIGN]
    if not taken:
        return None
    return Trouble(
        Reason.NAME_CONFLICT,
        f"{' and '.join(taken)} exists and does not belong to this set; remove it, or create the set anew with another "
        "name (its own, spec.publish.configMap.name or spec.secret.name)",
    )


def record_is_unreadable(world: World) -> Trouble | None:
    """The keyring cannot be understood by this version."""
    if world.record_complaint is None:
        return None
    return Trouble(Reason.UNKNOWN_RECORD_FORMAT, world.record_complaint)


_OBSTACLES: tuple[Callable[[World], Trouble | None], ...] = (name_is_taken, record_is_unreadable)


def _spec_trouble(world: World, now: datetime) -> Trouble | None:
    if world.spec is None:
        return Trouble(Reason.INVALID_SPEC, world.spec_complaint or "the spec cannot be read")
    return complaint(world.spec, now)


# --- a set without a record ---


def _without_record(world: World, reading: Reading, fresh: Fresh) -> Plan:
    trouble, policy = _spec_trouble(world, reading.now), world.written
    if trouble is not None or policy is None:
        return Plan(None, troubles=() if trouble is None else (trouble,))
    lost = world.lived_before or not world.salvage.empty
    offered = NONE_OFFERED if lost else key_requests.first_offers(world, policy)
    if not lost and must_wait(policy, offered):
        return Plan(None, troubles=refused(offered))
    needs = recovery.needs(world, policy) if lost else key_requests.bootstrap_needs(policy, offered)
    missing = tuple(need for need in needs if need not in fresh)
    if missing:
        return Plan(None, needs=missing)
    if not lost:
        return Plan(key_requests.bootstrapped(world, policy, reading.now, fresh))
    record = recovery.recovered(world, policy, reading.now, fresh)
    return Plan(workload_restart.anew(record) if needs else record)


# --- a set with a record ---


def _with_record(world: World, record: Record, reading: Reading, fresh: Fresh) -> Plan:
    asked = requests.read(world.annotations, frozenset(entry.name for entry in record.policy.keys))
    written = world.written
    trouble = None if written == record.policy else _spec_trouble(world, reading.now)
    troubles = (*_troubles(trouble, asked, record), *copies_plan.troubles(world, record))
    record = drift(world, caught_up(world, record, reading, asked))
    condemned = revocation.revoked(record, world.brakes, asked, reading.now)
    if condemned:
        return _revoking(world, record, condemned, reading, fresh)
    if record.step is None and reading.trusted:
        record = endpoint_gate.attested(world, _with_policy(world, record, trouble, reading.earliest), reading.latest)
    offered = offers(record, world.imports, asked.revoked)
    troubles = (*troubles, *refused(offered))
    in_store = _in_store(world, record, asked, offered, reading.earliest)
    due = _due(in_store, reading.earliest, suspended=record.policy.suspend)
    if record.unread is not None:
        troubles, due = (_policy_lost(record.unread), *troubles), ()
    if not reading.trusted and (due or record.step is not None):
        return Plan(record, troubles=(*troubles, _clock_doubt(reading)), prospects=in_store, asked=asked, blocked=True)
    if record.step is not None or not reading.trusted:
        return Plan(record, troubles=troubles, prospects=in_store, asked=asked)
    return _moving(_Case(world, record, reading, asked, troubles), in_store, due, fresh)


@dataclass(frozen=True, slots=True)
class _Case:
    """A set with a record, with nothing unfinished and a clock that is right: what its moves are decided from."""

    world: World
    record: Record
    reading: Reading
    asked: Requests
    troubles: tuple[Trouble, ...]


_Prospects = tuple[Prospect, ...]


def _moving(case: _Case, in_store: _Prospects, due: _Prospects, fresh: Fresh) -> Plan:
    """The step of the moves that are due, but for those that the endpoints of the Service withhold."""
    world, record, asked, now = case.world, case.record, case.asked, case.reading.earliest
    urgent = _urgent(record, asked, now)
    plan = Plan(record, troubles=case.troubles, prospects=in_store, asked=asked)
    if (unasked := endpoint_gate.question(world, record, due, urgent)) is not None:
        return replace(plan, record=world.record, asks=unasked)
    sure = endpoint_gate.confirmed(world, record, due, urgent)
    waiting = endpoint_gate.lags(world, record, (move for move in due if move not in sure))
    plan = replace(plan, troubles=(*case.troubles, *endpoint_gate.troubles(record, waiting, now)), waiting=waiting)
    ripe = _first(sure)
    if not ripe:
        return plan
    missing = tuple(need for need in key_requests.needs(record, ripe) if need not in fresh)
    # Also before its turn: what stands in the way of a certificate is told from the first round of a pass on.
    to_make = signed_artifacts.wanted(
        world, record, (move for move in due if move.action is Action.CERTIFY or move in ripe)
    )
    if missing or to_make:
        return replace(plan, record=world.record, needs=missing, papers=to_make)
    if ripe[0].action in PAPERWORK:
        intended = signed_artifacts.intent(world, record, ripe)
    else:
        intended = transitions.intent(transitions.honoured(record, ripe, asked, now), ripe, case.reading.now, fresh)
    intended = workload_restart.owing(record, intended)
    offered = offers(intended, world.imports, asked.revoked)
    return replace(plan, record=intended, prospects=_in_store(world, intended, asked, offered, now))


def _revoking(world: World, record: Record, condemned: tuple[Revoked, ...], reading: Reading, fresh: Fresh) -> Plan:
    """Before everything else, also before a clock in doubt."""
    missing = tuple(need for need in revocation.needs(record, condemned) if need not in fresh)
    if missing:
        return Plan(world.record, needs=missing)
    return Plan(workload_restart.owing(record, revocation.revoke(record, condemned, reading.now, fresh)))


def _with_policy(world: World, record: Record, trouble: Trouble | None, now: datetime) -> Record:
    """Put what is written in force; of a spec that is refused, its brakes alone."""
    written = world.written
    if written is None or trouble is not None:
        return accepted(record, with_brakes(record.policy, world.brakes), now)
    if record.unread is not None:
        return instead(record, written, world.waits_before, now)
    return accepted(record, written, now)


def _in_store(world: World, record: Record, asked: Requests, offered: Offers, now: datetime) -> _Prospects:
    """Every move that can be made some time, first come first."""
    return signed_artifacts.possible(world, timely(record, prospects(record, asked, offered), now))


def _due(in_store: _Prospects, now: datetime, *, suspended: bool) -> _Prospects:
    """The moves whose time has come."""
    return tuple(
        move
        for move in in_store
        if move.time <= now and not move.unseen and not (suspended and move.action in ROTATION)
    )


def _first(due: _Prospects) -> _Prospects:
    """Of the moves that are due, those of the one action that comes first."""
    first = min((move.action for move in due), key=PRECEDENCE.__getitem__, default=None)
    return tuple(move for move in due if move.action is first)


def _urgent(record: Record, asked: Requests, now: datetime) -> frozenset[str]:
    """The entries with an emergency whose time has come: they wait for nothing."""
    return frozenset(
        entry.name
        for entry in record.policy.keys
        for request in outstanding(record, asked, Verb.ROTATE, entry.name)
        if request.emergency and request.time <= now
    )


def _troubles(spec_trouble: Trouble | None, asked: Requests, record: Record) -> list[Trouble]:
    found = [] if spec_trouble is None else [spec_trouble]
    if record.lost:
        found.append(
            Trouble(
                Reason.KEYS_LOST,
                f"the private key of {', '.join(record.lost)} was lost with its keyring; "
                "tokens signed with it stay verifiable, and the next rotation clears this",
            )
        )
    found += [Trouble(Reason.INVALID_REQUEST, text) for text in asked.complaints[:1]]
    return found


def _policy_lost(unread: Unread) -> Trouble:
    return Trouble(
        Reason.POLICY_UNREADABLE,
        f"{unread.complaint}; keys are repaired and revoked, and nothing else moves; correct the spec to replace it",
    )


def _clock_doubt(reading: Reading) -> Trouble:
    return Trouble(Reason.CLOCK_UNCERTAIN, f"{reading.doubt}; no key moves by time until the clocks agree")
