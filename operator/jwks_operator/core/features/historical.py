"""The historical set: keys that left, for verifiers of old signatures (OpenID Federation 1.0 section 8.7).

Only signature keys count, and only those that left while the spec wanted them told. What is kept is bounded: the
oldest expired keys give way first, revoked ones last, because of them people must know.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from jwks_operator.api.reasons import EventReason
from jwks_operator.api.revocation_spec import RevocationReason
from jwks_operator.core.model.record import HistoricalFacts, KeyRecord, Record, RecordedEvent, Tombstone
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys import historical_set as telling
from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.members import canonical_json

TOLD_LIMIT = 192 * 1024
"""Most bytes of public JWKs of former keys: with the signed set they must fit into one Secret beside living keys."""

_REASONS: Mapping[str, telling.RevocationReason] = {
    RevocationReason.KEY_COMPROMISE: "compromised",
    RevocationReason.SUPERSEDED: "superseded",
}


@dataclass(frozen=True, slots=True)
class Signing:
    """A set of historical keys that is to be signed: what it says, by which key, and the digest of both."""

    entry: str
    kid: str
    signer: Mapping[str, object]
    """Its public JWK."""
    digest: str
    said: Mapping[str, object]


def reason_of(word: str) -> str:
    """Return the reason of a revocation by its word in the historical set; nothing for a word that says nothing."""
    return next((reason for reason, known in _REASONS.items() if known == word), "")


def historical_key_of(record: Record, key: KeyRecord, time: datetime) -> HistoricalFacts | None:
    """Return what to keep of a key that leaves with the step of this record at this time, if anything."""
    if not record.policy.publish.historical or key.key_class is not KeyClass.SIGNATURE:
        return None
    if key.state is State.COMPROMISED:
        why = {told.kid: told.reason for told in _happenings(record) if told.event == EventReason.KEY_REVOKED}
        return HistoricalFacts(key.public, min(key.retired or time, time), key.in_use_since, why.get(key.kid, ""))
    # A key that never retired was never used: nobody holds a signature of it.
    return None if key.retired is None else HistoricalFacts(key.public, key.retired, key.in_use_since)


def within_limit(stones: tuple[Tombstone, ...]) -> tuple[Tombstone, ...]:
    """Return the tombstones, with only as many former keys to be told as there is room for."""
    room = TOLD_LIMIT
    kept: set[str] = set()
    newest_first = [stone for stone in reversed(stones) if stone.historical is not None]
    for stone in sorted(newest_first, key=lambda stone: stone.reason != State.COMPROMISED):
        room -= 0 if stone.historical is None else len(canonical_json(dict(stone.historical.public)))
        if room < 0:
            break
        kept.add(stone.digest)
    return tuple(stone if stone.digest in kept else replace(stone, historical=None) for stone in stones)


def find_due_signing(record: Record) -> Signing | None:
    """Return the set that is to be signed; None while the one there is says the same, or nobody can sign."""
    issuer, signer = record.policy.publish.issuer, _signer(record)
    told = [_told(stone, stone.historical) for stone in record.tombstones if stone.historical is not None]
    if not record.policy.publish.historical or issuer is None or signer is None or not told:
        return None
    said = telling.historical_claims(issuer, told)
    digest = telling.digest_for(said, signer.kid)
    if record.historical is not None and record.historical.digest == digest:
        return None
    return Signing(signer.entry, signer.kid, signer.public, digest, said)


def _signer(record: Record) -> KeyRecord | None:
    """The key in use of the first signature entry whose private half is here."""
    in_use = filter(None, (record.active(entry.name) for entry in record.policy.keys))
    return next((key for key in in_use if key.key_class is KeyClass.SIGNATURE and not key.ref), None)


def _told(stone: Tombstone, said: HistoricalFacts) -> telling.HistoricalKey:
    revoked = None
    if said.revoked is not None:
        revoked = telling.Revoked(stone.time, _REASONS.get(said.revoked, "unspecified"))
    return telling.HistoricalKey(said.public, said.expired, said.issued, revoked)


def _happenings(record: Record) -> Iterable[RecordedEvent]:
    return () if record.step is None else record.step.events
