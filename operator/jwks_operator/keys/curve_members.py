"""Keys on curves between JWK members and `cryptography`: EC (RFC 7518 section 6.2) and OKP (RFC 8037 section 2)."""

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final, TypeAlias, cast

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, x448, x25519

from jwks_operator.keys.algorithms import CURVE_OCTETS
from jwks_operator.keys.edwards import is_reduced, is_usable_point
from jwks_operator.keys.key_errors import InconsistentKeyError
from jwks_operator.keys.members import encode_octets, exact_octets, text

EC_CURVES: Final[Mapping[str, ec.EllipticCurve]] = MappingProxyType(
    {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1(), "secp256k1": ec.SECP256K1()}
)
_CRV_BY_CURVE: Final = {curve.name: crv for crv, curve in EC_CURVES.items()}

OkpPrivateKey: TypeAlias = (
    ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey
)
OkpPublicKey: TypeAlias = ed25519.Ed25519PublicKey | ed448.Ed448PublicKey | x25519.X25519PublicKey | x448.X448PublicKey

OKP_PRIVATE: Final[Mapping[str, type[OkpPrivateKey]]] = MappingProxyType(
    {
        "Ed25519": ed25519.Ed25519PrivateKey,
        "Ed448": ed448.Ed448PrivateKey,
        "X25519": x25519.X25519PrivateKey,
        "X448": x448.X448PrivateKey,
    }
)
_OKP_PUBLIC: Final[Mapping[str, type[OkpPublicKey]]] = MappingProxyType(
    {
        "Ed25519": ed25519.Ed25519PublicKey,
        "Ed448": ed448.Ed448PublicKey,
        "X25519": x25519.X25519PublicKey,
        "X448": x448.X448PublicKey,
    }
)

Jwk = Mapping[str, object]


def crv_of(key: ec.EllipticCurvePrivateKey) -> str | None:
    """Return the JOSE name of the curve of a key; None for curves that the tables do not have."""
    return _CRV_BY_CURVE.get(key.curve.name)


def ec_members(key: ec.EllipticCurvePrivateKey) -> dict[str, object]:
    """Return the public and private members of a key on one of `EC_CURVES`."""
    numbers = key.private_numbers()
    crv = _CRV_BY_CURVE[key.curve.name]
    size = CURVE_OCTETS[crv]
    point = numbers.public_numbers
    return {
        "crv": crv,
        "x": encode_octets(point.x.to_bytes(size, "big")),
        "y": encode_octets(point.y.to_bytes(size, "big")),
        "d": encode_octets(numbers.private_value.to_bytes(size, "big")),
    }


def ec_public(jwk: Jwk) -> ec.EllipticCurvePublicKey:
    """Return the public key of a JWK; raises InvalidMemberError or, for a point off the curve, InconsistentKeyError."""
    crv = text(jwk, "crv")
    x, y = (int.from_bytes(exact_octets(jwk, name, CURVE_OCTETS[crv]), "big") for name in ("x", "y"))
    with suppress(ValueError):
        return ec.EllipticCurvePublicNumbers(x, y, EC_CURVES[crv]).public_key()
    raise InconsistentKeyError(f"x and y are not a point of {crv}")


def ec_private(jwk: Jwk, public: ec.EllipticCurvePublicKey) -> ec.EllipticCurvePrivateKey | None:
    """Return the private key; None if its scalar is out of range or belongs to another point."""
    scalar = int.from_bytes(exact_octets(jwk, "d", CURVE_OCTETS[text(jwk, "crv")]), "big")
    with suppress(ValueError):
        return ec.EllipticCurvePrivateNumbers(scalar, public.public_numbers()).private_key()
    return None


def okp_members(key: OkpPrivateKey) -> dict[str, object]:
    """Return the public and private members of a key."""
    return {
        "crv": next(crv for crv, kind in OKP_PRIVATE.items() if isinstance(key, kind)),
        "x": encode_octets(key.public_key().public_bytes_raw()),
        "d": encode_octets(key.private_bytes_raw()),
    }


def okp_public(jwk: Jwk) -> OkpPublicKey:
    """Return the public key of a JWK.

    Raises InvalidMemberError, or InconsistentKeyError for what no honest generator makes: points off the curve, not
    in lowest terms or of small order, with which signatures and agreed secrets mean nothing (RFC 7748 section 6).
    """
    crv = text(jwk, "crv")
    encoded = exact_octets(jwk, "x", CURVE_OCTETS[crv])
    key = _OKP_PUBLIC[crv].from_public_bytes(encoded)
    if isinstance(key, x25519.X25519PublicKey | x448.X448PublicKey):
        usable = is_reduced(crv, encoded) and _agrees(crv, key)
    else:
        usable = is_usable_point(crv, encoded)
    if not usable:
        raise InconsistentKeyError(f"x is not a usable point of {crv}")
    return key


def okp_private(jwk: Jwk) -> OkpPrivateKey:
    """Return the private key of a JWK: any octets of the right length are one."""
    crv = text(jwk, "crv")
    return OKP_PRIVATE[crv].from_private_bytes(exact_octets(jwk, "d", CURVE_OCTETS[crv]))


def _agrees(crv: str, public: x25519.X25519PublicKey | x448.X448PublicKey) -> bool:
    """A point of small order agrees on zero with everybody, which the library refuses (RFC 7748 section 6)."""
    anyone = OKP_PRIVATE[crv].from_private_bytes(bytes(CURVE_OCTETS[crv]))
    with suppress(ValueError):
        cast(x25519.X25519PrivateKey, anyone).exchange(cast(x25519.X25519PublicKey, public))
        return True
    return False
