"""The examples that the RFCs print: read, written, named, verified and decrypted as they say."""

import base64
import json
from typing import Any

import jwcrypto.jwe
import jwcrypto.jwk
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from jwcrypto.common import base64url_decode

from jwks_operator.keys.certificates import certificate_members, check_certificate_key
from jwks_operator.keys.jwk import parse_private, parse_public, thumbprint
from jwks_operator.keys.key_errors import InvalidMemberError, NoSuchFormError
from jwks_operator.keys.material import load_private, load_private_unchecked, load_public
from jwks_operator.keys.members import algorithm_of, encode_octets
from jwks_operator.keys.signing import sign, verify_compact
from keys.samples import VECTORS


def cookbook_private(kty: str) -> dict[str, Any]:
    return next(key for key in VECTORS["RFC 7520 3"]["keys"] if key["kty"] == kty and ("d" in key or "k" in key))


SIGNED = {
    "RFC 7515 A.2": (VECTORS["RFC 7515 A.2"]["key"], "RS256"),
    "RFC 7515 A.3": (VECTORS["RFC 7515 A.3"]["key"], "ES256"),
    "RFC 7515 A.4": (VECTORS["RFC 7515 A.4"]["key"], "ES512"),
    "RFC 7520 4.1": (cookbook_private("RSA"), "RS256"),
    "RFC 7520 4.2": (cookbook_private("RSA"), "PS384"),
    "RFC 7520 4.3": (cookbook_private("EC"), "ES512"),
    "RFC 8037 A.1": (VECTORS["RFC 8037 A.1"]["key"], "EdDSA"),
    **{name: (vector["key"], vector["key"]["alg"]) for name, vector in VECTORS.items() if name.startswith("RFC 9964")},
}


@pytest.mark.parametrize("name", SIGNED)
def test_a_signature_that_an_rfc_prints_verifies_with_the_public_form_of_its_key(name: str) -> None:
    jwk, alg = SIGNED[name]
    public, _ = parse_private({**jwk, "alg": alg})
    header, payload, _ = VECTORS[name]["jws"].split(".")
    typ = json.loads(base64url_decode(header)).get("typ")
    assert verify_compact(public, VECTORS[name]["jws"], typ) == base64url_decode(payload)


@pytest.mark.parametrize("name", ["RFC 7515 A.2", "RFC 7520 4.1", "RFC 8037 A.1"])
def test_we_make_the_signature_that_an_rfc_prints_where_only_one_is_possible(name: str) -> None:
    jwk, alg = SIGNED[name]
    members = parse_private({**jwk, "alg": alg})[1].reveal()
    signed, _, signature = VECTORS[name]["jws"].rpartition(".")
    made = sign(load_private_unchecked(members), algorithm_of(members), signed.encode())
    assert encode_octets(made) == signature


@pytest.mark.parametrize("name", ["RFC 7515 A.2", "RFC 7520 4.1", "RFC 8037 A.1"])
def test_a_changed_signature_does_not_verify(name: str) -> None:
    jwk, alg = SIGNED[name]
    public, _ = parse_private({**jwk, "alg": alg})
    token = VECTORS[name]["jws"]
    start = token.rindex(".") + 1
    changed = token[:start] + ("A" if token[start] != "A" else "B") + token[start + 1 :]
    with pytest.raises(InvalidMemberError, match="not a"):
        verify_compact(public, changed, json.loads(base64url_decode(token.split(".")[0])).get("typ"))


@pytest.mark.parametrize("name", ["RFC 7515 A.1", "RFC 7520 4.4"])
def test_a_code_that_an_rfc_prints_verifies_with_the_file_of_its_key(name: str) -> None:
    jwk = VECTORS[name].get("key") or cookbook_private("oct") | {"use": "sig"}
    public, private = parse_private({**jwk, "alg": "HS256"})
    assert public == {}
    key = jwt.PyJWK.from_json(private.reveal_json().decode())
    assert jwt.PyJWS().decode(VECTORS[name]["jws"], key, algorithms=["HS256"])


ENCRYPTED = {
    "RFC 7516 A.3": "A128KW",
    **{name: vector["alg"] for name, vector in VECTORS.items() if name.startswith("RFC 7520 5")},
}


@pytest.mark.parametrize("name", ENCRYPTED)
def test_what_an_rfc_encrypts_is_opened_with_the_file_of_its_key(name: str) -> None:
    vector = VECTORS[name]
    _, private = parse_private({"kid": "any", **vector["key"], "alg": ENCRYPTED[name]})
    token = jwcrypto.jwe.JWE()
    token.deserialize(vector["jwe"], jwcrypto.jwk.JWK.from_json(private.reveal_json().decode()))
    assert token.payload.decode() == vector["plaintext"]


@pytest.mark.parametrize(
    ("name", "alice", "algorithm"),
    [
        ("RFC 7518 C", "alice", "ECDH-ES"),
        ("RFC 8037 A.6", "ephemeral", "ECDH-ES"),
        ("RFC 8037 A.7", "ephemeral", "ECDH-ES"),
    ],
)
def test_both_sides_of_an_agreement_reach_the_secret_that_the_rfc_prints(name: str, alice: str, algorithm: str) -> None:
    vector = VECTORS[name]
    ours = load_private({**vector[alice], "alg": algorithm})
    theirs = load_public({**vector["bob"], "alg": algorithm})
    match ours, theirs:
        case ec.EllipticCurvePrivateKey(), ec.EllipticCurvePublicKey():
            agreed = ours.exchange(ec.ECDH(), theirs)
        case x25519.X25519PrivateKey(), x25519.X25519PublicKey():
            agreed = ours.exchange(theirs)
        case x448.X448PrivateKey(), x448.X448PublicKey():
            agreed = ours.exchange(theirs)
    assert encode_octets(agreed) == vector["z"]


@pytest.mark.parametrize("name", ["RFC 7638 3.1", "RFC 8037 A.1", *(n for n in VECTORS if n.startswith("RFC 9964"))])
def test_the_thumbprint_is_the_one_that_the_rfc_prints(name: str) -> None:
    vector = VECTORS[name]
    assert thumbprint(vector["key"]) == vector.get("thumbprint", vector["key"].get("kid"))


@pytest.mark.parametrize("name", [name for name in VECTORS if name.startswith("RFC 9964")])
def test_the_seed_that_rfc_9964_prints_makes_the_public_key_that_it_prints(name: str) -> None:
    key = VECTORS[name]["key"]
    public, private = parse_private(key)
    assert public["pub"] == key["pub"]
    assert private.reveal()["priv"] == key["priv"]
    assert parse_public({member: key[member] for member in ("kid", "kty", "alg", "pub")}) == public


def test_the_symmetric_keys_of_rfc_7517_are_read_where_they_have_a_kid() -> None:
    wrapping, signing = VECTORS["RFC 7517 A.3"]["keys"]
    with pytest.raises(InvalidMemberError, match="kid is missing"):
        parse_private(wrapping)
    assert parse_private({**wrapping, "kid": "1"})[1].reveal()["k"] == wrapping["k"]
    assert parse_private({**signing, "alg": "HS256"})[1].kid == "HMAC key used in JWS A.1 example"
    with pytest.raises(NoSuchFormError, match="no public form"):
        parse_public({**signing, "alg": "HS256"})


def test_the_private_key_that_rfc_7517_encrypts_is_read() -> None:
    jwk = VECTORS["RFC 7517 C.1"]["key"]
    assert parse_private({**jwk, "alg": "RSA-OAEP-256"})[1].kid == jwk["kid"]


def test_the_certificate_that_rfc_7517_prints_belongs_to_its_key() -> None:
    jwk = VECTORS["RFC 7517 B"]["key"]
    public = parse_public({**jwk, "alg": "RS256"})
    chain = b"".join(
        b"-----BEGIN CERTIFICATE-----\n" + der.encode() + b"\n-----END CERTIFICATE-----\n" for der in jwk["x5c"]
    )
    check_certificate_key(public, chain)
    assert certificate_members(public, chain)["x5c"] == jwk["x5c"]
    assert x509.load_der_x509_certificate(base64.b64decode(jwk["x5c"][0]))


def test_the_public_keys_of_the_cookbook_are_those_of_its_private_keys() -> None:
    keys = VECTORS["RFC 7520 3"]["keys"]
    for kty, alg in (("EC", "ES512"), ("RSA", "PS256")):
        public, private = ({**key, "alg": alg} for key in keys if key["kty"] == kty)
        assert parse_private(private)[0] == parse_public(public)
