"""What will happen, and when? A set's future, told by the code that will make it happen.

The planner is run against a world in which every write succeeds at once and nobody interferes, from one due
time to the next. Keys are made up: only their shape matters to a plan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from jwks_operator.api.names import SetRef
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.births import Need
from jwks_operator.core.checks import complaint
from jwks_operator.core.lifecycle import FreshKey, witnessed
from jwks_operator.core.plan import Plan, decide
from jwks_operator.core.record import Record, State
from jwks_operator.core.world import Reading, Sight, World

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


def forecast(spec: JsonWebKeySetSpec, start: datetime, until: datetime) -> tuple[Span, ...]:
    """Return every state that every key of a new set will be in, in the order of their begins.

    Kids are `<entry>-1`, `<entry>-2` and so on. Raises UnsoundSpecError for a spec that fails the checks.
    """
    trouble = complaint(spec, start)
    if trouble is not None:
        raise UnsoundSpecError(trouble.message)
    open_spans: dict[str, Span] = {}
    closed: list[Span] = []
    for now, record in _moments(spec, start, until):
        states = {key.kid: (key.entry, key.state) for key in record.keys}
        for kid, span in list(open_spans.items()):
            if states.get(kid, (span.entry, None))[1] is not span.state:
                closed.append(replace(open_spans.pop(kid), end=now))
        for kid, (entry, state) in states.items():
            open_spans.setdefault(kid, Span(kid, entry, state, now, None))
    return tuple(sorted((*closed, *open_spans.values()), key=lambda span: (span.begin, span.kid)))


def _moments(spec: JsonWebKeySetSpec, start: datetime, until: datetime) -> Iterator[tuple[datetime, Record]]:
    """Every record of the future, with the time at which its step is confirmed."""
    made = _Mint()
    world = World(SetRef("forecast", "set"), 1, _without_papers(spec))
    now = start
    for _ in range(STEPS):
        plan = decide(world, Reading(now))
        if plan.needs:
            plan = decide(world, Reading(now), {need: made(need) for need in plan.needs})
        if plan.record is None:
            return
        if plan.record == world.record:
            following = _next(plan, now)
            if following is None or following > until:
                return
            now = following
            continue
        record = witnessed(plan.record, now)
        world = replace(world, record=record, keyring=Sight.SAME, configmap=Sight.SAME, secret=Sight.SAME)
        yield now, record


def _without_papers(spec: JsonWebKeySetSpec) -> JsonWebKeySetSpec:
    """Certificates and signed sets move no key."""
    keys = tuple(entry.model_copy(update={"certificate": None}) for entry in spec.keys)
    publish = spec.publish.model_copy(update={"historical": False})
    return spec.model_copy(update={"keys": keys, "publish": publish})


def _next(plan: Plan, now: datetime) -> datetime | None:
    return min((move.time for move in plan.prospects if move.time > now), default=None)


class _Mint:
    """Makes keys up: of the right shape, with names that count."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}

    def __call__(self, need: Need) -> FreshKey:
        self._count[need.entry] = number = self._count.get(need.entry, 0) + 1
        kid = f"{need.entry}-{number}"
        public = {"kid": kid}
        if need.modulus_length is not None:
            public["n"] = "A" * -(-need.modulus_length // 6)
        if need.crv is not None:
            public["crv"] = need.crv
        return FreshKey(kid, need.algorithm, kid, public)
