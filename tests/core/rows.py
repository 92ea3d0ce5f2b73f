"""Histories as rows: what people and the world do at which time, and what must be true then.

Times are durations since the set was created, at `history.START`. Between two moments the operator wakes
whenever it asked to, unless the row says that it is down.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.history import SIGNING, START, History, Thing, span
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.api.status_model import format_time_up

Act = Callable[[History], None]

FIRST = "signing: k1 Active, k2 Pending"


@dataclass(frozen=True)
class At:
    """One moment: first something happens, then the operator passes, then this is true (where it is said)."""

    time: str
    act: Act | None = None
    states: str | None = None
    next: str | None = None
    """`Activate signing 720h Schedule`-like: action, entry, and its time since the start; `-` for none."""
    ready: str | None = None
    degraded: str | None = None
    rotating: str | None = None
    down: bool = False
    """The operator was down since the moment before."""


@dataclass(frozen=True)
class Row:
    """A sentence, a spec, and the moments that show it to be true."""

    name: str
    moments: tuple[At, ...]
    spec: Mapping[str, Any] = field(default_factory=lambda: SIGNING)
    start: datetime = START


def row(name: str, *moments: At, spec: Mapping[str, Any] = SIGNING, start: datetime = START) -> Row:
    return Row(name, moments, spec, start)


def table(*rows: Row) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("told", rows, ids=[told.name.replace(" ", "_") for told in rows])


def play(told: Row) -> History:
    """Live through a row; AssertionError at the first moment that is not as it says, or for a refused token."""
    history = History.of(told.spec)
    history.now = told.start
    for moment in told.moments:
        until = told.start + timestamp(moment.time)
        if not moment.down and until > history.now:
            history.live(until)
        history.now = until
        if moment.act is not None:
            moment.act(history)
        history.pass_()
        _compare(history, moment, told.start)
    gaps = history.observer.gaps()
    assert not gaps, gaps
    before = list(history.writes)
    history.pass_()
    assert history.writes == before, "a world at rest was written to"
    return history


def timestamp(text: str) -> timedelta:
    """Read `720h`, and `720h-1s` for right before it or `720h+1s` for right after."""
    for sign, factor in (("-", -1), ("+", 1)):
        if sign in text:
            whole, _, part = text.partition(sign)
            return span(whole) + factor * span(part)
    return span(text)


def _compare(history: History, moment: At, start: datetime) -> None:
    where = f"at {moment.time}"
    if moment.states is not None:
        assert history.states() == moment.states, f"{where}: {history.states()}"
    if moment.next is not None:
        assert _next(history) == _move(moment.next, start), where
    for kind in ("Ready", "Degraded", "Rotating"):
        wanted = getattr(moment, kind.lower())
        if wanted is not None:
            found = next(one for one in history.status.conditions if one.type == kind)
            assert f"{found.status} {found.reason}" == wanted, where


def _next(history: History) -> str:
    move = history.status.next
    if move is None:
        return "-"
    return f"{move.action} {move.name} {'now' if move.time is None else format_time_up(move.time)}"


def _move(text: str, start: datetime) -> str:
    if text == "-" or text.endswith("now"):
        return text
    action, entry, time = text.split()
    return f"{action} {entry} {format_time_up((start + timestamp(time)).astimezone(UTC))}"


# --- what people and the world do ---


def all_of(*acts: Act) -> Act:
    def act(history: History) -> None:
        for one in acts:
            one(history)

    return act


def edit(spec: Mapping[str, Any]) -> Act:
    def act(history: History) -> None:
        history.spec = JsonWebKeySetSpec.model_validate(spec)
        history.spec_complaint = None
        history.generation += 1

    return act


def annotate(rotate: str = "", **others: str) -> Act:
    """Set our annotations: rotate, rollback, hold, revoke; what is not given is removed."""

    def act(history: History) -> None:
        said = {"rotate": rotate, **others}
        history.annotations = {f"jwks-operator.dev/{name}": text for name, text in said.items() if text}

    return act


def write_nonsense(history: History) -> None:
    """The stored spec cannot be parsed."""
    history.spec, history.spec_complaint = None, "spec.keys: is required"
    history.generation += 1


def lose_configmap(history: History) -> None:
    history.objects.configmap = None
    history.observer.published(history.now, (), tampered=True)


def edit_configmap(history: History) -> None:
    """Somebody empties the published set."""
    assert history.objects.configmap is not None
    history.objects.configmap = Thing(history.objects.configmap.content | {"jwks.json": '{"keys":[]}'})
    history.observer.published(history.now, (), tampered=True)


def lose_secret(history: History) -> None:
    """Whoever has mounted it goes on with the files it has."""
    history.objects.secret = None


def lose_keyring(history: History) -> None:
    history.objects.keyring, history.objects.keyring_uid = None, ""


def write_off(history: History) -> None:
    """What is in use is about to vanish everywhere: nobody can answer for its tokens."""
    history.observer.exempt |= set(history.in_use())


def strip_labels(history: History) -> None:
    things = history.objects
    assert things.configmap is not None
    assert things.secret is not None
    things.configmap.labelled = things.secret.labelled = things.keyring_labelled = False


def take_name(history: History) -> None:
    """Somebody else's ConfigMap stands where ours was."""
    history.objects.configmap = Thing({}, foreign=True)
    history.observer.published(history.now, (), tampered=True)


def give_name_back(history: History) -> None:
    history.objects.configmap = None


def forget_status(history: History) -> None:
    history.status = type(history.status)()


def doubt(history: History) -> None:
    history.doubt = "the local clock is 120 s behind the API server's"


def step_clock(by: str) -> Act:
    """The operator's clock jumps; it is in doubt until it has settled."""

    def act(history: History) -> None:
        history.ahead += -span(by[1:]) if by.startswith("-") else span(by)
        doubt(history)

    return act


def settle(history: History) -> None:
    """The clock is trusted again, and counts from now."""
    history.doubt = None
    history.since = history.now + history.ahead


def led_by(off: str) -> Act:
    """Another replica leads, whose clock differs from the API server's by so much, and which knows it."""

    def act(history: History) -> None:
        history.ahead = -span(off[1:]) if off.startswith("-") else span(off)
        history.doubt, history.since, history.told_off = None, None, True

    return act


def hand_over(history: History) -> None:
    """A replica leads that knows nothing of a step of the clocks."""
    history.since = None


def trust(history: History) -> None:
    """The clock was right all the time."""
    history.doubt = None


class Backup:
    """A backup of the keyring: what was saved comes back as an object of its own."""

    def save(self, history: History) -> None:
        self.kept = history.objects.keyring

    def restore(self, history: History) -> None:
        history.objects.keyring = self.kept
        history.objects.keyring_uid = "uid-restored"


class OldSecret:
    """Somebody puts an older version of the consumer Secret back."""

    def save(self, history: History) -> None:
        assert history.objects.secret is not None
        self.kept = dict(history.objects.secret.content)

    def restore(self, history: History) -> None:
        history.objects.secret = Thing(self.kept)
        history.observer.in_use(history.now, history.in_use(), tampered=True)


def with_timing(spec: Mapping[str, Any] = SIGNING, **timing: str) -> dict[str, Any]:
    return {**spec, "timing": timing}


def with_rotation(spec: Mapping[str, Any] = SIGNING, **rotation: Any) -> dict[str, Any]:
    return {**spec, "rotation": rotation}


def entries(**algorithms: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec with these entries, by name: an algorithm, or what else the entry says."""
    keys = [
        {"name": name, **({"algorithm": says} if isinstance(says, str) else says)} for name, says in algorithms.items()
    ]
    return {"keys": keys}
