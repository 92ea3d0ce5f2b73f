"""Refuses imported RSA keys that are well formed and yet easy to break.

Sizes and exponents are refused by the readers already. Here are the two faults of generators that a key shows by
itself: primes that lie close together (FIPS 186-5 appendix A.1.3), and moduli of the ROCA family (CVE-2017-15361).
"""

import math
from collections.abc import Mapping
from typing import Final

from jwks_operator.keys.key_errors import UnsupportedKeyError
from jwks_operator.keys.members import octets

_ROCA_PRIMES: Final = tuple(
    number for number in range(3, 168) if all(number % divisor for divisor in range(2, math.isqrt(number) + 1))
)
_ROCA_GENERATOR: Final = 65537
_ROCA_RESIDUES: Final = {
    prime: frozenset(pow(_ROCA_GENERATOR, power, prime) for power in range(prime - 1)) for prime in _ROCA_PRIMES
}
_CLOSE_BITS: Final = 100


def refuse_weak(jwk: Mapping[str, object]) -> None:
    """Raise UnsupportedKeyError for an RSA key, public or private, that a known attack breaks; others pass."""
    if jwk.get("kty") != "RSA":
        return
    modulus = _number(jwk, "n")
    if all(modulus % prime in residues for prime, residues in _ROCA_RESIDUES.items()):
        raise UnsupportedKeyError("n comes from a broken generator (ROCA, CVE-2017-15361); replace this key")
    if "p" in jwk and "q" in jwk:
        apart = abs(_number(jwk, "p") - _number(jwk, "q"))
        if apart.bit_length() <= modulus.bit_length() // 2 - _CLOSE_BITS:
            raise UnsupportedKeyError("p and q lie so close together that n is easily factored; replace this key")


def _number(jwk: Mapping[str, object], name: str) -> int:
    return int.from_bytes(octets(jwk, name), "big")
