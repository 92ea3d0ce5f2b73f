"""Between the members of a JWK and the key objects of `cryptography`, in both directions.

Reading is strict by key type: exact octets, sizes from the tables, points on their curve. Reading a private
key comes in two forms: `load_private` proves that all its numbers belong together (some 50 ms for RSA-2048,
more for larger ones) and `load_private_unchecked` trusts them, for keys that this operator wrote itself.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from jwks_operator.keys.algorithms import CURVE_OCTETS, RSA_PUBLIC_EXPONENT, Algorithm
from jwks_operator.keys.errors import InconsistentKeyError, InvalidMemberError, UnsupportedKeyError
from jwks_operator.keys.members import algorithm_of, encode_octets, octets, text

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Jwk: TypeAlias = Mapping[str, object]

CURVES: Final[Mapping[str, ec.EllipticCurve]] = {"P-256": ec.SECP256R1()}
"""The curve objects behind the names in `algorithms.CURVE_OCTETS`."""

_CRV_BY_CURVE: Final = {curve.name: crv for crv, curve in CURVES.items()}


def members_of(key: PrivateKey) -> dict[str, object]:
    """Return the public and private members of a key on one of `CURVES` or of RSA, without the common ones."""
    if isinstance(key, rsa.RSAPrivateKey):
        return _rsa_members(key.private_numbers())
    return _ec_members(key.private_numbers(), _CRV_BY_CURVE[key.curve.name])


def load_public(jwk: Jwk) -> PublicKey:
    """Return the public key of a public or private JWK.

    Raises UnsupportedKeyError, InvalidMemberError (encoding, length, exponent) or InconsistentKeyError (a
    point off its curve).
    """
    algorithm = algorithm_of(jwk)
    return _rsa_public(jwk, algorithm) if algorithm.kty == "RSA" else _ec_public(jwk)


def load_private(jwk: Jwk) -> PrivateKey:
    """Return the private key of a JWK from elsewhere, having proved that all its numbers are one key.

    Raises as `load_public` does, InconsistentKeyError also for halves that do not match. Slow for RSA.
    """
    public = load_public(jwk)
    key = _read_private(jwk, public, trusted=False)
    if key is None or key.public_key().public_numbers() != public.public_numbers():
        raise InconsistentKeyError("the private members do not belong to the public ones")
    return key


def load_private_unchecked(jwk: Jwk) -> PrivateKey:
    """Return the private key of a JWK that this operator wrote itself; RSA numbers are believed.

    Raises as `load_public` does.
    """
    key = _read_private(jwk, load_public(jwk), trusted=True)
    if key is None:
        raise InconsistentKeyError("the private members are not a key")
    return key


def _read_private(jwk: Jwk, public: PublicKey, *, trusted: bool) -> PrivateKey | None:
    if isinstance(public, rsa.RSAPublicKey):
        numbers = _rsa_numbers(jwk, public.public_numbers())
        with suppress(ValueError):
            return numbers.private_key(unsafe_skip_rsa_key_validation=trusted)
        return None
    size = CURVE_OCTETS[text(jwk, "crv")]
    scalar = int.from_bytes(_exactly(jwk, "d", size), "big")
    with suppress(ValueError):
        return ec.EllipticCurvePrivateNumbers(scalar, public.public_numbers()).private_key()
    return None


def _ec_members(numbers: ec.EllipticCurvePrivateNumbers, crv: str) -> dict[str, object]:
    size = CURVE_OCTETS[crv]
    point = numbers.public_numbers
    return {
        "crv": crv,
        "x": encode_octets(point.x.to_bytes(size, "big")),
        "y": encode_octets(point.y.to_bytes(size, "big")),
        "d": encode_octets(numbers.private_value.to_bytes(size, "big")),
    }


def _ec_public(jwk: Jwk) -> ec.EllipticCurvePublicKey:
    crv = text(jwk, "crv")
    x = int.from_bytes(_exactly(jwk, "x", CURVE_OCTETS[crv]), "big")
    y = int.from_bytes(_exactly(jwk, "y", CURVE_OCTETS[crv]), "big")
    with suppress(ValueError):
        return ec.EllipticCurvePublicNumbers(x, y, CURVES[crv]).public_key()
    raise InconsistentKeyError(f"x and y are not a point of {crv}")


def _exactly(jwk: Jwk, name: str, size: int) -> bytes:
    """Fixed-size members keep their leading zeros (RFC 7518 section 6.2.1.2)."""
    value = octets(jwk, name)
    if len(value) != size:
        raise InvalidMemberError(f"{name} does not have {size} octets")
    return value


def _rsa_members(numbers: rsa.RSAPrivateNumbers) -> dict[str, object]:
    values = {
        "n": numbers.public_numbers.n,
        "e": numbers.public_numbers.e,
        "d": numbers.d,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "qi": numbers.iqmp,
    }
    return {name: encode_octets(_minimal_octets(value)) for name, value in values.items()}


def _minimal_octets(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _rsa_public(jwk: Jwk, algorithm: Algorithm) -> rsa.RSAPublicKey:
    modulus = _positive(jwk, "n")
    if modulus.bit_length() not in algorithm.modulus_lengths:
        lengths = ", ".join(map(str, algorithm.modulus_lengths))
        raise UnsupportedKeyError(f"n does not have one of {lengths} bits")
    if _positive(jwk, "e") != RSA_PUBLIC_EXPONENT:
        raise UnsupportedKeyError(f"e is not {RSA_PUBLIC_EXPONENT}")
    with suppress(ValueError):
        if modulus % 2:
            return rsa.RSAPublicNumbers(RSA_PUBLIC_EXPONENT, modulus).public_key()
    raise InconsistentKeyError("n and e are not an RSA key")


def _rsa_numbers(jwk: Jwk, public: rsa.RSAPublicNumbers) -> rsa.RSAPrivateNumbers:
    if "oth" in jwk:
        raise UnsupportedKeyError("oth: RSA keys of more than two primes are not accepted")
    p, q = _positive(jwk, "p"), _positive(jwk, "q")
    half = public.n.bit_length() // 2
    if p.bit_length() != half or q.bit_length() != half:
        raise InvalidMemberError(f"p and q do not have {half} bits each")
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=_positive(jwk, "d"),
        dmp1=_positive(jwk, "dp"),
        dmq1=_positive(jwk, "dq"),
        iqmp=_positive(jwk, "qi"),
        public_numbers=public,
    )


def _positive(jwk: Jwk, name: str) -> int:
    """RSA numbers have the fewest octets that hold them (Base64urlUInt, RFC 7518 section 2)."""
    value = octets(jwk, name)
    if value[0] == 0:
        raise InvalidMemberError(f"{name} has leading zero octets")
    return int.from_bytes(value, "big")
