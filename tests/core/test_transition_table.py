"""The table of transitions says the truth: rows are whole, and what the planner plans is what they permit."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import rows
from core.history import SIGNING, START, History
from jwks_operator.api.reasons import EventReason
from jwks_operator.core.outputs.event_texts import EVENT_TEXTS
from jwks_operator.core.planner.causes import Cause
from jwks_operator.core.planner.requests import VERBS, Verb
from jwks_operator.core.transitions.transition_table import ROWS, TABLE, Hold, Transition


def test_every_transition_is_one_row_in_order_of_precedence() -> None:
    assert [row.transition for row in TABLE] == list(Transition)


def test_every_cause_starts_some_transition_and_says_itself_in_words() -> None:
    assert all(cause.starts for cause in Cause)
    assert {each.transition for each in TABLE} - {each for cause in Cause for each in cause.starts} == {
        Transition.APPLY_SPEC
    }
    assert all(cause.text and Cause.of(cause.value) is cause for cause in Cause)


def test_every_event_has_its_words_and_every_verb_its_row() -> None:
    assert EVENT_TEXTS.keys() == set(EventReason)
    assert [row.verb for row in VERBS] == list(Verb)


@given(st.sampled_from([SIGNING, rows.with_rotation(every="24h")]), st.integers(1, 100))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_plan_has_only_candidates_that_their_row_permits(spec: dict[str, object], hours: int) -> None:
    history = History.of(spec)
    history.pass_()
    rows.annotate(rotate=f"signing@{START.isoformat()}", rollback=f"signing@{START.isoformat()}")(history)
    history.live(START + rows.timestamp(f"{hours}h"))
    for candidate in history.plan.candidates:
        row = ROWS[candidate.transition]
        assert candidate.transition in candidate.cause.starts
        assert not candidate.windowed or Hold.WINDOWS in row.held_by
        assert not candidate.gated or Hold.ENDPOINTS in row.held_by
