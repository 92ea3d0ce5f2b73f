"""The private key in the forms that services mount, and back; equal keys give equal bytes."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from jwks_operator.keys.algorithms import ALGORITHMS
from jwks_operator.keys.errors import InconsistentKeyError, UnsupportedKeyError
from jwks_operator.keys.jwk import parse_private
from jwks_operator.keys.material import CURVES, load_private_unchecked, members_of
from jwks_operator.keys.members import public_jwk
from jwks_operator.keys.private import PrivateJwk

Format: TypeAlias = Literal["JWK", "PEM"]


def render(public: Mapping[str, object], private: PrivateJwk, fmt: Format) -> bytes:
    """Return the file of a private key: one canonical JWK (RFC 7517) or unencrypted PKCS#8 in PEM (RFC 7468).

    The result is private: it belongs into a Secret and nowhere else. Raises InconsistentKeyError when
    `private` is not the other half of `public`, so that a Secret can never disagree with what is published;
    the RSA numbers themselves are believed, since they are the operator's own.
    """
    members = private.reveal()
    if public_jwk(members) != public_jwk(public):
        raise InconsistentKeyError("the private key is not the other half of the public one")
    if fmt == "JWK":
        return private.reveal_json()
    key = load_private_unchecked(members)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def parse_pem(data: bytes, kid: str, algorithm: str) -> tuple[dict[str, object], PrivateJwk]:
    """Return the canonical public JWK and the private key of an unencrypted PEM file, as of this kid and algorithm.

    Raises JwkError for anything that is not a whole key of that algorithm. Slow for RSA, whose primes are tested.
    """
    row = ALGORITHMS.get(algorithm)
    key = None
    with suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = load_pem_private_key(data, password=None)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name not in {c.name for c in CURVES.values()}:
        key = None
    if row is None or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UnsupportedKeyError("the PEM file holds no unencrypted private key of a supported algorithm")
    return parse_private({"kty": row.kty, "alg": row.name, "kid": kid, **members_of(key)})
