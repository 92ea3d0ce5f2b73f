import pytest

from jwks_operator.keys.algorithms import ALGORITHMS
from jwks_operator.keys.generate import generate
from jwks_operator.keys.jwk import parse_private
from jwks_operator.keys.key_errors import KeyProofError, UnsupportedKeyError
from jwks_operator.keys.material import load_private_unchecked, load_public
from jwks_operator.keys.members import encode_octets
from jwks_operator.keys.pairwise_check import check_pair
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.signing import hash_of, sign, sign_compact, verify
from keys.samples import PAIR_NAMES, PRIVATE, SECRET_NAMES, SHAPES, fresh, octets_of


@pytest.mark.parametrize(("algorithm", "crv"), SHAPES)
def test_every_algorithm_of_the_table_makes_a_key_that_proves_itself(algorithm: str, crv: str | None) -> None:
    key = fresh(algorithm, crv)
    check_pair(key.public, key.private)


@pytest.mark.parametrize(("ours", "theirs"), [("ES256", "ES256"), ("RS256", "RS256"), ("ES256", "RS256")])
def test_halves_of_two_keys_fail_the_proof(ours: str, theirs: str) -> None:
    public, private = parse_private(PRIVATE[theirs])
    check_pair(public, private)
    with pytest.raises(KeyProofError):
        check_pair(fresh(ours).public, private)


@pytest.mark.parametrize(("algorithm", "crv"), [shape for shape in SHAPES if shape[0] in PAIR_NAMES])
def test_no_pair_proves_the_half_of_another(algorithm: str, crv: str | None) -> None:
    with pytest.raises(KeyProofError):
        check_pair(fresh(algorithm, crv, 1).public, fresh(algorithm, crv).private)


@pytest.mark.parametrize("algorithm", ["RS256", "RSA-OAEP-256"])
def test_a_private_number_that_is_off_fails_the_proof(algorithm: str) -> None:
    key = fresh(algorithm)
    members = key.private.reveal()
    members.update(dict.fromkeys(("d", "dp", "dq"), members["q"]))
    with pytest.raises(KeyProofError):
        check_pair(key.public, PrivateJwk.from_members(members))


@pytest.mark.parametrize("algorithm", SECRET_NAMES)
def test_a_secret_of_another_length_fails_the_proof(algorithm: str) -> None:
    members = fresh(algorithm).private.reveal()
    members["k"] = encode_octets(octets_of(str(members["k"]))[1:])
    with pytest.raises(KeyProofError):
        check_pair({}, PrivateJwk.from_members(members))


def test_the_two_algorithms_of_one_kind_of_key_do_not_prove_each_other() -> None:
    key = fresh("RS256")
    with pytest.raises(KeyProofError):
        check_pair({**key.public, "alg": "PS256"}, key.private)


@pytest.mark.parametrize("algorithm", ["RSA-OAEP-256", "ECDH-ES", "PS256"])
def test_a_key_signs_with_no_algorithm_but_its_own_kind(algorithm: str) -> None:
    key = generate("Ed25519")
    private, public = load_private_unchecked(key.private.reveal()), load_public(key.public)
    row = ALGORITHMS[algorithm]
    with pytest.raises(UnsupportedKeyError, match="does not sign"):
        sign(private, row, b"")
    with pytest.raises(UnsupportedKeyError, match="does not verify"):
        verify(public, row, b"", b"")


@pytest.mark.parametrize("algorithm", ["RSA-OAEP-256", "ECDH-ES", "HS256"])
def test_only_signature_keys_sign_tokens(algorithm: str) -> None:
    with pytest.raises(UnsupportedKeyError, match="not for signatures"):
        sign_compact(fresh(algorithm).private, b"{}", "JWT")


def test_an_algorithm_without_a_hash_function_has_none() -> None:
    with pytest.raises(UnsupportedKeyError, match="has no hash function"):
        hash_of(ALGORITHMS["Ed25519"])
