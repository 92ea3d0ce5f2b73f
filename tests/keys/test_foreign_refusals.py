"""What is refused of a key from elsewhere, for every algorithm and curve: one table, read as a file and as a set."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jwks_operator.keys.algorithms import ALGORITHMS, CURVE_OCTETS
from jwks_operator.keys.certificates import load_chain, self_signed
from jwks_operator.keys.generate import generate
from jwks_operator.keys.import_reader import Wanted, read_private, read_public_keys
from jwks_operator.keys.jwk import parse_private, parse_public
from jwks_operator.keys.key_errors import InconsistentKeyError, JwkError
from jwks_operator.keys.members import encode_octets
from keys.samples import PAIR_NAMES, SHAPES, fresh, octets_of
from keys.test_chain_order import TERMS

PAIRS = [shape for shape in SHAPES if shape[0] in PAIR_NAMES]
ON_CURVES = [shape for shape in PAIRS if shape[1] is not None]
RSA_NAMES = [name for name, row in ALGORITHMS.items() if row.kty == "RSA"]
ALLOWED = ", ".join(ALGORITHMS)


def wanted(algorithm: str, crv: str | None) -> Wanted:
    row = ALGORITHMS[algorithm]
    return Wanted(algorithm, 2048 if row.modulus_lengths else None, crv if len(row.curves) > 1 else None)


def refused(algorithm: str, crv: str | None, text: str | dict[str, Any], says: str) -> None:
    """A file with the key, and a set with nothing else, are refused in these words; no foreign error hangs on it."""
    written = text if isinstance(text, str) else json.dumps(text)
    for data in (written, f'{{"keys":[{written}]}}'):
        with pytest.raises(JwkError, match=says) as caught:
            read_private(data.encode(), wanted(algorithm, crv))
        assert caught.value.__context__ is None


@pytest.mark.parametrize(("algorithm", "crv"), SHAPES)
def test_a_member_twice_is_named(algorithm: str, crv: str | None) -> None:
    members = fresh(algorithm, crv).private.reveal()
    for name in members:
        again = json.dumps({name: members[name]})[1:-1]
        refused(algorithm, crv, f"{json.dumps(members)[:-1]}, {again}}}", f"names a member twice: {name}")


@pytest.mark.parametrize(("algorithm", "crv"), ON_CURVES)
@pytest.mark.parametrize(
    "change", [lambda octets: octets[:-1], lambda octets: octets + b"\0", lambda octets: octets * 2]
)
def test_a_value_of_another_length_is_named_with_the_right_one(algorithm: str, crv: str, change: Any) -> None:
    members = fresh(algorithm, crv).private.reveal()
    for name in members.keys() & {"x", "y", "d"}:
        wrong = encode_octets(change(octets_of(str(members[name]))))
        refused(algorithm, crv, {**members, name: wrong}, f"{name} does not have {CURVE_OCTETS[crv]} octets")


@pytest.mark.parametrize(
    ("algorithm", "crv"), [shape for shape in ON_CURVES if str(shape[1]).startswith(("P-", "secp"))]
)
def test_a_point_off_its_curve_is_refused(algorithm: str, crv: str) -> None:
    members = fresh(algorithm, crv).private.reveal()
    octets = octets_of(str(members["y"]))
    off = encode_octets(octets[:-1] + bytes([octets[-1] ^ 1]))
    refused(algorithm, crv, {**members, "y": off}, f"x and y are not a point of {crv}")
    public: Any = {name: value for name, value in members.items() if name not in ("d", "key_ops")}
    with pytest.raises(InconsistentKeyError, match=f"x and y are not a point of {crv}"):
        parse_public({**public, "y": off})


@pytest.mark.parametrize(("algorithm", "crv"), PAIRS)
def test_halves_of_two_keys_are_refused(algorithm: str, crv: str | None) -> None:
    ours, theirs = fresh(algorithm, crv).private.reveal(), fresh(algorithm, crv, 1).private.reveal()
    private = {"d", "p", "q", "dp", "dq", "qi", "priv"} & ours.keys()
    mixed = {**ours, **{name: theirs[name] for name in private}}
    refused(algorithm, crv, mixed, "the private members do not belong to the public ones")


@pytest.mark.parametrize("algorithm", RSA_NAMES)
@pytest.mark.parametrize("oth", [[], [{"r": "Aw", "d": "Aw", "t": "Aw"}], "Aw"])
def test_rsa_keys_of_more_than_two_primes_are_refused(algorithm: str, oth: object) -> None:
    members = {**fresh(algorithm).private.reveal(), "oth": oth}
    refused(algorithm, None, members, "oth: RSA keys of more than two primes are not accepted")
    public = {**fresh(algorithm).public, "oth": oth}
    with pytest.raises(JwkError, match="private members in a public key"):
        parse_public(public)


@pytest.mark.parametrize(
    "name", ["none", "RSA1_5", "RSA-OAEP", "RS1", "dir", "PBES2-HS256+A128KW", "HS1", "X448", "es256"]
)
def test_every_reader_of_an_unknown_algorithm_says_which_are_known(name: str) -> None:
    jwk = {**fresh("ES256").private.reveal(), "alg": name}
    for ask in (
        lambda: parse_private(jwk),
        lambda: parse_public({**fresh("ES256").public, "alg": name}),
        lambda: generate(name),
    ):
        with pytest.raises(JwkError) as caught:
            ask()
        assert ALLOWED in str(caught.value)


def test_in_a_public_set_the_refused_key_is_named_by_its_kid_and_place() -> None:
    good, bad = fresh("ES256").public, {**fresh("ES256", None, 1).public, "y": fresh("ES256").public["x"]}
    read = read_public_keys(json.dumps({"keys": [good, bad]}).encode(), "ES256")
    assert read.keys == (good,)
    assert read.left_out == (f"kid {bad['kid']!r}, key 2 of the set: x and y are not a point of P-256",)
    with pytest.raises(JwkError, match="key 1 of the set: private members in a public key"):
        read_public_keys(json.dumps({"keys": [fresh("ES256").private.reveal()]}).encode(), "ES256")
    twice = json.dumps(good)[:-1] + ', "kty": "EC"}'
    with pytest.raises(JwkError, match="names a member twice: kty"):
        read_public_keys(f'{{"keys":[{twice}]}}'.encode(), "ES256")


def test_a_key_whose_certificate_is_of_another_key_is_imported_and_named() -> None:
    ours, other = fresh("ES256").public, fresh("ES256", None, 1)
    der = load_chain(self_signed(other.public, other.private, TERMS))[0].public_bytes(Encoding.DER)
    doubtful = {**ours, "x5c": [base64.b64encode(der).decode()]}
    read = read_public_keys(json.dumps({"keys": [doubtful]}).encode(), "ES256")
    assert read.keys == (ours,)
    assert read.left_out == (
        f"kid {ours['kid']!r}, key 1 of the set: its x5c, which is of another key (the key itself is imported); "
        "tell its issuer",
    )
    right = {**other.public, "x5c": doubtful["x5c"]}
    assert not read_public_keys(json.dumps({"keys": [right]}).encode(), "ES256").left_out


def test_a_public_key_in_hexadecimal_is_left_out_with_the_command_that_mends_it() -> None:
    good, key = fresh("ES256").public, fresh("ES256", None, 1).public
    bad = {**key, **{name: octets_of(str(key[name])).hex() for name in "xy"}}
    read = read_public_keys(json.dumps({"keys": [good, bad]}).encode(), "ES256")
    (told,) = read.left_out
    assert "x does not have 32 octets; its members are written in hexadecimal" in told
    assert "python3 -c" in told
