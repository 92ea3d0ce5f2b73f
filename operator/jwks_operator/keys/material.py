"""Between the members of a JWK and the key objects of `cryptography`, in both directions.

Reading is strict by key type: exact octets, sizes from the tables, points on their curve. Reading a private
key comes in two forms: `load_private` checks that all its numbers belong together (some 50 ms for RSA-2048,
more for larger ones) and `load_private_unchecked` trusts them, for keys that this operator wrote itself.
Symmetric keys are octets: `load_secret`.
"""

from collections.abc import Mapping
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa, x448, x25519

from jwks_operator.keys.algorithms import Algorithm
from jwks_operator.keys.curve_members import (
    OkpPrivateKey,
    OkpPublicKey,
    crv_of,
    ec_members,
    ec_private,
    ec_public,
    okp_members,
    okp_private,
    okp_public,
)
from jwks_operator.keys.key_errors import InconsistentKeyError, InvalidMemberError, NoSuchFormError
from jwks_operator.keys.lattice_members import (
    MlDsaPrivateKey,
    MlDsaPublicKey,
    ml_dsa_members,
    ml_dsa_private,
    ml_dsa_public,
)
from jwks_operator.keys.members import algorithm_of, octets
from jwks_operator.keys.rsa_members import rsa_members, rsa_private, rsa_public

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | OkpPublicKey | MlDsaPublicKey
PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | OkpPrivateKey | MlDsaPrivateKey
Jwk: TypeAlias = Mapping[str, object]


def members_of(key: object) -> dict[str, object] | None:
    """Return `kty` and the public and private members of a private key; None if the tables have no such keys."""
    match key:
        case rsa.RSAPrivateKey():
            return {"kty": "RSA", **rsa_members(key)}
        case ec.EllipticCurvePrivateKey() if crv_of(key):
            return {"kty": "EC", **ec_members(key)}
        case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey() | x25519.X25519PrivateKey() | x448.X448PrivateKey():
            return {"kty": "OKP", **okp_members(key)}
        case mldsa.MLDSA44PrivateKey() | mldsa.MLDSA65PrivateKey() | mldsa.MLDSA87PrivateKey():
            return {"kty": "AKP", **ml_dsa_members(key)}
    return None


def load_public(jwk: Jwk) -> PublicKey:
    """Return the public key of a public or private JWK.

    Raises UnsupportedKeyError, InvalidMemberError (encoding, length, exponent), InconsistentKeyError (a point off
    its curve) or NoSuchFormError (symmetric).
    """
    algorithm = algorithm_of(jwk)
    match algorithm.kty:
        case "RSA":
            return rsa_public(jwk, algorithm)
        case "EC":
            return ec_public(jwk)
        case "OKP":
            return okp_public(jwk)
        case "AKP":
            return ml_dsa_public(jwk, algorithm)
    raise NoSuchFormError("a symmetric key has no public half")


def load_private(jwk: Jwk) -> PrivateKey:
    """Return the private key of a JWK from elsewhere, having proved that all its numbers are one key.

    Raises as `load_public` does, InconsistentKeyError also for halves that do not match. Slow for RSA.
    """
    return _matching(jwk, trusted=False)


def load_private_unchecked(jwk: Jwk) -> PrivateKey:
    """Return the private key of a JWK that this operator wrote itself; RSA numbers are believed.

    Raises as `load_public` does.
    """
    return _matching(jwk, trusted=True)


def load_secret(jwk: Jwk) -> bytes:
    """Return the octets of a symmetric key; raises InvalidMemberError for a length that its algorithm forbids."""
    algorithm = algorithm_of(jwk)
    least, most = algorithm.octets, algorithm.most_octets
    if least is None or most is None:
        raise NoSuchFormError(f"a key for {algorithm.name} is not symmetric")
    secret = octets(jwk, "k")
    if not least <= len(secret) <= most:
        raise InvalidMemberError(f"k does not have {least}{'' if most == least else f' to {most}'} octets")
    return secret


def _matching(jwk: Jwk, *, trusted: bool) -> PrivateKey:
    algorithm = algorithm_of(jwk)
    public = load_public(jwk)
    private = _read_private(jwk, algorithm, public, trusted=trusted)
    if private is None or (private.public_key() != public):
        raise InconsistentKeyError("the private members do not belong to the public ones")
    return private


def _read_private(jwk: Jwk, algorithm: Algorithm, public: PublicKey, *, trusted: bool) -> PrivateKey | None:
    if isinstance(public, rsa.RSAPublicKey):
        return rsa_private(jwk, public, trusted=trusted)
    if isinstance(public, ec.EllipticCurvePublicKey):
        return ec_private(jwk, public)
    return ml_dsa_private(jwk, algorithm) if algorithm.kty == "AKP" else okp_private(jwk)
