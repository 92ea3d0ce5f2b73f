"""What must hold of every record that is ever stored, whatever led to it."""

from datetime import datetime

from core.history import History
from jwks_operator.core.model.key_states import LIVING
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.transitions.transition_table import MOVES, State


def obey(history: History) -> None:
    """Check the laws at every write of the record from now on."""
    history.watch = lambda before, after: check(before, after, history)


def check(before: Record | None, after: Record, history: History) -> None:
    """Raise AssertionError for the first law that the change from one stored record to the next breaks."""
    former = {} if before is None else {key.kid: key for key in before.keys}
    now = history.now + history.ahead
    assert len({key.kid for key in after.keys}) == len(after.keys), "one kid twice"
    for entry in {key.entry for key in after.keys}:
        assert len(after.of(entry, State.ACTIVE)) <= 1, f"two active keys of {entry}"
    for key in after.keys:
        known = former.pop(key.kid, None)
        _moves_by_the_table(known, key)
        if known is not None:
            _changes(known, key, after, now, history)
    for kid, key in former.items():
        assert key.state not in LIVING, f"{kid} vanished while {key.state}"


def _moves_by_the_table(before: KeyRecord | None, after: KeyRecord) -> None:
    state = None if before is None else before.state
    assert state is after.state or (state, after.state) in MOVES, f"{after.kid}: {state} to {after.state}"


def _changes(before: KeyRecord, after: KeyRecord, record: Record, now: datetime, history: History) -> None:
    kid = after.kid
    assert after.bounds == before.bounds.largest(after.bounds), f"{kid}: a wait shrank"
    assert before.has_private or not after.has_private, f"{kid}: a private half came back"
    change = before.state, after.state
    if change == (State.PENDING, State.ACTIVE) and kid not in history.observer.exempt:
        assert before.published is not None, f"{kid} is used unpublished"
        assert before.published + before.bounds.lead <= now, f"{kid} is used before its lead"
    if change == (State.RETIRED, State.DESTROYED):
        assert kid not in record.policy.held, f"{kid} is destroyed although held"
        assert before.retired is not None, f"{kid} is destroyed without a confirmed retirement"
        assert before.retired + before.bounds.retention <= now, f"{kid} is destroyed before its retention"
