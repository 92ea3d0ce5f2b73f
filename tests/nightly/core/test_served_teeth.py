"""Seen before used, in any history, and proof that its tests would notice if a piece of it were missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core import test_served as histories
from core.history import History
from core.pods import MINUTE, SEALED, SERVED, Pods
from core.rows import annotate
from jwks_operator.core.model.observed_state import Endpoints, ObservedState
from jwks_operator.core.model.record import Record
from jwks_operator.core.planner import endpoint_gate, gates, succession
from jwks_operator.core.planner.endpoint_gate import Question
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.algorithms import KeyClass


@dataclass
class Watched(Pods):
    """Pods that come, go, lag, fall silent and fall back, and a judge of every use and removal."""

    agreed: list[tuple[datetime, frozenset[str], frozenset[str]]] = field(default_factory=list)
    """When everybody was asked and answered: what all of them showed, and what any of them showed."""

    def __call__(self, question: Question) -> Endpoints:
        self.live = False
        said = super().__call__(question)
        shown = [frozenset(key["kid"] for key in keys) for keys in self.shown.values() if not isinstance(keys, str)]
        if shown and len(shown) == len(self.shown):
            told = frozenset.intersection(*shown), frozenset.union(*shown)
            self.agreed.append((self.history.now, *told))
        return said

    def judge(self, before: Record | None, after: Record) -> None:
        now, was = self.history.now, {} if before is None else {key.kid: key for key in before.keys}
        for key in after.keys:
            move = (was[key.kid].state if key.kid in was else None, key.state)
            if key.key_class is KeyClass.SIGNATURE and move == (State.PENDING, State.ACTIVE):
                self._judge(key.kid, now, now - key.bounds.lead, all_showed=True)
            if key.key_class is KeyClass.ENCRYPTION and move == (State.RETIRED, State.DESTROYED):
                self._judge(key.kid, now, now - key.bounds.retention, all_showed=False)

    def _judge(self, kid: str, now: datetime, latest: datetime, *, all_showed: bool) -> None:
        """It was so a whole wait ago, it is so now, and nobody was seen to say otherwise in between."""
        looks = [(at, kid in every if all_showed else kid not in any_) for at, every, any_ in self.agreed]
        since = max((place for place, (at, so) in enumerate(looks) if so and at <= latest), default=None)
        assert since is not None, f"{kid} was moved at {now}, a whole wait after nothing"
        assert looks[-1] == (now, True), f"{kid} was moved at {now} without a last look"
        assert all(so for _, so in looks[since:]), f"{kid} was moved although somebody said otherwise"


SHORT = {"timing": {"propagation": "1m", "cacheMaxAge": "1m", "verifierRefresh": "3m", "tokenLifetime": "3m"}}
PODS = st.sampled_from("abc")
CHANGES = st.one_of(
    st.tuples(st.sampled_from(["refresh", "blank", "mute", "leave"]), PODS),
    st.tuples(st.just("rotate"), st.just("")),
)


@pytest.mark.parametrize("spec", [SERVED | SHORT, SEALED | SHORT], ids=["signature", "encryption"])
@given(changes=st.lists(st.tuples(st.integers(1, 8), CHANGES), max_size=12))
@hypothesis_settings(max_examples=25, deadline=None)
def test_whatever_pods_do_no_key_moves_before_they_have_shown_it_for_its_wait(
    spec: dict[str, Any], changes: list[tuple[int, tuple[str, str]]]
) -> None:
    history = History.of(spec)
    pods = Watched(history, {"a": [], "b": []})
    history.endpoints, history.watch = pods, pods.judge
    history.pass_()
    entry = spec["keys"][0]["name"]
    for minutes, (what, pod) in changes:
        if what == "rotate":
            annotate(rotate=f"{entry}@{history.now.isoformat()}")(history)
        elif what == "refresh":
            pods.refresh(pod)
        elif what == "blank":
            pods.shown[pod] = []
        elif what == "mute":
            pods.shown[pod] = "could not be reached"
        else:
            pods.shown.pop(pod, None)
        history.live(history.now + minutes * MINUTE)
    pods.shown = {"a": []}
    annotate(rotate=f"{entry}@{history.now.isoformat()}")(history)
    used = history.in_use()
    for _ in range(5):
        pods.refresh("a")
        history.live(history.now + 4 * MINUTE)
    assert history.in_use() != used, "once the pods follow, the rotation goes on"


# --- teeth ---


def _kid_alone(_real: Any) -> Any:
    return lambda endpoint, key: endpoint.keys is not None and not any(jwk["kid"] == key.kid for jwk in endpoint.keys)


def _for_ever(real: Any) -> Any:
    def attested(world: ObservedState, record: Record, now: datetime) -> Record:
        after: Record = real(world, record, now)
        kept = {key.kid: key for key in record.keys if key.served or key.unserved}
        return replace(after, keys=tuple(kept.get(key.kid, key) for key in after.keys))

    return attested


def _from_the_write(real: Any) -> Any:
    return lambda record, pending, published: real(record, replace(pending, served=None), published)


MUTANTS: Mapping[str, tuple[object, str, Callable[[Any], Any], Callable[[], None]]] = {
    "the lead counts from the write": (
        succession,
        "time_known_everywhere",
        _from_the_write,
        histories.test_the_lead_counts_from_the_moment_at_which_the_last_endpoint_served_the_key,
    ),
    "there is no last look": (
        endpoint_gate,
        "keep_confirmed",
        lambda _: lambda world, record, due, urgent: due,
        lambda: histories.test_silence_right_before_its_use_holds_the_key_and_takes_no_witness_back(histories.silent),
    ),
    "a witness is for ever": (
        endpoint_gate,
        "record_answers",
        _for_ever,
        histories.test_right_before_its_use_everybody_is_asked_once_more_and_a_key_that_is_lacking_waits_anew,
    ),
    "a kid is enough": (
        endpoint_gate,
        "_denies",
        _kid_alone,
        lambda: histories.test_another_key_of_that_kid_does_not_count({"kid": "k2", "kty": "EC"}),
    ),
    "an emergency asks, too": (
        gates,
        "list_urgent_entries",
        lambda _: lambda case: frozenset(),
        histories.test_an_emergency_is_not_held_by_an_ordinary_rotation_that_is,
    ),
    "retention counts from the write": (
        endpoint_gate,
        "_stamped",
        lambda real: lambda key, now: replace(real(key, now), unserved=key.retired),
        histories.test_an_encryption_key_is_used_without_asking_and_kept_from_the_moment_nobody_serves_it,
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
