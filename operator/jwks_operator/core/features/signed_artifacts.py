"""The artifacts of keys: certificates, and the signed set of historical ones. They need a private half to be made.

So they are facts, like a generated key: the plan says which it needs, the reconciler has them made and plans again.
Where a certificate cannot be made (its CA is missing or does not consent), the key goes on with the one it has, or
without: a artifact never stands between a key and its use.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

from jwks_operator.api.reasons import EventReason, Reason
from jwks_operator.core.features.certificate_renewal import (
    certificate_of_source,
    digest_of_terms,
    entries_without_certificate,
    next_renewal,
)
from jwks_operator.core.features.historical import Signing, find_due_signing
from jwks_operator.core.features.source_content import Holding
from jwks_operator.core.model.observed_state import ObservedState, Reading
from jwks_operator.core.model.policy import EntryPolicy
from jwks_operator.core.model.record import Certificate, Historical, KeyRecord, Record, RecordedEvent, Step
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.planner.candidate import Candidate, Candidates
from jwks_operator.core.timing.formulas import entry_named
from jwks_operator.core.transitions.transition_table import Transition


@dataclass(frozen=True, slots=True)
class Certification:
    """One certificate to be made: for which key, after which entry of the spec."""

    kid: str
    entry: EntryPolicy
    public: Mapping[str, Any]
    terms: str
    """The digest to keep with the certificate."""
    slack: timedelta
    """How far clocks may be apart: the certificate is valid that much earlier."""


Artifact: TypeAlias = Certification | Signing

ARTIFACT_TRANSITIONS = frozenset({Transition.CERTIFY, Transition.SIGN})


def drop_impossible(observed: ObservedState, candidates: Iterable[Candidate]) -> Candidates:
    """Return the moves without the certificates that cannot be made in this pass."""
    return tuple(m for m in candidates if m.transition is not Transition.CERTIFY or m.entry not in observed.uncertified)


def list_artifact_troubles(observed: ObservedState, record: Record | None) -> tuple[Trouble, ...]:
    """Return what a person has to know of certificates that could not be made, and of sources that bring none."""
    refused = [
        Trouble(Reason.CERTIFICATE_REFUSED, f"no certificate for {entry}: {why}; keys go on as they are", about=entry)
        for entry, why in observed.uncertified.items()
    ]
    # The reason of all that concerns a source: it can wait for the audit, unlike a CA that a key waits for.
    sourceless = {**_without_files(record), **_complaints(observed)}
    refused += [
        Trouble(Reason.IMPORT_REFUSED, f"spec.keys[{entry}].import: {why}", about=entry)
        for entry, why in sourceless.items()
    ]
    return tuple(refused)


def _complaints(observed: ObservedState) -> dict[str, str]:
    """By entry, what is wrong with the certificate of a followed source, where the spec asks for no other."""
    return {
        name: f"{seen.private.complaint}; keys go on with the certificate they have, or without"
        for name, seen in observed.imports.items()
        if seen.entry.certificate is None and isinstance(seen.private, Holding) and seen.private.complaint
    }


def _without_files(record: Record | None) -> dict[str, str]:
    """By entry that imports, why it has no TLS files although it should: its source is not followed."""
    why = (
        "no kubernetes.io/tls Secret brings the certificate that format TLS needs; add keys[].certificate, or remove "
        "TLS from secret.formats"
    )
    return (
        {}
        if record is None
        else {entry.name: why for entry in entries_without_certificate(record) if entry.certificate is None}
    )


def list_artifacts_to_make(observed: ObservedState, record: Record, moves: Iterable[Candidate]) -> tuple[Artifact, ...]:
    """Return the artifacts that these moves need and that have not been made yet."""
    found: list[Artifact] = []
    for move in moves:
        if move.transition is Transition.SIGN:
            signing = find_due_signing(record)
            found += [signing] if signing is not None and signing.digest not in observed.signed else []
        elif move.transition is Transition.CERTIFY:
            keys = [key for key in record.keys if key.kid == move.kid and _made(observed, record, key) is None]
            found += [_certification(record, key) for key in keys]
    return tuple(found)


def apply_artifacts(observed: ObservedState, record: Record, moves: Candidates) -> Record:
    """Return the record with the step that puts these artifacts in place, once they have been made."""
    if moves[0].transition is Transition.SIGN:
        signing = find_due_signing(record)
        if signing is None:
            return record
        signed = Historical(signing.digest, observed.signed[signing.digest])
        return replace(record, historical=signed, step=Step(Transition.SIGN, ()))
    kids = {move.kid for move in moves}
    keys = (replace(key, certificate=_made(observed, record, key)) for key in record.keys if key.kid in kids)
    told = (RecordedEvent(EventReason.CERTIFICATE_RENEWED, move.cause, move.kid, move.entry) for move in moves)
    return replace(record.with_keys(*keys), step=Step(Transition.CERTIFY, tuple(told)))


def certify_new_keys(observed: ObservedState, record: Record, reading: Reading) -> tuple[Record, tuple[Artifact, ...]]:
    """Return the record to be with the certificates of the keys that are new in it, and those still to be made.

    A clock in doubt would date them wrongly: they follow as soon as it can be trusted.
    """
    known = {key.kid for key in observed.record.keys} if observed.record is not None else set()
    new = [key for key in record.keys if key.kid not in known and key.certificate is None]
    record = record.with_keys(
        *(replace(key, certificate=certificate_of_source(observed.imports, record.policy, key)) for key in new)
    )
    if not reading.trusted:
        return record, ()
    new = [key for key in new if _awaits(observed, record, key)]
    missing = tuple(_certification(record, key) for key in new if _made(observed, record, key) is None)
    return record.with_keys(*(replace(key, certificate=_made(observed, record, key)) for key in new)), missing


def _awaits(observed: ObservedState, record: Record, key: KeyRecord) -> bool:
    return (
        key.certificate is None
        and key.entry not in observed.uncertified
        and next_renewal(record.policy, key) is not None
    )


def _made(observed: ObservedState, record: Record, key: KeyRecord) -> Certificate | None:
    """The certificate that was made for a key in this pass, or found, if it is what the spec in force asks for."""
    certificate, entry = observed.certificates.get(key.kid), entry_named(record.policy, key.entry)
    if entry is None or entry.certificate is None:
        return certificate_of_source(observed.imports, record.policy, key)
    return certificate if certificate is not None and certificate.terms == digest_of_terms(entry) else None


def _certification(record: Record, key: KeyRecord) -> Certification:
    entry = entry_named(record.policy, key.entry)
    if entry is None:
        raise LookupError(f"no entry {key.entry} to make a certificate for")
    return Certification(key.kid, entry, key.public, digest_of_terms(entry), record.policy.facts.clock_skew)
