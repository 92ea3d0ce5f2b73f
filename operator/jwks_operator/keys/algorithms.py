"""The algorithms a set may name, one row each, and the members of each key type.

An algorithm fixes everything about the shape of its keys: key type, curve, use, operations and sizes. A new
algorithm joins by a row in `_ROWS`; a new key type by a row in each table of members, a new curve by its
octets. All else in this room reads these tables.

This module imports no cryptography: the API schema and the planner read it too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class KeyClass(StrEnum):
    """Who uses a key and who checks with it; the class decides which side is published first."""

    SIGNATURE = "signature"
    ENCRYPTION = "encryption"
    SYMMETRIC = "symmetric"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One JOSE algorithm and the one shape its keys have (RFC 7517 section 4, RFC 7518).

    `private_ops` and `public_ops` are the `key_ops` of the two halves. `modulus_lengths` are bits, empty for
    key types of a fixed size; `default_modulus_length` is None exactly then.
    """

    name: str
    key_class: KeyClass
    kty: str
    crv: str | None
    use: str
    private_ops: tuple[str, ...]
    public_ops: tuple[str, ...]
    modulus_lengths: tuple[int, ...] = ()
    default_modulus_length: int | None = None


RSA_PUBLIC_EXPONENT: Final = 65537
RSA_MODULUS_LENGTHS: Final = (2048, 3072, 4096)
"""Bits of the moduli that are accepted; RFC 7518 section 3.3 demands 2048 or more."""

RSA_DEFAULT_MODULUS_LENGTH: Final = 3072

_ROWS: Final = (
    Algorithm("ES256", KeyClass.SIGNATURE, "EC", "P-256", "sig", ("sign",), ("verify",)),
    Algorithm(
        "RS256",
        KeyClass.SIGNATURE,
        "RSA",
        None,
        "sig",
        ("sign",),
        ("verify",),
        RSA_MODULUS_LENGTHS,
        RSA_DEFAULT_MODULUS_LENGTH,
    ),
)

ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every supported algorithm by its JOSE name, in the order in which messages list them."""

CURVE_OCTETS: Final[Mapping[str, int]] = MappingProxyType({"P-256": 32})
"""Octets of one coordinate (and of the private scalar) of each curve, RFC 7518 section 6.2.1.2."""

COMMON_MEMBERS: Final = ("kty", "use", "key_ops", "alg", "kid")
"""Members that every key of ours has, in canonical order; the members of the key type follow them."""

PUBLIC_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({"EC": ("crv", "x", "y"), "RSA": ("n", "e")})
"""The allow-list of the public form of each key type, in canonical order (RFC 7518 sections 6.2.1, 6.3.1)."""

PRIVATE_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"EC": ("d",), "RSA": ("d", "p", "q", "dp", "dq", "qi")}
)
"""The members that must never be published, in canonical order (RFC 7518 sections 6.2.2, 6.3.2)."""

THUMBPRINT_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
)
"""The members that a thumbprint covers, in its lexicographic order (RFC 7638 section 3.2)."""
