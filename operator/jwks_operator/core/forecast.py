"""What will happen, and when? A set's future, told by the code that will make it happen.

The planner is run against a observed in which every write succeeds at once and nobody interferes, from one due
time to the next. Keys are made up: only their shape matters to a plan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from jwks_operator.api.names import SetRef
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.model.key_states import LIVING, FreshKey, confirm_step
from jwks_operator.core.model.observed_state import DriftState, ObservedState, Reading
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import HistoryEntry, KeyRecord, Record
from jwks_operator.core.planner.key_requests import Need
from jwks_operator.core.planner.plan import Plan
from jwks_operator.core.planner.rules import decide
from jwks_operator.core.planner.spec_checks import find_complaint
from jwks_operator.core.transitions.transition_table import State

STEPS = 10_000
"""More steps than any forecast worth drawing has."""


class UnsoundSpecError(ValueError):
    """A spec that would not be put in force; the message names the field and the cure."""


@dataclass(frozen=True, slots=True)
class Span:
    """One key in one state, from a moment to another one; `end` is None if the forecast ends before."""

    kid: str
    entry: str
    state: State
    begin: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """Every state that every key is in until a moment, in the order of their begins, and what happens to them."""

    spans: tuple[Span, ...]
    events: tuple[HistoryEntry, ...]
    until: datetime
    """How far it looks: as far as asked for, or less if there was more to tell than steps."""


def forecast(spec: JsonWebKeySetSpec, start: datetime, until: datetime) -> tuple[Span, ...]:
    """Return every state that every key of a new set will be in, in the order of their begins.

    Kids are `<entry>-1`, `<entry>-2` and so on. Raises UnsoundSpecError for a spec that fails the checks.
    """
    return forecast_world(ObservedState(SetRef("forecast", "set"), 1, spec), start, until).spans


def forecast_world(observed: ObservedState, start: datetime, until: datetime, steps: int = STEPS) -> Forecast:
    """Return the past states of the keys of this observed, as its record tells them, and what the planner will do.

    It ends after so many steps of the planner, if they come first. The observed may have a record or none; its objects
    are taken to be as they should be. Keys still to be made are called as in `forecast`, with `+1`, `+2` in a set that
    has keys. Raises UnsoundSpecError for a spec that fails the checks; one that is in force already has passed them.
    """
    in_force = None if observed.record is None else observed.record.policy
    trouble = None if observed.spec is None or observed.written == in_force else find_complaint(observed.spec, start)
    if trouble is not None:
        raise UnsoundSpecError(trouble.message)
    closed: list[Span] = []
    open_spans: dict[str, Span] = {}
    for span in () if observed.record is None else past_spans(observed.record):
        if span.end is None:
            open_spans[span.kid] = span
        else:
            closed.append(span)
    told: list[HistoryEntry] = []
    looked, now = 0, start
    for now, record, news in islice(_moments(observed, start, until), steps):
        looked += 1
        told += news
        states = {key.kid: (key.entry, key.state) for key in record.keys}
        for kid, span in list(open_spans.items()):
            if states.get(kid, (span.entry, None))[1] is not span.state:
                closed.append(replace(open_spans.pop(kid), end=now))
        for kid, (entry, state) in states.items():
            open_spans.setdefault(kid, Span(kid, entry, state, now, None))
    spans = sorted((*closed, *open_spans.values()), key=lambda span: (span.begin, span.kid))
    return Forecast(tuple(spans), tuple(told), until if looked < steps else now)


def past_spans(record: Record) -> Iterator[Span]:
    """Yield the states in which each living key is and was, as far as its witnesses tell."""
    for key in record.keys:
        if key.state in LIVING:
            yield from _past_of(key)


def _past_of(key: KeyRecord) -> Iterator[Span]:
    begins = [(State.PENDING, key.published or key.created)]
    if key.state is not State.PENDING and key.in_use_since is not None:
        begins.append((State.ACTIVE, key.in_use_since))
    if key.state is State.RETIRED and key.retired is not None:
        begins.append((State.RETIRED, key.retired))
    if begins[-1][0] is not key.state:  # its witness is still missing
        begins = [(key.state, key.published or key.created)]
    ends: list[datetime | None] = [*(begin for _, begin in begins[1:]), None]
    for (state, begin), end in zip(begins, ends, strict=True):
        if end is None or begin < end:
            yield Span(key.kid, key.entry, state, begin, end)


def _moments(
    observed: ObservedState, start: datetime, until: datetime
) -> Iterator[tuple[datetime, Record, tuple[HistoryEntry, ...]]]:
    """Every record of the future, with the time at which its step is confirmed and what that step tells."""
    made = _Mint("-" if observed.record is None else "+")
    if observed.spec is not None:
        observed = replace(observed, spec=_without_papers(observed.spec))
    if observed.record is not None:
        record = replace(observed.record, policy=_policy_without_papers(observed.record.policy))
        observed = replace(_with(observed, record), keyring_uid=record.uid)
    now = start
    for _ in range(STEPS):
        plan = decide(observed, Reading(now))
        if plan.needs:
            plan = decide(observed, Reading(now), {need: made(need) for need in plan.needs})
        if plan.record is None:
            return
        if plan.record == observed.record:
            following = _next(plan, now)
            if following is None or following > until:
                return
            now = following
            continue
        record = confirm_step(plan.record, now)
        news = () if plan.record.step is None else plan.record.step.events
        observed = _with(observed, record)
        yield now, record, tuple(HistoryEntry(now, told) for told in news)


def _with(observed: ObservedState, record: Record) -> ObservedState:
    """The observed in which the objects are as this record says."""
    return replace(observed, record=record, keyring=DriftState.SAME, configmap=DriftState.SAME, secret=DriftState.SAME)


def _without_papers(spec: JsonWebKeySetSpec) -> JsonWebKeySetSpec:
    """Certificates, signed sets and copies move no key; nobody can tell what sources, pods and URLs will show."""
    keys = tuple(entry.model_copy(update={"certificate": None, "import_": None}) for entry in spec.keys)
    papers = {"historical": False, "service_name": None, "seen_at": (), "namespaces": None}
    publish = spec.publish.model_copy(update=papers)
    return spec.model_copy(update={"keys": keys, "publish": publish})


def _policy_without_papers(policy: Policy) -> Policy:
    keys = tuple(replace(entry, certificate=None, import_=None) for entry in policy.keys)
    publish = replace(policy.publish, historical=False, service_name=None, seen_at=(), namespaces=None)
    return replace(policy, keys=keys, publish=publish)


def _next(plan: Plan, now: datetime) -> datetime | None:
    return min((move.time for move in plan.candidates if move.time > now), default=None)


def shape_of(need: Need) -> dict[str, str]:
    """Return public members that show what a plan looks at: size and curve."""
    public = {}
    if need.modulus_length is not None:
        public["n"] = "A" * -(-need.modulus_length // 6)
    if need.crv is not None:
        public["crv"] = need.crv
    return public


class _Mint:
    """Makes keys up: of the right shape, with names that count."""

    def __init__(self, sign: str) -> None:
        self._sign = sign
        self._count: dict[str, int] = {}

    def __call__(self, need: Need) -> FreshKey:
        self._count[need.entry] = number = self._count.get(need.entry, 0) + 1
        kid = f"{need.entry}{self._sign}{number}"
        return FreshKey(kid, need.algorithm, kid, {"kid": kid, **shape_of(need)})
