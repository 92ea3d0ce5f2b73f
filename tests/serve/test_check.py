"""Only a set of well-formed public keys passes; a message never shows what it refuses."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.serve.check import MAX_BYTES, SetRefused, check_discovery, check_historical, check_set
from serve.sets import AKP, DISCOVERY, EC, HISTORICAL, RSA, but, jwks, jws

SECRET = "hcsAbRgAS1_zQzNZ4dGyTsxYXQpFbYlqN0dGQrDQS-0"

CERTIFICATE = base64.b64encode(b"\x30\x82\x01\x00\x30\x81\x80").decode()
"""The beginning of one: a sequence that begins with a sequence."""

PKCS8 = base64.b64encode(b"\x30\x81\x87\x02\x01\x00\x30\x13").decode()
SEC1 = base64.b64encode(b"\x30\x77\x02\x01\x01\x04\x20").decode()

GOOD = {
    "an empty set": (jwks(), 0),
    "an elliptic key": (jwks(EC), 1),
    "two types": (jwks(EC, RSA), 2),
    "no optional members": (jwks(but(EC, use=None)), 1),
    "a lattice key": (jwks(AKP), 1),
    "a certificate": (jwks(but(EC, x5c=[CERTIFICATE])), 1),
}

BAD = {
    "nothing": (b"", "not one JSON document"),
    "half a file": (jwks(EC)[:-3], "not one JSON document"),
    "not UTF-8": (b'{"keys": ["\xff"]}', "not one JSON document"),
    "too deep": (b"[" * 100_000, "not one JSON document"),
    "a list": (b"[]", "not a JSON object"),
    "no keys": (b"{}", '"keys"'),
    "keys that are no list": (b'{"keys": {}}', '"keys"'),
    "something beside the keys": (b'{"keys": [], "next": []}', '"keys"'),
    "keys twice": (b'{"keys": [], "keys": []}', "twice"),
    "too large": (jwks(but(EC, kid="k" * MAX_BYTES)), "larger than"),
    "a string for a key": (jwks("key"), "keys[0]: not a JSON object"),
    "a private elliptic key": (jwks(RSA, but(EC, d=SECRET)), "keys[1]: a member is not public for kty EC"),
    "a private RSA key": (jwks(but(RSA, d=SECRET)), "not public"),
    "a prime": (jwks(but(RSA, p=SECRET)), "not public"),
    "a symmetric key": (
        jwks({"kty": "oct", "alg": "HS256", "kid": "k", "k": SECRET}),
        "a symmetric key is never public",
    ),
    "an algorithm from nowhere": (jwks(but(EC, alg="ES1")), "alg is not one of"),
    "a symmetric key that claims to be public": (jwks(but(EC, kty="oct", k=SECRET)), "kty is not EC"),
    "a symmetric member in a public key": (jwks(but(EC, k=SECRET)), "not public"),
    "a private set hidden in a member": (jwks(but(EC, note={"d": SECRET})), "not public"),
    "an unknown key type": (jwks(but(EC, kty="XY")), "kty"),
    "a key type that is no string": (jwks(but(EC, kty=["EC"])), "kty"),
    "no key type": (jwks(but(EC, kty=None)), "kty"),
    "no algorithm": (jwks(but(EC, alg=None)), "alg is missing"),
    "no kid": (jwks(but(EC, kid=None)), "kid"),
    "an empty kid": (jwks(but(EC, kid="")), "kid"),
    "one kid for two keys": (jwks(EC, but(RSA, kid=EC["kid"])), "keys[1]: its kid occurs twice"),
    "half a point": (jwks(but(EC, y=None)), "y is missing"),
    "a short coordinate": (jwks(but(EC, y="AAAA")), "length of its curve"),
    "an unknown curve": (jwks(but(EC, crv="P-192")), "crv is not P-256"),
    "a coordinate that is not base64url": (jwks(but(EC, y="*" * 43)), "y is not canonical base64url"),
    "a coordinate of an impossible length": (jwks(but(EC, y="AAAAA")), "y is not canonical base64url"),
    "a short modulus": (jwks(but(RSA, n="AQAB")), "n is too short"),
    "a modulus of zeros": (jwks(but(RSA, n="A" * 344)), "n is too short"),
    "an algorithm of another type": (jwks(but(EC, alg="RS256")), "kty is not RSA"),
    "a use that contradicts": (jwks(but(EC, use="enc")), "use"),
    "operations that are no list": (jwks(but(EC, key_ops="verify")), "key_ops"),
    "operations of the private half": (jwks(but(EC, key_ops=["sign"])), "key_ops"),
    "a lattice key of a wrong length": (jwks(but(AKP, alg="ML-DSA-44")), "pub does not have the length"),
    "a private lattice key": (jwks(but(AKP, priv=SECRET)), "not public"),
    "a PKCS #8 key for a certificate": (jwks(but(EC, x5c=[PKCS8])), "x5c is not a list of certificates"),
    "a SEC 1 key for a certificate": (jwks(but(EC, x5c=[CERTIFICATE, SEC1])), "x5c is not"),
    "a text for a certificate": (jwks(but(EC, x5c=[SECRET])), "x5c is not"),
    "certificates that are no list": (jwks(but(EC, x5c=CERTIFICATE)), "x5c is not"),
    "operations that are no strings": (jwks(but(EC, key_ops=[{"d": SECRET}])), "key_ops"),
}


@pytest.mark.parametrize(("raw", "count"), GOOD.values(), ids=GOOD)
def test_a_good_set_passes(raw: bytes, count: int) -> None:
    assert check_set(raw) == count


@pytest.mark.parametrize(("raw", "reason"), BAD.values(), ids=BAD)
def test_anything_else_is_refused_without_quoting_it(raw: bytes, reason: str) -> None:
    with pytest.raises(SetRefused) as refused:
        check_set(raw)
    assert reason in str(refused.value)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_pass_or_are_refused(raw: bytes) -> None:
    try:
        check_set(raw)
    except SetRefused:
        return
    assert json.loads(raw) == {"keys": []}


@given(member=st.text(max_size=8), value=JSON, key=st.sampled_from([EC, RSA]))
def test_no_member_from_outside_the_allow_list_passes(member: str, value: object, key: dict[str, object]) -> None:
    if member in {"use", "alg", "key_ops", *key}:
        return
    with pytest.raises(SetRefused):
        check_set(jwks({**key, member: value}))


def test_documents_beside_the_set_pass() -> None:
    check_discovery(json.dumps(DISCOVERY).encode())
    check_historical(jws(HISTORICAL) + b"\n")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "issuer is missing"),
        ({**DISCOVERY, "issuer": 1}, "issuer is missing"),
        ({**DISCOVERY, "jwks": {"keys": [EC]}}, "there is a key in it"),
        ({**DISCOVERY, "deep": [[{"k": SECRET}]]}, "there is a key in it"),
        ({**DISCOVERY, "d": SECRET}, "there is a key in it"),
        ([], "not a JSON object"),
    ],
)
def test_a_discovery_document_holds_no_key(document: object, reason: str) -> None:
    with pytest.raises(SetRefused, match=reason) as refused:
        check_discovery(json.dumps(document).encode())
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (b"", "not a compact JWS"),
        (b"a.b", "not a compact JWS"),
        (b"*.*.*", "not a compact JWS"),
        (jws({}), "a list"),
        (jws({"keys": [but(EC, d=SECRET)]}), "not public"),
        (jws({**HISTORICAL, "more": {"d": SECRET}}), "more than a plain value"),
        (jws(HISTORICAL, {"alg": "ES256", "jwk": {"d": SECRET}}), "more than a plain value"),
        (jws([]), "not a JSON object"),
    ],
)
def test_historical_keys_are_public_keys_and_plain_values(token: bytes, reason: str) -> None:
    with pytest.raises(SetRefused, match=reason) as refused:
        check_historical(token)
    assert SECRET not in str(refused.value)


@given(st.binary(max_size=80))
def test_any_octets_are_historical_keys_or_refused(raw: bytes) -> None:
    with pytest.raises(SetRefused):
        check_historical(raw)
