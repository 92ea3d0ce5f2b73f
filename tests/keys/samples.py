"""Keys that the tests of this room share: the vectors of the RFCs and one fresh key for each algorithm."""

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from jwks_operator.keys.generate import GeneratedKey, generate
from jwks_operator.keys.material import members_of

VECTORS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("rfc_vectors.json").read_text())
RSA_VECTOR: dict[str, Any] = {**VECTORS["RFC 7515 A.2"]["key"], "alg": "RS256"}
EC_VECTOR: dict[str, Any] = {**VECTORS["RFC 7515 A.3"]["key"], "alg": "ES256"}

PRIVATE = {"ES256": EC_VECTOR, "RS256": RSA_VECTOR}
ALGORITHM_NAMES = ("ES256", "RS256")


@cache
def fresh(algorithm: str) -> GeneratedKey:
    """One key for each algorithm and test run; RSA of the smallest size, which is the fastest."""
    return generate(algorithm, 2048 if algorithm == "RS256" else None)


def private_windows(members: dict[str, Any]) -> set[str]:
    """Every run of eight characters of every private value: none of them may show up in a text."""
    values = [str(members[name]) for name in ("d", "p", "q", "dp", "dq", "qi") if name in members]
    return {value[start : start + 8] for value in values for start in range(len(value) - 7)}


def octets_of(value: str) -> bytes:
    """The octets behind base64url, read without the code under test."""
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def ec_members(scalar: int) -> dict[str, Any]:
    """The private ES256 key with the given scalar."""
    members = members_of(ec.derive_private_key(scalar, ec.SECP256R1()))
    return {"kty": "EC", "alg": "ES256", **members}
