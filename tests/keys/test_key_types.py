"""What the strict readers refuse of OKP, AKP and oct keys, and of keys for encryption; EC and RSA: test_parsers.py."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwks_operator.keys.algorithms import ALGORITHMS, CURVE_OCTETS
from jwks_operator.keys.edwards import is_usable_point
from jwks_operator.keys.jwk import parse_private, parse_public, public_jwk
from jwks_operator.keys.key_errors import InconsistentKeyError, InvalidMemberError, JwkError, NoSuchFormError
from jwks_operator.keys.material import load_private, load_public, load_secret
from jwks_operator.keys.members import encode_octets
from keys.samples import SECRET_NAMES, fresh, octets_of

P25519 = 2**255 - 19
P448 = 2**448 - 2**224 - 1
OKP = [("Ed25519", "Ed25519"), ("Ed448", "Ed448"), ("ECDH-ES", "X25519"), ("ECDH-ES", "X448")]
LATTICE = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
ABSENT = object()


def private(algorithm: str, curve: str | None = None, /, **change: Any) -> dict[str, Any]:
    members = {**fresh(algorithm, curve).private.reveal(), **change}
    return {name: value for name, value in members.items() if value is not ABSENT}


def public(algorithm: str, curve: str | None = None, /, **change: Any) -> dict[str, Any]:
    return {**fresh(algorithm, curve).public, **change}


def little(value: int, size: int) -> str:
    return encode_octets(value.to_bytes(size, "little"))


@pytest.mark.parametrize(("algorithm", "crv"), OKP)
@pytest.mark.parametrize("name", ["x", "d"])
@pytest.mark.parametrize("step", [-1, 1])
def test_okp_members_have_the_length_of_their_curve(algorithm: str, crv: str, name: str, step: int) -> None:
    octets = octets_of(str(fresh(algorithm, crv).private.reveal()[name]))
    changed = (octets + b"\1")[: len(octets) + step]
    with pytest.raises(InvalidMemberError, match=f"{name} does not have {CURVE_OCTETS[crv]} octets"):
        parse_private(private(algorithm, crv, **{name: encode_octets(changed)}))


@pytest.mark.parametrize(("algorithm", "crv"), OKP)
def test_okp_halves_of_two_keys_are_refused(algorithm: str, crv: str) -> None:
    other = fresh(algorithm, crv, 1).private.reveal()["d"]
    with pytest.raises(InconsistentKeyError, match="do not belong"):
        parse_private(private(algorithm, crv, d=other))


# The points of small order, RFC 7748 section 6.1 and the torsion of the two Edwards curves.
SMALL_ORDER = [
    ("Ed25519", "Ed25519", little(1, 32)),
    ("Ed25519", "Ed25519", little(P25519 - 1, 32)),
    ("Ed25519", "Ed25519", little(0, 32)),
    ("Ed25519", "Ed25519", little(1 << 255, 32)),
    (
        "Ed25519",
        "Ed25519",
        encode_octets(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")),
    ),
    (
        "Ed25519",
        "Ed25519",
        encode_octets(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
    ),
    ("Ed448", "Ed448", little(1, 57)),
    ("Ed448", "Ed448", little(P448 - 1, 57)),
    ("Ed448", "Ed448", little(0, 57)),
    ("ECDH-ES", "X25519", little(0, 32)),
    ("ECDH-ES", "X25519", little(1, 32)),
    ("ECDH-ES", "X25519", little(P25519 - 1, 32)),
    ("ECDH-ES", "X448", little(0, 56)),
    ("ECDH-ES", "X448", little(1, 56)),
    ("ECDH-ES", "X448", little(P448 - 1, 56)),
]
NOT_REDUCED = [
    ("Ed25519", "Ed25519", little(P25519 + 3, 32)),
    ("Ed448", "Ed448", little(P448 + 4, 57)),
    ("Ed448", "Ed448", little(4 + (1 << 448), 57)),
    ("ECDH-ES", "X25519", little(P25519 + 9, 32)),
    ("ECDH-ES", "X25519", little(9 + (1 << 255), 32)),
    ("ECDH-ES", "X448", little(P448 + 5, 56)),
]
OFF_THE_CURVE = [("Ed25519", "Ed25519", little(2, 32)), ("Ed448", "Ed448", little(2, 57))]


@pytest.mark.parametrize(("algorithm", "crv", "x"), SMALL_ORDER + NOT_REDUCED + OFF_THE_CURVE)
def test_points_with_which_a_signature_or_a_secret_means_nothing_are_refused(algorithm: str, crv: str, x: str) -> None:
    with pytest.raises(InconsistentKeyError, match=f"x is not a usable point of {crv}"):
        parse_public(public(algorithm, crv, x=x))


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_half_of_all_octets_are_points_of_ed25519_and_a_point_times_a_sign_is_one_too(octets: bytes) -> None:
    turned = octets[:-1] + bytes([octets[-1] ^ 0x80])
    assert is_usable_point("Ed25519", octets) == is_usable_point("Ed25519", turned)


@pytest.mark.parametrize("algorithm", ["Ed25519", "Ed448"])
def test_the_keys_that_the_library_makes_are_all_usable_points(algorithm: str) -> None:
    for number in range(25):
        assert is_usable_point(algorithm, octets_of(str(fresh(algorithm, None, number).public["x"])))


@pytest.mark.parametrize("algorithm", LATTICE)
def test_ml_dsa_members_have_the_lengths_of_their_algorithm(algorithm: str) -> None:
    members = private(algorithm)
    for name, size in (("pub", ALGORITHMS[algorithm].octets), ("priv", 32)):
        octets = octets_of(members[name])
        for wrong in (octets[:-1], octets + b"\0", octets * 2):
            with pytest.raises(InvalidMemberError, match=f"{name} does not have {size} octets"):
                parse_private({**members, name: encode_octets(wrong)})


@pytest.mark.parametrize("algorithm", LATTICE)
def test_ml_dsa_halves_of_two_keys_and_other_algorithms_are_refused(algorithm: str) -> None:
    with pytest.raises(InconsistentKeyError, match="do not belong"):
        parse_private(private(algorithm, priv=encode_octets(bytes(32))))
    for other in LATTICE:
        if other != algorithm:
            with pytest.raises(InvalidMemberError, match="pub does not have"):
                parse_private(private(algorithm, alg=other))
    with pytest.raises(InvalidMemberError, match="alg is missing"):
        parse_private(private(algorithm, alg=ABSENT))


@pytest.mark.parametrize("algorithm", SECRET_NAMES)
def test_symmetric_keys_have_the_length_of_their_algorithm(algorithm: str) -> None:
    row = ALGORITHMS[algorithm]
    assert row.octets is not None
    assert row.most_octets is not None
    for size in (0, 1, row.octets - 1, row.most_octets + 1):
        with pytest.raises(InvalidMemberError, match="k "):
            parse_private(private(algorithm, k=encode_octets(b"\1" * size)))
    for size in (row.octets, row.most_octets):
        assert parse_private(private(algorithm, k=encode_octets(b"\1" * size)))[0] == {}


@pytest.mark.parametrize("algorithm", SECRET_NAMES)
def test_nothing_of_a_symmetric_key_is_ever_public(algorithm: str) -> None:
    for jwk in (private(algorithm), private(algorithm, k=ABSENT), private(algorithm, key_ops=ABSENT, k=ABSENT)):
        for read in (parse_public, public_jwk, load_public):
            with pytest.raises(NoSuchFormError):
                read(jwk)


def test_pairs_are_not_secrets_and_secrets_are_not_pairs() -> None:
    with pytest.raises(NoSuchFormError, match="not symmetric"):
        load_secret(private("ES256"))
    with pytest.raises(NoSuchFormError, match="no public half"):
        load_private(private("HS256"))


REFUSALS: list[tuple[Callable[[], dict[str, Any]], str]] = [
    (partial(private, "Ed25519", crv="Ed448"), "crv is not Ed25519"),
    (partial(private, "Ed25519", kty="EC"), "kty is not OKP"),
    (partial(private, "Ed25519", alg="EdDSA", crv="X25519"), "alg is not one of"),
    (partial(private, "Ed25519", alg="EdDSA", crv="P-256"), "alg is not one of"),
    (partial(private, "Ed25519", alg="EdDSA", crv=ABSENT), "crv is missing"),
    (partial(private, "ECDH-ES", "P-384", crv="P-256"), "x does not have 32 octets"),
    (partial(private, "ECDH-ES", "P-384", crv="X25519"), "crv is not P-256 or P-384 or P-521"),
    (partial(private, "ECDH-ES", "X25519", kty="EC"), "crv is not P-256"),
    (partial(private, "ECDH-ES", "X25519", crv="Ed25519"), "crv is not X25519 or X448"),
    (partial(private, "ECDH-ES", "X25519", kty="RSA"), "kty is not EC or OKP"),
    (partial(private, "ECDH-ES", use="sig"), "use is not enc"),
    (partial(private, "ECDH-ES", key_ops=["sign"]), "key_ops is not a list out of"),
    (partial(private, "RSA-OAEP-256", use="sig"), "use is not enc"),
    (partial(private, "RSA-OAEP-256", key_ops=["sign"]), "key_ops is not a list out of"),
    (partial(private, "RSA-OAEP-256", alg="RSA-OAEP"), "alg is not one of"),
    (partial(private, "RSA-OAEP-256", alg="RSA1_5"), "alg is not one of"),
    (partial(private, "RSA-OAEP-256", oth=[]), "more than two primes"),
    (partial(private, "ES256K", crv="P-256"), "crv is not secp256k1"),
    (partial(private, "HS256", kid=ABSENT), "kid is missing"),
    (partial(private, "HS256", kty="RSA"), "kty is not oct"),
    (partial(private, "HS256", k=ABSENT), "k is missing"),
    (partial(private, "HS256", use="enc"), "use is not sig"),
    (partial(private, "A128KW", key_ops=["sign"]), "key_ops is not a list out of"),
    (partial(private, "A128KW", key_ops=["wrapKey", "wrapKey"]), "twice"),
]


@pytest.mark.parametrize(("jwk", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_a_wrong_private_key_is_refused(jwk: Callable[[], dict[str, Any]], message: str) -> None:
    with pytest.raises(JwkError, match=message):
        parse_private(jwk())


@pytest.mark.parametrize("crv", ["P-256", "X25519"])
@pytest.mark.parametrize("key_ops", [["deriveKey"], ["deriveBits", "deriveKey"], ["unwrapKey"], []])
def test_agreement_keys_that_list_operations_are_read_and_lose_them(crv: str, key_ops: list[str]) -> None:
    key = fresh("ECDH-ES", crv)
    assert parse_private(private("ECDH-ES", crv, key_ops=key_ops)) == (key.public, key.private)
    assert parse_public(public("ECDH-ES", crv, key_ops=key_ops)) == key.public


@pytest.mark.parametrize("key_ops", [["decrypt"], ["unwrapKey"], ["unwrapKey", "decrypt"]])
def test_encryption_keys_may_list_part_of_what_they_can_do(key_ops: list[str]) -> None:
    key = fresh("RSA-OAEP-256")
    assert parse_private(private("RSA-OAEP-256", key_ops=key_ops)) == (key.public, key.private)
