"""Lists every possible next transition of a set with its earliest time.

The planner makes those whose time has come; status, forecast and plugin show the others. Every wait counts from a time
in the record.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from jwks_operator.api.reasons import Wait
from jwks_operator.core.features.certificate_renewal import next_renewal
from jwks_operator.core.features.historical import find_due_signing
from jwks_operator.core.features.imports import NO_OFFER, NONE_OFFERED, Offers
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.planner.candidate import Candidate, Candidates, sort_candidates
from jwks_operator.core.planner.causes import Cause
from jwks_operator.core.planner.gated_keys import awaits_anybody, find_confirmation_time
from jwks_operator.core.planner.requests import Requests
from jwks_operator.core.planner.succession import Succession, removal_of_pending
from jwks_operator.core.timing.formulas import LONG_AGO, entry_named, rollback_window, rotation_of
from jwks_operator.core.transitions.transition_table import State, Transition
from jwks_operator.keys.algorithms import KeyClass


def list_candidates(record: Record, requests: Requests, offers: Offers = NONE_OFFERED) -> Candidates:
    """Return every candidate of a record, first come first."""
    entries = record.policy.keys
    successions = (Succession(record, entry, requests, offers.get(entry.name, NO_OFFER)) for entry in entries)
    found = [candidate for succession in successions for candidate in succession.candidates()]
    found += [*_of_retired(record, requests), *_of_removed_entries(record), *_of_signed_artifacts(record, offers)]
    return sort_candidates(found)


def held_kids(record: Record, requests: Requests) -> frozenset[str]:
    """Return the kids that no time removes: those of the spec in force and of the annotation."""
    return requests.held.union(record.policy.held)


def removal_time(record: Record, key: KeyRecord, held: frozenset[str]) -> datetime | None:
    """Return when a retired key may be destroyed; None while it is held or its retirement is unconfirmed."""
    if key.state is not State.RETIRED or key.retired is None or key.kid in held:
        return None
    return max(key.retired, find_confirmation_time(record, key) or key.retired) + key.bounds.retention


def _of_retired(record: Record, requests: Requests) -> Iterator[Candidate]:
    held = held_kids(record, requests)
    for key in record.keys:
        if key.state is not State.RETIRED or key.retired is None:
            continue
        if key.has_private and key.key_class is KeyClass.SIGNATURE:
            yield _loss_of_private_half(record, key, key.retired)
        removal = removal_time(record, key, held)
        if removal is not None:
            yield Candidate(
                removal,
                Transition.DESTROY,
                key.entry,
                key.kid,
                Cause.RETENTION_PASSED,
                Wait.RETENTION,
                gated=awaits_anybody(record, key),
            )


def _loss_of_private_half(record: Record, key: KeyRecord, retired: datetime) -> Candidate:
    rotation = rotation_of(record.policy, entry_named(record.policy, key.entry))
    time = retired + rollback_window(rotation, key.bounds.lead)
    cause = Cause.ROLLBACK_WINDOW_PASSED
    return Candidate(time, Transition.DESTROY_PRIVATE_HALF, key.entry, key.kid, cause, Wait.ROLLBACK_WINDOW)


def _of_removed_entries(record: Record) -> Iterator[Candidate]:
    """Keys whose entry left the spec: an active key retires, a pending one that was never used is destroyed."""
    for key in record.keys:
        if key.state in {State.ACTIVE, State.PENDING} and entry_named(record.policy, key.entry) is None:
            transition = Transition.RETIRE if key.state is State.ACTIVE else removal_of_pending(key)
            yield Candidate(LONG_AGO, transition, key.entry, key.kid, Cause.ENTRY_REMOVED)


def _of_signed_artifacts(record: Record, offers: Offers) -> Iterator[Candidate]:
    """Certificates to be made, renewed or taken from a source, and the historical set to be signed again."""
    for key in record.keys:
        offer = offers.get(key.entry, NO_OFFER)
        due = next_renewal(record.policy, key)
        candidate = Candidate(LONG_AGO, Transition.CERTIFY, key.entry, key.kid, Cause.SOURCE_RENEWED)
        if due is not None:
            yield replace(candidate, time=due.time, cause=due.cause, waiting_for=Wait.RENEWAL)
        elif offer.current == key.thumbprint and offer.certificate not in {None, key.certificate}:
            yield candidate
    signing = find_due_signing(record)
    if signing is not None:
        yield Candidate(LONG_AGO, Transition.SIGN, signing.entry, signing.kid, Cause.HISTORY_CHANGED)
