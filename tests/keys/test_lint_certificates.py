"""What is wrong with the certificates in a JWK Set and their thumbprints: rows of mistakes, and what is told."""

import base64
import hashlib
from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.keys.certificates import Terms, ca_signed, certificate_members, self_signed
from jwks_operator.keys.members import encode_octets
from keys.authority import NOW as AT
from keys.authority import ca
from keys.test_lint import KEY, NOW, OTHER, RSA, messages, told, without

LEAF = self_signed(KEY.public, KEY.private, Terms("a", (), NOW, timedelta(days=1), 1))
MEMBERS: dict[str, Any] = certificate_members(KEY.public, LEAF)
LEAF_DER = base64.b64decode(MEMBERS["x5c"][0])
SHA1, SHA256 = (hashlib.new(name, LEAF_DER).digest() for name in ("sha1", "sha256"))
OTHERS: dict[str, Any] = certificate_members(
    OTHER.public, self_signed(OTHER.public, OTHER.private, Terms("b", (), NOW, timedelta(1), 2))
)
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "x5t in hexadecimal": ({"x5t": SHA1.hex()}, "x5t is the digest in hexadecimal; write "),
    "x5t in hexadecimal with colons": ({"x5t": SHA1.hex(":").upper()}, "x5t is the digest in hexadecimal; write "),
    "x5t of hexadecimal": (
        {"x5t": encode_octets(SHA1.hex().encode())},
        "x5t is the digest written in hexadecimal before it was encoded; write ",
    ),
    "x5t#S256 in hexadecimal": ({"x5t#S256": SHA256.hex()}, "x5t#S256 is the digest in hexadecimal; write "),
    "x5t#S256 of hexadecimal": (
        {"x5t#S256": encode_octets(SHA256.hex().encode())},
        "x5t#S256 is the digest written in hexadecimal before it was encoded; write ",
    ),
    "x5t of SHA-256": ({"x5t": encode_octets(SHA256)}, "x5t is the SHA-256 digest of the certificate, not"),
    "x5t#S256 of SHA-1": ({"x5t#S256": encode_octets(SHA1)}, "x5t#S256 is the SHA-1 digest of the certificate, not"),
    "padded": ({"x5t#S256": base64.urlsafe_b64encode(SHA256).decode()}, "x5t#S256 is not canonical base64url"),
    "of another certificate": (
        {"x5t#S256": OTHERS["x5t#S256"]},
        "x5t#S256 is not the digest of the first certificate in x5c (in DER); write ",
    ),
    "of the second certificate": (
        {"x5c": [*MEMBERS["x5c"], *OTHERS["x5c"]], "x5t#S256": OTHERS["x5t#S256"]},
        "x5t#S256 is the digest of another certificate of x5c than the first; write ",
    ),
    "of another length": ({"x5t": "AAAA"}, "x5t has 3 octets and not 20; write "),
    "no text": ({"x5t": 7}, "x5t is no text; write "),
}


@pytest.mark.parametrize(("members", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_thumbprint_that_is_not_of_the_first_certificate_is_told_with_the_mistake(
    members: dict[str, Any], says: str
) -> None:
    key = {**KEY.public, **MEMBERS, **members}
    (found,) = (message for message in messages(key) if message.startswith("x5t"))
    assert found.startswith(says)
    right = encode_octets(SHA256 if "x5t#S256" in members else SHA1)
    assert found.endswith(f"; write {right}")
    alone = [message for message in messages({name: key[name] for name in key if name != "x5c"}) if "x5t" in message]
    assert bool(alone) == ("certificate" not in says or "SHA" in says), "without x5c the length alone can be told"


def test_thumbprints_that_are_right_are_no_flaw() -> None:
    assert told({**KEY.public, **MEMBERS, "x5t": encode_octets(SHA1)}) == set()
    assert told({**RSA.public, "x5t": encode_octets(SHA1), "x5t#S256": encode_octets(SHA256)}) == set()


def test_a_chain_in_another_order_is_told() -> None:
    key = {**KEY.public, "x5c": [*OTHERS["x5c"], *MEMBERS["x5c"]]}
    assert messages(key) == ["x5c: the certificate of the key is not the first one; put it first"]
    chain: dict[str, Any] = certificate_members(
        KEY.public, ca_signed(KEY.public, ca(), Terms("a", (), AT, timedelta(days=1), 1))
    )
    assert messages({**KEY.public, **chain}) == []
    between = {**KEY.public, "x5c": [chain["x5c"][0], *OTHERS["x5c"], chain["x5c"][1]]}
    assert messages(between) == ["x5c: each certificate must certify the one before it; sort them"]


def test_whether_the_algorithm_fits_does_not_hide_the_certificate() -> None:
    found = messages({**without(OTHER, alg="RS256"), "x5c": MEMBERS["x5c"]})
    assert "x5c: the certificate is of another key; correct or remove it" in found
