"""Historical keys, signed: a JWT of type `jwk-set+jwt` (OpenID Federation 1.0 section 8.7) by the active key.

Its claims are made in `historical_set.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from jwks_operator.keys.historical_set import (
    HistoricalKey,
    RevocationReason,
    Revoked,
    digest_for,
    historical_claims,
    to_epoch_seconds,
)
from jwks_operator.keys.members import canonical_json
from jwks_operator.keys.naming import EddsaName, algorithm_name
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.signing import sign_compact

__all__ = ["TYPE", "HistoricalKey", "RevocationReason", "Revoked", "content_digest", "historical_claims", "sign_set"]

TYPE: Final = "jwk-set+jwt"


def content_digest(said: Mapping[str, object], signer: PrivateJwk) -> str:
    """Return a digest that changes exactly when the set must be signed again: with its content or its signer."""
    return digest_for(said, signer.kid)


def sign_set(said: Mapping[str, object], signer: PrivateJwk, now: datetime, eddsa_name: EddsaName = "Ed25519") -> str:
    """Return the signed set as a compact JWS (RFC 7515 section 7.1); raises UnsupportedKeyError for other classes."""
    payload = canonical_json({**said, "iat": to_epoch_seconds(now)})
    name = algorithm_name(str(signer.reveal()["alg"]), eddsa_name)
    return sign_compact(signer, payload, TYPE, name)
