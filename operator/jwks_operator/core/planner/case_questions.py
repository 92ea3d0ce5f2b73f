"""Questions that the rules ask about a case: what is to be revoked, what can happen, what of it comes first."""

from jwks_operator.core.features import signed_artifacts
from jwks_operator.core.model.observed_state import ObservedState
from jwks_operator.core.planner import revocation
from jwks_operator.core.planner.candidate import Candidate, Candidates, sort_candidates
from jwks_operator.core.planner.candidates import list_candidates
from jwks_operator.core.planner.plan import Case
from jwks_operator.core.planner.requests import read_requests
from jwks_operator.core.timing.next_window import defer_to_window
from jwks_operator.core.transitions.transition_table import Hold, Transition, is_held_by, rank_of


def is_to_revoke(case: Case) -> bool:
    """Tell whether keys are to be revoked that the record has as living ones."""
    asked = read_requests(case.observed.annotations, frozenset())
    return bool(revocation.list_revoked(case.known, case.safety_fields, asked, case.reading.now))


def has_to_revoke(case: Case) -> bool:
    """Tell whether keys are to be revoked, or a step that revokes some is unfinished."""
    if case.record is None:
        return False
    asked = read_requests(case.observed.annotations, frozenset())
    return revocation.is_under_way(case.record, case.safety_fields, asked, case.reading.now)


_ONE_OF_AN_ENTRY = frozenset({Transition.ACTIVATE, Transition.PUBLISH})
"""The transitions that an entry may have several triggers for, and makes once."""


def has_existed_before(observed: ObservedState) -> bool:
    """Tell whether a set without a record had one: its status or its objects tell of keys."""
    return observed.lived_before or not observed.recoverable.empty


def find_candidates(case: Case) -> Candidates:
    """Return everything that can happen to the record of the case, first come first."""
    record = case.known
    found = defer_to_window(record, list_candidates(record, case.requests, case.offers), case.reading.earliest)
    coming = revocation.list_coming(record, case.safety_fields, case.reading.now)
    return sort_candidates((*signed_artifacts.drop_impossible(case.observed, found), *coming))


def is_suspended(case: Case, candidate: Candidate) -> bool:
    """Tell whether `spec.suspend` holds a candidate."""
    return case.known.policy.suspend and is_held_by(candidate.transition, Hold.SUSPEND)


def find_first_due(case: Case) -> Candidates:
    """Return the due candidates of the transition that takes precedence: of one key the one that is due longest."""
    first = min((each.transition for each in case.due), key=rank_of, default=None)
    chosen = [each for each in case.due if each.transition is first]
    once = {(each.entry, each.kid if first not in _ONE_OF_AN_ENTRY else ""): each for each in reversed(chosen)}
    return tuple(each for each in chosen if each in once.values())
