"""Keys that the tests of this room share: the vectors of the RFCs and one fresh key for each algorithm."""

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from jwks_operator.keys.algorithms import ALGORITHMS, PRIVATE_MEMBERS, KeyClass
from jwks_operator.keys.generate import GeneratedKey, generate
from jwks_operator.keys.material import members_of

VECTORS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("rfc_vectors.json").read_text())
RSA_VECTOR: dict[str, Any] = {**VECTORS["RFC 7515 A.2"]["key"], "alg": "RS256"}
EC_VECTOR: dict[str, Any] = {**VECTORS["RFC 7515 A.3"]["key"], "alg": "ES256"}

PRIVATE = {"ES256": EC_VECTOR, "RS256": RSA_VECTOR}
PAIR_NAMES = tuple(name for name, row in ALGORITHMS.items() if row.key_class is not KeyClass.SYMMETRIC)
SECRET_NAMES = tuple(name for name in ALGORITHMS if name not in PAIR_NAMES)
EACH_KEY_TYPE = ("ES256", "RS256", "Ed25519", "ML-DSA-44", "HS256")
SHAPES = tuple((row.name, crv) for row in ALGORITHMS.values() for crv in row.curves or (None,))
"""Every algorithm, on every curve that it may have."""


def fresh(algorithm: str, crv: str | None = None, number: int = 0) -> GeneratedKey:
    """One key for each algorithm, curve (its default if None) and number; RSA of the smallest and fastest size."""
    return _made(algorithm, crv or ALGORITHMS[algorithm].crv, number)


@cache
def _made(algorithm: str, crv: str | None, number: int) -> GeneratedKey:
    modulus_length = 2048 if ALGORITHMS[algorithm].modulus_lengths else None
    while is_misread_by_node_jose((key := generate(algorithm, modulus_length, crv)).public):
        pass
    return key


def is_misread_by_node_jose(public: dict[str, Any]) -> bool:
    """Tell whether node-jose cannot read the PEM file of a key, which happens to one in 256 on P-256 and P-384.

    It takes the point, 04 and two coordinates, for an OCTET STRING (tag 04) where x begins with the fitting length.
    """
    if public.get("kty") != "EC":
        return False
    x, y = (octets_of(str(public[name])) for name in ("x", "y"))
    return x[0] == len(x) + len(y) - 1


def private_windows(members: dict[str, Any]) -> set[str]:
    """Every run of eight characters of every private value: none of them may show up in a text."""
    values = [str(members[name]) for name in PRIVATE_MEMBERS[str(members["kty"])] if name in members]
    return {value[start : start + 8] for value in values for start in range(len(value) - 7)}


def octets_of(value: str) -> bytes:
    """The octets behind base64url, read without the code under test."""
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def ec_members(scalar: int) -> dict[str, Any]:
    """The private ES256 key with the given scalar."""
    members = members_of(ec.derive_private_key(scalar, ec.SECP256R1()))
    assert members is not None
    return {"alg": "ES256", **members}
