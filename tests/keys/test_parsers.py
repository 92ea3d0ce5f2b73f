import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from jwks_operator.keys.algorithms import PRIVATE_MEMBERS, RSA_MODULUS_LENGTHS
from jwks_operator.keys.check_cache import CheckCache
from jwks_operator.keys.jwk import (
    canonical_json,
    parse_json_strict,
    parse_private,
    parse_public,
    public_jwk,
)
from jwks_operator.keys.key_errors import InconsistentKeyError, InvalidMemberError, JwkError, UnsupportedKeyError
from jwks_operator.keys.material import load_private_unchecked, members_of
from jwks_operator.keys.members import encode_octets
from jwks_operator.keys.private import PrivateJwk
from keys.samples import EC_VECTOR, PAIR_NAMES, RSA_VECTOR, SHAPES, VECTORS, fresh, octets_of

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
ABSENT = object()


def public_part(jwk: dict[str, Any]) -> dict[str, Any]:
    return {name: jwk[name] for name in ("kty", "alg", "crv", "x", "y", "n", "e") if name in jwk}


def changed(jwk: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**jwk, **change}.items() if value is not ABSENT}


def rsa_members(bits: int, exponent: int = 65537) -> dict[str, Any]:
    members = members_of(rsa.generate_private_key(exponent, bits))
    assert members is not None
    return {"alg": "RS256", **members}


def plus(value: str, step: int) -> str:
    """The base64url number `value` plus a step, in as many octets."""
    octets = octets_of(value)
    return encode_octets((int.from_bytes(octets, "big") + step).to_bytes(len(octets), "big"))


@pytest.mark.parametrize("name", ["RFC 7517 A.1", "RFC 7517 A.2"])
def test_the_key_sets_of_rfc_7517_are_read(name: str) -> None:
    ec_key, rsa_key = VECTORS[name]["keys"]
    parse = parse_public if name.endswith("A.1") else lambda value: parse_private(value)[0]
    assert parse(rsa_key)["kid"] == "2011-04-29"
    with pytest.raises(InvalidMemberError, match="use is not sig"):
        parse({**ec_key, "alg": "ES256"})
    assert parse({**ec_key, "alg": "ES256", "use": "sig"})["kid"] == "1"


def test_a_private_rfc_7517_key_has_the_public_form_that_the_rfc_prints() -> None:
    printed = VECTORS["RFC 7517 A.1"]["keys"][1]
    public, private = parse_private(VECTORS["RFC 7517 A.2"]["keys"][1])
    assert {name: public[name] for name in printed} == printed
    assert {**VECTORS["RFC 7517 A.2"]["keys"][1], "use": "sig", "key_ops": ["sign"]} == private.reveal()


@pytest.mark.parametrize(("algorithm", "crv"), SHAPES)
def test_what_we_write_is_read_back_as_it_is(algorithm: str, crv: str | None) -> None:
    key = fresh(algorithm, crv)
    assert parse_private(parse_json_strict(key.private.reveal_json())) == (key.public, key.private)
    if key.public:
        assert canonical_json(parse_public(key.public)) == canonical_json(key.public)


@pytest.mark.parametrize(("algorithm", "crv"), [shape for shape in SHAPES if shape[0] in PAIR_NAMES])
def test_a_foreign_key_is_completed(algorithm: str, crv: str | None) -> None:
    key = fresh(algorithm, crv)
    jwk = {name: value for name, value in key.private.reveal().items() if name not in ("use", "key_ops", "kid")}
    assert parse_private({**jwk, "ext": True, "nbf": 1}) == (key.public, key.private)
    public = {name: value for name, value in jwk.items() if name not in PRIVATE_MEMBERS[str(jwk["kty"])]}
    assert parse_public({**public, "x5t": "any"}) == key.public


def test_a_foreign_kid_may_hold_any_text() -> None:
    assert parse_private({**EC_VECTOR, "kid": "a/b ü \n…"})[1].kid == "a/b ü \n…"


@pytest.mark.parametrize("key_ops", [["sign"], ["sign", "verify"], ["verify", "sign"]])
def test_a_private_key_may_also_verify(key_ops: list[str]) -> None:
    assert parse_private({**EC_VECTOR, "key_ops": key_ops})[1].reveal()["key_ops"] == ["sign"]


COMMON_REFUSALS: list[tuple[dict[str, Any], type[JwkError], str]] = [
    ({"kty": ABSENT}, InvalidMemberError, "kty is missing"),
    ({"kty": "oct"}, InvalidMemberError, "kty is not EC"),
    ({"alg": ABSENT}, InvalidMemberError, "alg is missing"),
    ({"alg": "none"}, UnsupportedKeyError, "alg is not one of ES256, ES384"),
    ({"alg": ["ES256"]}, InvalidMemberError, "alg is not a string"),
    ({"alg": "RS256"}, InvalidMemberError, "kty is not RSA"),
    ({"crv": "P-384"}, InvalidMemberError, "crv is not P-256"),
    ({"use": "enc"}, InvalidMemberError, "use is not sig"),
    ({"use": None}, InvalidMemberError, "use is not sig"),
    ({"key_ops": "sign"}, InvalidMemberError, "key_ops is not a list"),
    ({"key_ops": [["sign"]]}, InvalidMemberError, "key_ops is not a list"),
    ({"key_ops": []}, InvalidMemberError, "key_ops does not list"),
    ({"key_ops": ["decrypt"]}, InvalidMemberError, "key_ops is not a list out of"),
    ({"kid": ""}, InvalidMemberError, "kid is not a string with content"),
    ({"kid": "\udc00"}, InvalidMemberError, "kid is not Unicode"),
    ({"x": ABSENT}, InvalidMemberError, "x is missing"),
    ({"x": 7}, InvalidMemberError, "x is not a string"),
    ({"x": EC_VECTOR["x"] + "="}, InvalidMemberError, "x is not canonical base64url"),
    ({"x": EC_VECTOR["x"][:-1] + "V"}, InvalidMemberError, "x is not canonical base64url"),
    ({"x": EC_VECTOR["x"][:-1] + "\n"}, InvalidMemberError, "x is not canonical base64url"),
    ({"y": EC_VECTOR["y"].replace("_", "/")}, InvalidMemberError, "y is not canonical base64url"),
    ({"x": "ü" * 43}, InvalidMemberError, "x is not canonical base64url"),
    ({"x": encode_octets(b"\1" * 31)}, InvalidMemberError, "x does not have 32 octets"),
    ({"y": encode_octets(b"\0" + octets_of(EC_VECTOR["y"]))}, InvalidMemberError, "y does not have 32"),
    ({"y": plus(EC_VECTOR["y"], 1)}, InconsistentKeyError, "not a point of P-256"),
    ({"x": encode_octets(bytes(32)), "y": encode_octets(bytes(32))}, InconsistentKeyError, "not a point"),
    ({"x": encode_octets(P256_PRIME.to_bytes(32, "big"))}, InconsistentKeyError, "not a point"),
    ({"x": EC_VECTOR["y"], "y": EC_VECTOR["x"]}, InconsistentKeyError, "not a point"),
]

PRIVATE_EC_REFUSALS: list[tuple[dict[str, Any], type[JwkError], str]] = [
    ({"d": ABSENT}, InvalidMemberError, "d is missing"),
    ({"d": encode_octets(b"\1" * 31)}, InvalidMemberError, "d does not have 32 octets"),
    ({"d": encode_octets(bytes(32))}, InconsistentKeyError, "do not belong"),
    ({"d": encode_octets(P256_ORDER.to_bytes(32, "big"))}, InconsistentKeyError, "do not belong"),
    ({"d": plus(EC_VECTOR["d"], 1)}, InconsistentKeyError, "do not belong"),
    (
        {"d": encode_octets((P256_ORDER - int.from_bytes(octets_of(EC_VECTOR["d"]), "big")).to_bytes(32, "big"))},
        InconsistentKeyError,
        "do not belong",
    ),
    ({"key_ops": ["verify"]}, InvalidMemberError, "does not list sign"),
    ({"key_ops": ["sign", "sign"]}, InvalidMemberError, "twice"),
]

PUBLIC_RSA_REFUSALS: list[tuple[dict[str, Any], type[JwkError], str]] = [
    ({"n": ABSENT}, InvalidMemberError, "n is missing"),
    ({"e": ABSENT}, InvalidMemberError, "e is missing"),
    ({"e": "Aw"}, UnsupportedKeyError, "e is not 65537"),
    ({"e": "AAEAAQ"}, InvalidMemberError, "e has leading zero octets"),
    ({"n": encode_octets(b"\0" + octets_of(RSA_VECTOR["n"]))}, InvalidMemberError, "n has leading zero"),
    ({"n": encode_octets(octets_of(RSA_VECTOR["n"])[1:])}, UnsupportedKeyError, "2048, 3072, 4096 bits"),
    ({"n": encode_octets(octets_of(RSA_VECTOR["n"]) + b"\1")}, UnsupportedKeyError, "2048, 3072, 4096"),
    ({"n": encode_octets(b"\x7f" + b"\xff" * 255)}, UnsupportedKeyError, "2048, 3072, 4096 bits"),
    ({"n": plus(RSA_VECTOR["n"], -1)}, InconsistentKeyError, "not an RSA key"),
]

PRIVATE_RSA_REFUSALS: list[tuple[dict[str, Any], type[JwkError], str]] = [
    *(({name: ABSENT}, InvalidMemberError, f"{name} is missing") for name in ("d", "p", "q", "dp", "dq", "qi")),
    *(
        ({name: plus(RSA_VECTOR[name], 2)}, InconsistentKeyError, "do not belong")
        for name in ("n", "d", "p", "q", "dp", "dq", "qi")
    ),
    ({"p": RSA_VECTOR["q"], "q": RSA_VECTOR["p"]}, InconsistentKeyError, "do not belong"),
    ({"d": RSA_VECTOR["n"]}, InconsistentKeyError, "do not belong"),
    ({"p": RSA_VECTOR["n"], "q": "AQ"}, InvalidMemberError, "p and q do not have 1024 bits"),
    ({"d": encode_octets(b"\0" + octets_of(RSA_VECTOR["d"]))}, InvalidMemberError, "d has leading zero"),
    ({"oth": [{"r": "AQ", "d": "AQ", "t": "AQ"}]}, UnsupportedKeyError, "more than two primes"),
    ({"oth": []}, UnsupportedKeyError, "more than two primes"),
]


@pytest.mark.parametrize(("change", "error", "message"), COMMON_REFUSALS + PRIVATE_EC_REFUSALS)
def test_a_wrong_private_ec_key_is_refused(change: dict[str, Any], error: type[JwkError], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_private(changed(EC_VECTOR, change))


@pytest.mark.parametrize(("change", "error", "message"), COMMON_REFUSALS)
def test_a_wrong_public_ec_key_is_refused(change: dict[str, Any], error: type[JwkError], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_public(changed(public_part(EC_VECTOR), change))


@pytest.mark.parametrize(("change", "error", "message"), PUBLIC_RSA_REFUSALS + PRIVATE_RSA_REFUSALS)
def test_a_wrong_private_rsa_key_is_refused(change: dict[str, Any], error: type[JwkError], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_private(changed(RSA_VECTOR, change))


@pytest.mark.parametrize(("change", "error", "message"), PUBLIC_RSA_REFUSALS)
def test_a_wrong_public_rsa_key_is_refused(change: dict[str, Any], error: type[JwkError], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_public(changed(public_part(RSA_VECTOR), change))


@pytest.mark.parametrize("key_ops", [["sign"], ["sign", "verify"], ["verify", "verify"], []])
def test_a_public_key_only_verifies(key_ops: list[str]) -> None:
    with pytest.raises(InvalidMemberError, match="key_ops"):
        parse_public({**public_part(EC_VECTOR), "key_ops": key_ops})


@pytest.mark.parametrize("jwk", [EC_VECTOR, RSA_VECTOR, {**public_part(RSA_VECTOR), "oth": []}])
def test_a_public_key_that_brings_private_members_is_refused(jwk: dict[str, Any]) -> None:
    with pytest.raises(InvalidMemberError, match="private members in a public key"):
        parse_public(jwk)


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "EC", [], [EC_VECTOR], {}, {"keys": [EC_VECTOR]}])
def test_what_is_no_key_object_is_refused(value: object) -> None:
    for parse in (parse_public, parse_private):
        with pytest.raises(InvalidMemberError):
            parse(value)


def test_rsa_keys_of_other_sizes_and_exponents_are_refused() -> None:
    for members, message in [(rsa_members(1024), "bits"), (rsa_members(2048, exponent=3), "e is not 65537")]:
        with pytest.raises(UnsupportedKeyError, match=message):
            parse_private(members)


@pytest.mark.parametrize("bits", RSA_MODULUS_LENGTHS)
def test_rsa_keys_of_the_allowed_sizes_are_read(bits: int) -> None:
    public, private = parse_private(rsa_members(bits))
    assert len(octets_of(str(public["n"]))) * 8 == bits
    assert public_jwk(private.reveal()) == public


def test_reading_our_own_rsa_key_believes_its_numbers() -> None:
    wrong = {**fresh("RS256").private.reveal(), "dp": plus(RSA_VECTOR["dp"], 2)}
    load_private_unchecked(PrivateJwk.from_members(wrong).reveal())
    with pytest.raises(InconsistentKeyError):
        parse_private(wrong)


def test_a_sound_rsa_key_is_proved_once() -> None:
    """A source that is followed is read in every pass, and the proof takes 50 to 300 ms."""
    members = rsa_members(4096)
    first, second = (_seconds_to_read(members) for _ in range(2))
    assert second < first / 4


@pytest.mark.parametrize("name", ["d", "p", "q", "dp", "dq", "qi"])
def test_a_changed_rsa_key_is_not_believed_for_the_sake_of_the_sound_one(name: str) -> None:
    members = fresh("RS256").private.reveal()
    parse_private(members)
    with pytest.raises(InconsistentKeyError):
        parse_private({**members, name: plus(str(members[name]), 2)})
    for _ in range(2):
        with pytest.raises(InconsistentKeyError):
            parse_private({**members, name: plus(str(members[name]), -2)})


def test_only_so_many_verdicts_are_remembered() -> None:
    sound = CheckCache(2)
    for digest in (b"a", b"b", b"b", b"c"):
        sound.add(digest)
    assert [digest in sound for digest in (b"a", b"b", b"c")] == [False, True, True]


def _seconds_to_read(members: dict[str, Any]) -> float:
    begin = time.process_time()
    parse_private(members)
    return time.process_time() - begin


def test_reading_our_own_ec_key_still_compares_its_halves() -> None:
    with pytest.raises(InconsistentKeyError, match="do not belong"):
        load_private_unchecked({**EC_VECTOR, "d": plus(EC_VECTOR["d"], 1)})
