"""What a person has to know about a set as a whole: each function is named after the trouble it finds."""

from collections.abc import Collection, Iterator
from datetime import datetime

from jwks_operator.api.names import keyring_name
from jwks_operator.api.reasons import Reason, Wait
from jwks_operator.core.features.imports import was_revoked
from jwks_operator.core.features.reader_troubles import list_reader_troubles
from jwks_operator.core.model.observed_state import DriftState, ObservedState, Reading
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import Record, Unread
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.planner.candidate import Candidates
from jwks_operator.core.planner.requests import Requests
from jwks_operator.core.planner.spec_checks import find_complaint


def find_name_conflict(observed: ObservedState) -> Trouble | None:
    """Return the trouble of objects that the set needs, that exist and that are not ours."""
    owned = (
        (f"Secret {keyring_name(observed.ref.name)}", observed.keyring),
        (f"ConfigMap {observed.configmap_name}", observed.configmap),
        (f"Secret {observed.secret_name}", observed.secret),
    )
    foreign = " and ".join(what for what, drift in owned if drift is DriftState.FOREIGN)
    if not foreign:
        return None
    return Trouble(
        Reason.NAME_CONFLICT,
        f"{foreign} exists and does not belong to this set",
        "remove it, or create the set again with another name (its own, spec.publish.configMap.name or "
        "spec.secret.name)",
        about=foreign,
    )


def describe_remaining_key(about: str, kids: Collection[str], words: str) -> Trouble:
    """Return the trouble of an object that still holds revoked keys, because it could not be read or written."""
    return Trouble(
        Reason.REVOKED_KEY_REMAINS,
        f"{about} still holds revoked key {', '.join(sorted(kids))}, or may hold it: {words}",
        "let the operator read and write it, or take the key from it by hand; the operator tries again by itself",
        about=about,
    )


def describe_refused_write(about: str, words: str) -> Trouble:
    """Return the trouble of an object that could not be written."""
    return Trouble(
        Reason.WRITE_REFUSED,
        f"{about} could not be written: {words}",
        "the operator tries again by itself",
        about=about,
    )


def describe_refused_read(about: str, words: str) -> Trouble:
    """Return the trouble of an object that could not be read."""
    return Trouble(
        Reason.READ_REFUSED,
        f"{about} could not be read: {words}",
        "until it can be read no key moves, except that revoked keys leave what can be written",
        about=about,
    )


def find_unreadable_record(observed: ObservedState) -> Trouble | None:
    """Return the trouble of a keyring that this version cannot read."""
    return (
        None if observed.record_complaint is None else Trouble(Reason.UNKNOWN_RECORD_FORMAT, observed.record_complaint)
    )


def find_spec_trouble(observed: ObservedState, now: datetime) -> Trouble | None:
    """Return why the written spec cannot be put in force; None if it can."""
    if observed.spec is None:
        return Trouble(Reason.INVALID_SPEC, observed.spec_complaint or "the spec cannot be read")
    return find_complaint(observed.spec, now)


def find_new_spec_trouble(
    observed: ObservedState, written: Policy | None, record: Record, now: datetime
) -> Trouble | None:
    """Return why the written spec cannot be put in force; None also for the one that is in force already."""
    return None if written == record.policy else find_spec_trouble(observed, now)


def list_troubles(
    observed: ObservedState, written: Policy | None, record: Record, requests: Requests, now: datetime
) -> Iterator[Trouble]:
    """Yield what is wrong with the written spec or the requests, keys that were lost, and what readers cannot read."""
    spec_trouble = find_new_spec_trouble(observed, written, record, now)
    if spec_trouble is not None:
        yield spec_trouble
    if record.lost:
        lost = ", ".join(record.lost)
        yield Trouble(
            Reason.KEYS_LOST,
            f"the private key of {lost} was lost with its keyring",
            "tokens signed with it stay verifiable, and the next rotation clears this",
            about=lost,
        )
    missing = ", ".join(kid for kid, until in record.missing.items() if until > now)
    if missing:
        yield Trouble(
            Reason.KEYS_LOST,
            f"nothing is left of {missing}, which the status names: verifiers refuse tokens signed with it",
            "let clients ask for new tokens; this ends when the last of those tokens has expired",
            about=missing,
        )
    for complaint in requests.complaints[:1]:
        yield Trouble(Reason.INVALID_REQUEST, complaint, about=complaint)
    if observed.spec is not None:
        yield from list_reader_troubles(record, observed.spec.readers)


def list_missing_successors(record: Record, candidates: Candidates, now: datetime) -> Iterator[Trouble]:
    """Yield a trouble for each entry whose next key has to be there by now and is not in its source."""
    due = {each.entry for each in candidates if each.waiting_for is Wait.SUCCESSOR and each.time <= now}
    coming = {each.entry for each in candidates if each.offer is not None}
    for entry in record.policy.keys:
        revoked = was_revoked(record, entry) and record.active(entry.name) is None and entry.name not in coming
        if revoked or entry.name in due:
            what = "was revoked" if revoked else "is to be replaced"
            where = " at the end of its list, with a ref" if entry.is_external else ""
            yield Trouble(
                Reason.NO_SUCCESSOR,
                f"spec.keys[{entry.name}]: the key in use {what}, and the source holds no next one",
                f"put the next key into the source{where}",
                about=entry.name,
            )


def describe_lost_policy(unread: Unread) -> Trouble:
    """Return the trouble of a policy that cannot be read."""
    return Trouble(
        Reason.POLICY_UNREADABLE,
        f"{unread.complaint}; keys are repaired and revoked, and nothing else moves",
        "correct the spec to replace it",
    )


def describe_clock_doubt(reading: Reading) -> Trouble:
    """Return the trouble of a clock that is not trusted."""
    return Trouble(Reason.CLOCK_UNCERTAIN, f"{reading.doubt}; no key moves by time until the clocks agree")
