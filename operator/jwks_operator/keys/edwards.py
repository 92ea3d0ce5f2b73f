"""Checks that octets are a valid point for a key, on the curves whose libraries do not check.

`cryptography` takes any 32 octets as an Ed25519 key and fails, or worse does not, when a signature is checked. The
few lines here decode the point as RFC 8032 sections 5.1.3 and 5.2.3 say and refuse what is not on the curve, what
is not in lowest terms, and the points of small order, with which a signature says nothing about who made it. Only
public values are computed with, so it need not take constant time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class _Edwards:
    """The curve a x² + y² = 1 + d x² y² over the field of `prime`, with cofactor 2 ** `doublings`."""

    prime: int
    a: int
    d: int
    doublings: int


_P25519: Final = 2**255 - 19
_P448: Final = 2**448 - 2**224 - 1

_EDWARDS: Final[Mapping[str, _Edwards]] = MappingProxyType(
    {
        "Ed25519": _Edwards(_P25519, -1, -121665 * pow(121666, -1, _P25519) % _P25519, 3),
        "Ed448": _Edwards(_P448, 1, -39081 % _P448, 2),
    }
)
_MONTGOMERY: Final = MappingProxyType({"X25519": _P25519, "X448": _P448})


def is_usable_point(crv: str, encoded: bytes) -> bool:
    """Tell whether octets of the right length are a point of Ed25519 or Ed448, in lowest terms, of large order."""
    curve = _EDWARDS[crv]
    p = curve.prime
    y = int.from_bytes(encoded, "little") & ~(1 << (len(encoded) * 8 - 1))  # the highest bit is the sign of x
    if y >= p or pow(_x_squared(curve, y), (p - 1) // 2, p) not in (0, 1):
        return False
    for _ in range(curve.doublings):
        y = _doubled(curve, y)
    return y != 1


def is_reduced(crv: str, encoded: bytes) -> bool:
    """Tell whether octets of the right length are a coordinate of X25519 or X448 in lowest terms (RFC 7748)."""
    return int.from_bytes(encoded, "little") < _MONTGOMERY[crv]


def _x_squared(curve: _Edwards, y: int) -> int:
    # d is no square and a is one, so the divisor is never zero.
    return (1 - y * y) * pow(curve.a - curve.d * y * y, -1, curve.prime) % curve.prime


def _doubled(curve: _Edwards, y: int) -> int:
    """The y of the doubled point; it depends on y alone."""
    xx, yy = _x_squared(curve, y), y * y
    return (yy - curve.a * xx) * pow(1 - curve.d * xx * yy, -1, curve.prime) % curve.prime
