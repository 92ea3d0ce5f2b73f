"""The published name of an algorithm: EdDSA for Ed25519 and Ed448 if old clients must read it.

No cryptography is imported here: the planner reads it too.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from jwks_operator.keys.algorithms import ALGORITHMS, EDDSA, Method
from jwks_operator.keys.members import public_jwk

EddsaName: TypeAlias = Literal["Ed25519", "EdDSA"]


def algorithm_name(algorithm: str, eddsa_name: EddsaName = "Ed25519") -> str:
    """Return the name to write for an algorithm: EdDSA for Ed25519 and Ed448 if old clients are to read it.

    Names outside the table are returned as they are.
    """
    row = ALGORITHMS.get(algorithm)
    old = eddsa_name == EDDSA and row is not None and row.method is Method.EDDSA
    return EDDSA if old else algorithm


def eddsa_name_of(public: Mapping[str, object]) -> EddsaName:
    """Return the name under which a public JWK was written; a key of another algorithm has the present one."""
    return "EdDSA" if public.get("alg") == EDDSA else "Ed25519"


def as_written(public: Mapping[str, object], value: object) -> dict[str, object]:
    """Return a canonical public JWK with the algorithm name of the JWK it was read from (EdDSA stays EdDSA).

    The empty public JWK of a symmetric key stays empty.
    """
    alg = value.get("alg") if isinstance(value, Mapping) else None
    return {**public, "alg": alg} if public else {}


def to_published_jwk(public: Mapping[str, object], eddsa_name: EddsaName = "Ed25519") -> dict[str, object]:
    """Return the public JWK as it is published (RFC 9864 names, or EdDSA for old clients).

    Raises as `public_jwk` does.
    """
    jwk = public_jwk(public)
    return {**jwk, "alg": algorithm_name(str(jwk["alg"]), eddsa_name)}
