"""The table of algorithms contradicts neither itself nor the tables of members."""

import pytest

from jwks_operator.keys.algorithms import (
    ALGORITHMS,
    COMMON_MEMBERS,
    CURVE_OCTETS,
    CURVES,
    PRIVATE_MEMBERS,
    PUBLIC_MEMBERS,
    THUMBPRINT_MEMBERS,
    Algorithm,
    KeyClass,
)

ROWS = pytest.mark.parametrize("row", ALGORITHMS.values(), ids=lambda row: row.name)

NAMES = """
ES256 ES384 ES512 ES256K Ed25519 Ed448 RS256 RS384 RS512 PS256 PS384 PS512 ML-DSA-44 ML-DSA-65 ML-DSA-87
RSA-OAEP-256 RSA-OAEP-384 RSA-OAEP-512 ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW
HS256 HS384 HS512 A128KW A192KW A256KW A128GCMKW A192GCMKW A256GCMKW
A128GCM A192GCM A256GCM A128CBC-HS256 A192CBC-HS384 A256CBC-HS512
"""
WEAK = ("none", "RSA1_5", "RSA-OAEP", "RS1", "dir", "PBES2-HS256+A128KW", "EdDSA", "HS1")


def test_the_table_has_the_algorithms_of_the_standards_and_nothing_weak() -> None:
    assert list(ALGORITHMS) == NAMES.split()
    assert not set(WEAK) & set(ALGORITHMS)


@ROWS
def test_a_row_has_its_key_type_and_curves_in_the_tables(row: Algorithm) -> None:
    assert row.kty in PRIVATE_MEMBERS
    assert (row.kty in PUBLIC_MEMBERS) == (row.key_class is not KeyClass.SYMMETRIC)
    assert (row.crv is None) == (not row.curves)
    for crv in row.curves:
        assert row.on(crv).crv == crv
        assert row.on(crv).kty == CURVES[crv].kty
    with pytest.raises(KeyError):
        row.on("P-192")


@ROWS
def test_a_row_leaves_one_size_to_choose_at_most(row: Algorithm) -> None:
    assert (row.default_modulus_length in row.modulus_lengths) == (row.kty == "RSA")
    assert (row.octets is not None) == (row.kty in ("oct", "AKP"))
    assert (row.most_octets is not None) == (row.kty == "oct")


@ROWS
def test_the_operations_of_a_row_agree_with_its_use(row: Algorithm) -> None:
    signing = {"sign", "verify"}
    listed = {*row.private_ops, *row.public_ops, *row.foreign_ops}
    assert row.use == ("sig" if listed & signing else "enc")
    assert listed <= signing or not listed & signing
    assert not row.public_ops or row.key_class is not KeyClass.SYMMETRIC


@pytest.mark.parametrize("kty", PRIVATE_MEMBERS)
def test_public_and_private_members_of_a_key_type_are_disjoint_and_a_thumbprint_tells_no_private_one(kty: str) -> None:
    public, private = {*COMMON_MEMBERS, *PUBLIC_MEMBERS.get(kty, ())}, {*PRIVATE_MEMBERS[kty]}
    assert not public & private
    covered = THUMBPRINT_MEMBERS[kty]
    assert list(covered) == sorted(covered)
    assert kty == "oct" or set(covered) <= public


def test_the_octets_of_a_curve_hold_its_field() -> None:
    assert CURVE_OCTETS == {
        "P-256": 32,
        "P-384": 48,
        "P-521": 66,
        "secp256k1": 32,
        "Ed25519": 32,
        "Ed448": 57,
        "X25519": 32,
        "X448": 56,
    }
