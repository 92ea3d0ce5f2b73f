"""ML-DSA keys between JWK members and `cryptography` (RFC 9964 section 3): `pub` as is, `priv` the seed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import mldsa

from jwks_operator.keys.algorithms import SEED_OCTETS, Algorithm
from jwks_operator.keys.members import encode_octets, exact_octets

MlDsaPrivateKey: TypeAlias = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
MlDsaPublicKey: TypeAlias = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey

ML_DSA_PRIVATE: Final[Mapping[str, type[MlDsaPrivateKey]]] = MappingProxyType(
    {
        "ML-DSA-44": mldsa.MLDSA44PrivateKey,
        "ML-DSA-65": mldsa.MLDSA65PrivateKey,
        "ML-DSA-87": mldsa.MLDSA87PrivateKey,
    }
)
_ML_DSA_PUBLIC: Final[Mapping[str, type[MlDsaPublicKey]]] = MappingProxyType(
    {
        "ML-DSA-44": mldsa.MLDSA44PublicKey,
        "ML-DSA-65": mldsa.MLDSA65PublicKey,
        "ML-DSA-87": mldsa.MLDSA87PublicKey,
    }
)

Jwk = Mapping[str, object]


def ml_dsa_members(key: MlDsaPrivateKey) -> dict[str, object]:
    """Return `pub` and `priv`."""
    return {
        "pub": encode_octets(key.public_key().public_bytes_raw()),
        "priv": encode_octets(key.private_bytes_raw()),
    }


def ml_dsa_public(jwk: Jwk, algorithm: Algorithm) -> MlDsaPublicKey:
    """Return the public key; any octets of the right length are one. Raises InvalidMemberError."""
    return _ML_DSA_PUBLIC[algorithm.name].from_public_bytes(exact_octets(jwk, "pub", algorithm.octets))


def ml_dsa_private(jwk: Jwk, algorithm: Algorithm) -> MlDsaPrivateKey:
    """Return the private key; any seed of the right length is one. Raises InvalidMemberError."""
    return ML_DSA_PRIVATE[algorithm.name].from_seed_bytes(exact_octets(jwk, "priv", SEED_OCTETS))
