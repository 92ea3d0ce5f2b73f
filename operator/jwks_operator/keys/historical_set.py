"""The historical keys: what verifiers of old signatures need about keys that are no longer published.

The shape is that of OpenID Federation 1.0 section 8.7 (historical keys): each key as it was published, with `exp`
and where known `iat` and `revoked`. Signing it again costs every reader a fetch, so the digest of what it says (times
of signing excluded) tells whether that is needed. No cryptography is imported here: the planner decides with it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from jwks_operator.keys.members import canonical_json, encode_octets
from jwks_operator.keys.naming import EddsaName, eddsa_name_of, to_published_jwk

RevocationReason: TypeAlias = Literal["unspecified", "compromised", "superseded"]


@dataclass(frozen=True, slots=True)
class Revoked:
    """When and why a key was revoked."""

    at: datetime
    reason: RevocationReason = "unspecified"


@dataclass(frozen=True, slots=True)
class HistoricalKey:
    """A key of the past: its public JWK, when it expired and, if known, when it came into use."""

    public: Mapping[str, object]
    expired: datetime
    issued: datetime | None = None
    revoked: Revoked | None = None


def historical_claims(
    issuer: str, keys: Iterable[HistoricalKey], eddsa_name: EddsaName = "Ed25519"
) -> dict[str, object]:
    """Return what the set says, all but when it was signed; the keys come by `exp`, then by kid.

    A key that was published as EdDSA keeps that name. Raises as `public_jwk` does: NoSuchFormError for a symmetric
    key. Times are in whole seconds since 1970 (RFC 7519 section 2), ends rounded down like the times in a token.
    """
    written = [_entry(key, eddsa_name) for key in keys]
    return {"iss": issuer, "keys": sorted(written, key=lambda entry: (int(str(entry["exp"])), str(entry["kid"])))}


def digest_for(said: Mapping[str, object], signer: str) -> str:
    """Return a digest that changes exactly when the set must be signed again: with its content or its signer's kid."""
    return encode_octets(hashlib.sha256(canonical_json([dict(said), signer])).digest())


def to_epoch_seconds(time: datetime) -> int:
    """Return whole seconds since 1970, rounded down."""
    return int(time.timestamp())


def _entry(key: HistoricalKey, eddsa_name: EddsaName) -> dict[str, object]:
    former = eddsa_name_of(key.public)
    entry = {
        **to_published_jwk(key.public, eddsa_name if former == "Ed25519" else former),
        "exp": to_epoch_seconds(key.expired),
    }
    if key.issued is not None:
        entry["iat"] = to_epoch_seconds(key.issued)
    if key.revoked is not None:
        entry["revoked"] = {"revoked_at": to_epoch_seconds(key.revoked.at), "reason": key.revoked.reason}
    return entry
