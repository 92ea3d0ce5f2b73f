"""Seen by the public before used, in any history of caches, and proof that a missing piece of it would be noticed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core import test_seen as histories
from core.edges import MINUTE, PUBLIC, SEALED, URL, Edge, Edges
from core.history import History
from core.rows import annotate
from jwks_operator.core.model.observed_state import EdgeAnswer, UrlAnswer
from jwks_operator.core.model.record import Record
from jwks_operator.core.planner import gated_keys, gates, succession, url_gate
from jwks_operator.core.planner.gated_keys import LOOKS
from jwks_operator.core.planner.url_gate import UrlQuestion
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.algorithms import KeyClass

STATED = timedelta(minutes=1)
SHORT = {"timing": {"propagation": "1m", "cacheMaxAge": "1m", "verifierRefresh": "3m", "tokenLifetime": "3m"}}


@dataclass(frozen=True)
class Look:
    """One look at the URL: what all edges showed, what any of them showed, and how long copies live there."""

    at: datetime
    every: frozenset[str]
    some: frozenset[str]
    whole: bool
    lifetime: timedelta


@dataclass
class Watched(Edges):
    """Caches that come, go, lag, fall silent and fall back, and a judge of every use and removal."""

    looks_made: list[Look] = field(default_factory=list)

    def __call__(self, question: UrlQuestion) -> dict[str, UrlAnswer]:
        answers = super().__call__(question)
        edges = answers[URL].edges
        told = [edge for edge in edges if edge.keys is not None]
        shown = [frozenset(edge.kids) for edge in told]
        every = frozenset.intersection(*shown) if shown else frozenset()
        lifetime = max((max(edge.age, edge.lifetime) for edge in told), default=STATED)
        whole = bool(edges) and len(told) == len(edges)
        self.looks_made.append(Look(self.history.now, every, frozenset().union(*shown), whole, lifetime))
        return answers

    def judge(self, before: Record | None, after: Record) -> None:
        was = {} if before is None else {key.kid: key for key in before.keys}
        for key in after.keys:
            move = (was[key.kid].state if key.kid in was else None, key.state)
            if key.key_class is KeyClass.SIGNATURE and move == (State.PENDING, State.ACTIVE):
                self._judge(key.kid, key.bounds.lead, appears=True)
            if key.key_class is KeyClass.ENCRYPTION and move == (State.RETIRED, State.DESTROYED):
                self._judge(key.kid, key.bounds.retention, appears=False)

    def _judge(self, kid: str, wait: timedelta, *, appears: bool) -> None:
        """Since a whole wait and what copies live longer, looks over a lifetime agree, the last of them now."""
        run: list[Look] = []
        for look in self.looks_made:
            denied = look.some and kid not in look.every if appears else kid in look.some
            if denied or (appears and not look.some and look.whole):
                run = []
            elif look.whole:
                run.append(look)
        now = self.history.now
        assert len(run) >= LOOKS, f"{kid} was moved at {now} after {len(run)} looks"
        assert run[-1].at == now, f"{kid} was moved at {now} without a last look"
        longest = max(STATED, *(look.lifetime for look in run))
        assert run[-1].at - run[0].at >= max(wait + longest - STATED, longest), f"{kid} was moved at {now} too early"


NAMES = st.sampled_from("abc")
CHANGES = st.one_of(
    st.tuples(st.sampled_from(["renew", "blank", "mute", "leave", "slow", "says longer"]), NAMES),
    st.tuples(st.just("rotate"), st.just("")),
)


@pytest.mark.parametrize("spec", [PUBLIC | SHORT, SEALED | SHORT], ids=["signature", "encryption"])
@given(changes=st.lists(st.tuples(st.integers(1, 8), CHANGES), max_size=12))
@hypothesis_settings(max_examples=25, deadline=None)
def test_whatever_caches_do_no_key_moves_before_they_have_shown_it_for_its_wait(
    spec: dict[str, Any], changes: list[tuple[int, tuple[str, str]]]
) -> None:
    history = History.of(spec)
    edges = Watched(history, {URL: {name: Edge(keeps=MINUTE, says=MINUTE) for name in "ab"}})
    history.urls, history.watch = edges, edges.judge
    history.pass_()
    entry = spec["keys"][0]["name"]
    for minutes, (what, name) in changes:
        if what == "rotate":
            annotate(rotate=f"{entry}@{history.now.isoformat()}")(history)
        elif what == "leave":
            edges.shown[URL].pop(name, None)
        else:
            _change(edges, what, name)
        history.live(history.now + minutes * MINUTE)
    edges.shown[URL] = {"a": Edge(keeps=MINUTE, says=MINUTE, fetched=history.now)}
    annotate(rotate=f"{entry}@{history.now.isoformat()}")(history)
    used = history.in_use()
    history.live(history.now + 40 * MINUTE)
    assert history.in_use() != used, "once the caches follow, the rotation goes on"


def _change(edges: Watched, what: str, name: str) -> None:
    edge = edges.edge(name)
    match what:
        case "renew":
            edge.away, edge.keeps, edge.says, edge.fetched = "", MINUTE, MINUTE, edges.history.now - MINUTE
        case "blank":
            edge.keys, edge.fetched = [], edges.history.now
        case "mute":
            edge.away = "could not be reached"
        case "slow":
            edge.keeps = 9 * MINUTE
        case "says longer":
            edge.says = 5 * MINUTE


# --- teeth ---


def _for_ever(real: Any) -> Any:
    def answered(observed: Any, record: Record, now: datetime) -> Record:
        after: Record = real(observed, record, now)
        kept = {key.kid: key for key in record.keys if key.urls}
        return replace(after, keys=tuple(kept.get(key.kid, key) for key in after.keys))

    return answered


def _without(drop: Callable[[EdgeAnswer], EdgeAnswer]) -> Callable[[Any], Any]:
    """The lifetime of answers from which a header was dropped."""

    def make(real: Any) -> Any:
        def lifetime(record: Record, answer: UrlAnswer) -> timedelta:
            edges = tuple(drop(edge) for edge in answer.edges)
            found: timedelta = real(record, replace(answer, edges=edges))
            return found

        return lifetime

    return make


def _one_edge(real: Any) -> Any:
    return lambda answer, key: real(replace(answer, edges=answer.edges[:1]), key)


MUTANTS: Mapping[str, tuple[object, str, Callable[[Any], Any], Callable[[], None]]] = {
    "the gate is off": (
        gated_keys,
        "list_unconfirmed_urls",
        lambda _: lambda record, key: (),
        histories.test_looks_that_were_missed_are_made_up_before_the_key_is_used,
    ),
    "the lead counts from the write": (
        succession,
        "find_confirmation_time",
        lambda _: lambda record, key: None,
        histories.test_the_lead_counts_from_the_moment_at_which_the_slowest_edge_shows_the_key,
    ),
    "one look is believed": (
        gated_keys,
        "is_confirmed",
        lambda _: lambda confirmation: True,
        histories.test_looks_that_were_missed_are_made_up_before_the_key_is_used,
    ),
    "one edge is believed": (
        url_gate,
        "_agrees",
        _one_edge,
        lambda: histories.test_what_cannot_be_told_holds_and_says_so(histories.one_is_away),
    ),
    "Age is ignored": (
        url_gate,
        "_lifetime",
        _without(lambda edge: replace(edge, age=timedelta())),
        histories.test_the_age_of_a_copy_tells_that_a_cache_keeps_longer_than_stated,
    ),
    "Cache-Control is ignored": (
        url_gate,
        "_lifetime",
        _without(lambda edge: replace(edge, lifetime=timedelta())),
        histories.test_a_cache_that_says_that_it_keeps_longer_than_stated_lengthens_the_wait_by_the_difference,
    ),
    "there is no last look": (
        url_gate,
        "keep_confirmed",
        lambda _: lambda observed, record, due, urgent: due,
        histories.test_silence_right_before_its_use_takes_no_confirmation_back,
    ),
    "a confirmation is for ever": (
        url_gate,
        "record_answers",
        _for_ever,
        histories.test_an_edge_that_falls_back_starts_it_all_again,
    ),
    "a kid is enough": (
        url_gate,
        "_denies",
        lambda _: lambda edge, key: edge.keys is not None and key.kid not in edge.kids,
        histories.test_another_key_of_that_kid_does_not_count,
    ),
    "an emergency waits, too": (
        gates,
        "list_urgent_entries",
        lambda _: lambda case: frozenset(),
        histories.test_an_emergency_is_not_held_by_an_ordinary_rotation_that_is,
    ),
    "revoked keys are not looked for": (
        url_gate,
        "_lag_of_withdrawn",
        lambda real: lambda observed, one, now: replace(real(observed, one, now), urls=()),
        histories.test_a_revoked_key_is_gone_at_once_and_what_still_shows_it_is_told_until_nothing_does,
    ),
}


@pytest.mark.parametrize(
    ("place", "name", "make", "guard"), MUTANTS.values(), ids=[name.replace(" ", "_") for name in MUTANTS]
)
def test_without_it_its_history_fails(
    place: object, name: str, make: Callable[[Any], Any], guard: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, make(getattr(place, name)))
    with pytest.raises(AssertionError):
        guard()
