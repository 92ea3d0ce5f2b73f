"""Keys that are no longer published, for whoever must still check old signatures.

The shape is that of OpenID Federation 1.0 section 8.7 (historical keys): each key as it was published, with `exp`
and where known `iat` and `revoked`, in a JWT of type `jwk-set+jwt` that the active key signs. Signing it again
costs every reader a fetch, so the digest of what it says (times of signing excluded) tells whether that is needed.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from jwks_operator.keys.formats import EddsaName, algorithm_name, published
from jwks_operator.keys.members import canonical_json, encode_octets
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.signing import sign_compact

TYPE: Final = "jwk-set+jwt"

RevocationReason: TypeAlias = Literal["unspecified", "compromised", "superseded"]


@dataclass(frozen=True, slots=True)
class Revoked:
    """When and why a key was revoked."""

    at: datetime
    reason: RevocationReason = "unspecified"


@dataclass(frozen=True, slots=True)
class HistoricalKey:
    """A key of the past: its public JWK, when it came into use (if known) and when it expired."""

    public: Mapping[str, object]
    expired: datetime
    issued: datetime | None = None
    revoked: Revoked | None = None


def claims(issuer: str, keys: Iterable[HistoricalKey], eddsa_name: EddsaName = "Ed25519") -> dict[str, object]:
    """Return what the set says, all but when it was signed; the keys come by `exp`, then by kid.

    Raises as `public_jwk` does: NoSuchFormError for a symmetric key. Times are in whole seconds since 1970 (RFC 7519
    section 2), ends rounded down like the times in a token.
    """
    written = [_entry(key, eddsa_name) for key in keys]
    return {"iss": issuer, "keys": sorted(written, key=lambda entry: (int(str(entry["exp"])), str(entry["kid"])))}


def digest(said: Mapping[str, object], signer: PrivateJwk) -> str:
    """Return a digest that changes exactly when the set must be signed again: with its content or its signer."""
    return encode_octets(hashlib.sha256(canonical_json([dict(said), signer.kid])).digest())


def sign_set(said: Mapping[str, object], signer: PrivateJwk, now: datetime, eddsa_name: EddsaName = "Ed25519") -> str:
    """Return the signed set as a compact JWS (RFC 7515 section 7.1); raises UnsupportedKeyError for other classes."""
    payload = canonical_json({**said, "iat": _seconds(now)})
    name = algorithm_name(str(signer.reveal()["alg"]), eddsa_name)
    return sign_compact(signer, payload, TYPE, name)


def _entry(key: HistoricalKey, eddsa_name: EddsaName) -> dict[str, object]:
    entry = {**published(key.public, eddsa_name), "exp": _seconds(key.expired)}
    if key.issued is not None:
        entry["iat"] = _seconds(key.issued)
    if key.revoked is not None:
        entry["revoked"] = {"revoked_at": _seconds(key.revoked.at), "reason": key.revoked.reason}
    return entry


def _seconds(time: datetime) -> int:
    return int(time.timestamp())
