import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.keys.algorithms import ALGORITHMS, COMMON_MEMBERS, PUBLIC_MEMBERS
from jwks_operator.keys.key_errors import (
    InvalidMemberError,
    JwkError,
    MalformedJsonError,
    NoSuchFormError,
    UnsupportedKeyError,
)
from jwks_operator.keys.members import canonical_json, parse_json_strict, public_jwk, thumbprint
from keys.samples import PAIR_NAMES, SECRET_NAMES, SHAPES, VECTORS, fresh

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def test_core_can_write_and_read_key_records_without_loading_cryptography() -> None:
    program = (
        "import sys; from jwks_operator.keys import algorithms, members, private;"
        "sys.exit(any(name.split('.')[0] == 'cryptography' for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_members_of_a_jwk_come_in_canonical_order() -> None:
    shuffled = {
        "d": "1",
        "y": "2",
        "n": "3",
        "kid": "4",
        "x": "5",
        "alg": "6",
        "zz": "7",
        "aa": "8",
        "kty": "9",
    }
    assert canonical_json({"keys": [shuffled]}) == (
        b'{"keys":[{"kty":"9","alg":"6","kid":"4","x":"5","y":"2","n":"3","d":"1","aa":"8","zz":"7"}]}'
    )


@pytest.mark.parametrize(
    ("algorithm", "order"),
    [
        ("ES256", "kty use key_ops alg kid crv x y d"),
        ("RS256", "kty use key_ops alg kid n e d p q dp dq qi"),
        ("Ed25519", "kty use key_ops alg kid crv x d"),
        ("ECDH-ES", "kty use alg kid crv x y d"),
        ("ML-DSA-44", "kty use key_ops alg kid pub priv"),
        ("HS256", "kty use key_ops alg kid k"),
    ],
)
def test_a_private_key_is_revealed_in_canonical_order(algorithm: str, order: str) -> None:
    revealed = fresh(algorithm).private.reveal()
    assert " ".join(revealed) == order
    assert " ".join(json.loads(canonical_json(dict(reversed(revealed.items()))))) == order


@given(JSON)
def test_equal_content_gives_equal_bytes_whatever_order_it_was_built_in(value: object) -> None:
    def turned(part: object) -> object:
        if isinstance(part, dict):
            return {name: turned(inner) for name, inner in reversed(part.items())}
        return tuple(map(turned, part)) if isinstance(part, list) else part

    written = canonical_json(value)
    assert canonical_json(turned(value)) == written
    assert canonical_json(parse_json_strict(written)) == written


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"x": value})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not one JSON document"),
        (b"{} {}", "not one JSON document"),
        (b'{"kty":"EC"', "not one JSON document"),
        (b'{"kid":"\xff"}', "not one JSON document"),
        ('{"kid":"a"}'.encode("utf-16"), "not one JSON document"),
        (b"\xef\xbb\xbf{}", "not one JSON document"),
        (b"[" * 100_000, "not one JSON document"),
        (b"9" * 10_000, "not one JSON document"),
        (b"NaN", "NaN and Infinity"),
        (b"[-Infinity]", "NaN and Infinity"),
        (b"1e999", "too large"),
        (b'{"d":"1","d":"2"}', "twice: d"),
        (b'{"keys":[{"kty":"EC","kty":"RSA"}]}', "twice: kty"),
        (b'{"\\u0064":"1","d":"1"}', "twice: d"),
    ],
)
def test_ambiguous_json_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(MalformedJsonError, match=message) as caught:
        parse_json_strict(data)
    assert caught.value.__context__ is None, "a JSONDecodeError would carry the whole text along"


def test_the_name_of_an_unknown_duplicate_member_is_not_repeated() -> None:
    with pytest.raises(MalformedJsonError) as caught:
        parse_json_strict(b'{"misplaced-secret":1,"misplaced-secret":2}')
    assert "misplaced-secret" not in str(caught.value)


@given(st.binary(max_size=64))
def test_any_bytes_are_json_or_a_typed_error(data: bytes) -> None:
    try:
        parse_json_strict(data)
    except MalformedJsonError:
        return
    json.loads(data)


def test_the_thumbprint_is_the_one_of_rfc_7638_section_3_1() -> None:
    vector = VECTORS["RFC 7638 3.1"]
    assert thumbprint(vector["key"]) == vector["thumbprint"]


@pytest.mark.parametrize("algorithm", PAIR_NAMES)
def test_both_halves_of_a_key_have_one_thumbprint(algorithm: str) -> None:
    key = fresh(algorithm)
    assert thumbprint(key.private.reveal()) == thumbprint(key.public) == key.kid == key.thumbprint


@pytest.mark.parametrize(
    ("jwk", "error"),
    [
        ({"kty": "XYZ", "crv": "Ed25519", "x": "AA"}, UnsupportedKeyError),
        ({"kty": "AKP", "pub": "AA"}, InvalidMemberError),
        ({"kty": "RSA", "n": "AA"}, InvalidMemberError),
        ({"kty": ["RSA"]}, InvalidMemberError),
        ({}, InvalidMemberError),
    ],
)
def test_what_has_no_thumbprint_is_a_typed_error(jwk: dict[str, object], error: type[JwkError]) -> None:
    with pytest.raises(error):
        thumbprint(jwk)


@pytest.mark.parametrize(("algorithm", "crv"), [shape for shape in SHAPES if shape[0] in PAIR_NAMES])
def test_the_public_form_has_the_allowed_members_alone(algorithm: str, crv: str | None) -> None:
    key, row = fresh(algorithm, crv), ALGORITHMS[algorithm]
    public = public_jwk(key.private.reveal())
    assert public == key.public == public_jwk(public)
    common = [name for name in COMMON_MEMBERS if name != "key_ops" or row.public_ops]
    assert list(public) == [*common, *PUBLIC_MEMBERS[str(public["kty"])]]
    assert public.get("key_ops", []) == list(row.public_ops)


@pytest.mark.parametrize("algorithm", SECRET_NAMES)
def test_a_symmetric_key_has_no_public_form(algorithm: str) -> None:
    members = fresh(algorithm).private.reveal()
    without_k = {name: value for name, value in members.items() if name != "k"}
    for jwk in (members, without_k):
        with pytest.raises(NoSuchFormError, match="no public form"):
            public_jwk(jwk)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"kty": "oct", "k": "c2VjcmV0"}, InvalidMemberError),
        ({"alg": "HS256"}, InvalidMemberError),
        ({"alg": "none"}, UnsupportedKeyError),
        ({"alg": "RS256"}, InvalidMemberError),
        ({"crv": "P-384"}, InvalidMemberError),
        ({"oth": []}, InvalidMemberError),
        ({"k": "c2VjcmV0"}, InvalidMemberError),
        ({"x5c": ["MII"]}, InvalidMemberError),
        ({"use": "enc"}, InvalidMemberError),
        ({"key_ops": ["decrypt"]}, InvalidMemberError),
        ({"kid": ""}, InvalidMemberError),
        ({"kid": 7}, InvalidMemberError),
        ({"kid": "\ud800"}, InvalidMemberError),
        ({"x": None}, InvalidMemberError),
    ],
)
def test_the_public_form_fails_closed(change: dict[str, object], error: type[JwkError]) -> None:
    with pytest.raises(error):
        public_jwk({**fresh("ES256").private.reveal(), **change})
