"""RSA keys between JWK members and `cryptography` (RFC 7518 section 6.3): two primes, exponent 65537, known sizes."""

from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from jwks_operator.keys.algorithms import (
    PRIVATE_MEMBERS,
    PUBLIC_MEMBERS,
    RSA_MODULUS_LENGTHS,
    RSA_PUBLIC_EXPONENT,
    Algorithm,
)
from jwks_operator.keys.check_cache import CheckCache
from jwks_operator.keys.key_errors import InconsistentKeyError, InvalidMemberError, JwkError, UnsupportedKeyError
from jwks_operator.keys.members import encode_octets, octets, text

Jwk = Mapping[str, object]

_MEMBERS: Final = (*PUBLIC_MEMBERS["RSA"], *PRIVATE_MEMBERS["RSA"])
_FACTORS: Final = ("p", "q", "dp", "dq", "qi")
_SOUND: Final = CheckCache(1024)


def rsa_members(key: rsa.RSAPrivateKey) -> dict[str, object]:
    """Return the public and private members of a key."""
    numbers = key.private_numbers()
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


def rsa_public(jwk: Jwk, algorithm: Algorithm) -> rsa.RSAPublicKey:
    """Return the public key of a JWK; raises a JwkError for other sizes, exponents and encodings."""
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


def complete_rsa(jwk: Jwk) -> dict[str, object]:
    """Return the members with the private numbers that may be left out beside d (RFC 7518 section 6.3.2), if any is.

    Numbers that are there stay as they are. What cannot be completed is returned as it is: never raises.
    """
    known = dict(jwk)
    absent = [name for name in _FACTORS if name not in known]
    if "d" not in known or "oth" in known or not absent:
        return known
    with suppress(JwkError, ValueError, ArithmeticError):
        n, e, d = (_positive(known, name) for name in ("n", "e", "d"))
        if e == RSA_PUBLIC_EXPONENT and n % 2 and n.bit_length() in RSA_MODULUS_LENGTHS and d < n:
            p, q = _primes(known, n, d)
            found = {
                "p": p,
                "q": q,
                "dp": rsa.rsa_crt_dmp1(d, p),
                "dq": rsa.rsa_crt_dmq1(d, q),
                "qi": rsa.rsa_crt_iqmp(p, q),
            }
            known |= {name: encode_octets(_minimal_octets(found[name])) for name in absent}
    return known


def _primes(jwk: Jwk, n: int, d: int) -> tuple[int, int]:
    for given, first in (("p", True), ("q", False)):
        if given in jwk:
            prime = _positive(jwk, given)
            return (prime, n // prime) if first else (n // prime, prime)
    return rsa.rsa_recover_prime_factors(n, RSA_PUBLIC_EXPONENT, d)


def rsa_private(jwk: Jwk, public: rsa.RSAPublicKey, *, trusted: bool) -> rsa.RSAPrivateKey | None:
    """Return the private key; None if its numbers do not belong together, which a `trusted` key is not asked.

    Nor is a key again that was found sound before: a source that is followed is read in every pass.
    """
    numbers = _numbers(jwk, public.public_numbers())
    digest = _digest(jwk)
    with suppress(ValueError):
        key = numbers.private_key(unsafe_skip_rsa_key_validation=trusted or digest in _SOUND)
        if not trusted:
            _SOUND.add(digest)
        return key
    return None


def _digest(jwk: Jwk) -> bytes:
    """A digest of every number of a key whose members are canonical base64url, which holds no space."""
    return sha256(" ".join(text(jwk, name) for name in _MEMBERS).encode("ascii")).digest()


def _numbers(jwk: Jwk, public: rsa.RSAPublicNumbers) -> rsa.RSAPrivateNumbers:
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


def _minimal_octets(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _positive(jwk: Jwk, name: str) -> int:
    """RSA numbers have the fewest octets that hold them (Base64urlUInt, RFC 7518 section 2)."""
    value = octets(jwk, name)
    if value[0] == 0:
        raise InvalidMemberError(f"{name} has leading zero octets")
    return int.from_bytes(value, "big")
