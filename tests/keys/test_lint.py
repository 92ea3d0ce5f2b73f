"""Every flaw of a JWK Set is found at once: rows of sets, and what is said of them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.certificates import Terms, certificate_members, self_signed
from jwks_operator.keys.generate import GeneratedKey, generate
from jwks_operator.keys.lint import Level, lint_set
from jwks_operator.keys.members import encode_octets
from keys.samples import octets_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEY = generate("ES256")
OTHER = generate("ES256")
RSA = generate("RS256", 2048)
PRIVATE: dict[str, Any] = json.loads(KEY.private.reveal_json())


def without(key: GeneratedKey, *names: str, **members: Any) -> dict[str, Any]:
    return {name: value for name, value in key.public.items() if name not in names} | members


def zeros(value: object) -> str:
    return encode_octets(b"\0" + octets_of(str(value)))


def told(*keys: Any) -> set[tuple[str, str, str]]:
    """Level, place and rule of every flaw."""
    flaws = lint_set(json.dumps({"keys": keys}).encode(), NOW)
    return {(flaw.level.value, flaw.where, flaw.rule) for flaw in flaws}


@pytest.mark.parametrize(
    "algorithm", [name for name, row in ALGORITHMS.items() if row.key_class is not KeyClass.SYMMETRIC]
)
def test_a_set_of_ours_has_no_flaw(algorithm: str) -> None:
    assert told(generate(algorithm, 2048 if ALGORITHMS[algorithm].modulus_lengths else None).public) == set()


ROWS = {
    "an empty set": ([], ("warning", "keys", "RFC 7517 section 5")),
    "a private member": ([PRIVATE], ("error", "keys[0]", "RFC 7517 section 9.2")),
    "a symmetric key": (
        [{"kty": "oct", "k": "AAAA", "kid": "a", "alg": "HS256"}],
        ("error", "keys[0]", "RFC 7518 section 6.4"),
    ),
    "no kid": ([without(KEY, "kid")], ("warning", "keys[0]", "RFC 7517 section 4.5")),
    "a kid that is no text": ([without(KEY, kid=7)], ("error", "keys[0]", "RFC 7517 section 4.5")),
    "one kid for two keys": (
        [KEY.public, without(OTHER, kid=KEY.kid)],
        ("error", "keys", "RFC 7517 section 4.5"),
    ),
    "one kid for keys of two types": (
        [KEY.public, without(RSA, kid=KEY.kid)],
        ("warning", "keys", "RFC 7517 section 4.5"),
    ),
    "one key under two kids": ([KEY.public, without(KEY, kid="b")], ("warning", "keys", "good practice")),
    "no alg": ([without(KEY, "alg")], ("warning", "keys[0]", "RFC 8725 section 3.1")),
    "EdDSA": (
        [without(generate("Ed25519"), alg="EdDSA")],
        ("note", "keys[0]", "RFC 9864 section 2.2"),
    ),
    "an unknown alg": ([without(KEY, alg="ES257")], ("warning", "keys[0]", "RFC 7518 section 3.1")),
    "neither use nor key_ops": ([without(KEY, "use", "key_ops")], ("warning", "keys[0]", "RFC 7517 section 4.2")),
    "a use that is not of the alg": (
        [without(KEY, "key_ops", use="enc")],
        ("error", "keys[0]", "RFC 7517 section 4.2"),
    ),
    "key_ops against use": ([without(KEY, key_ops=["encrypt"])], ("error", "keys[0]", "RFC 7517 section 4.3")),
    "key_ops twice": ([without(KEY, key_ops=["verify", "verify"])], ("error", "keys[0]", "RFC 7517 section 4.3")),
    "key_ops empty": ([without(KEY, key_ops=[])], ("error", "keys[0]", "RFC 7517 section 4.3")),
    "key_ops of two kinds": (
        [without(KEY, "use", key_ops=["verify", "encrypt"])],
        ("warning", "keys[0]", "RFC 7517 section 4.3"),
    ),
    "a kid with blanks": ([without(KEY, kid=" a")], ("warning", "keys[0]", "good practice")),
    "a kid of several lines": ([without(KEY, kid="a\nb")], ("warning", "keys[0]", "good practice")),
    "certificates at an address without TLS": (
        [without(KEY, x5u="http://a.example/b.pem")],
        ("error", "keys[0]", "RFC 7517 section 4.6"),
    ),
    "hexadecimal": (
        [without(RSA, n=octets_of(str(RSA.public["n"])).hex())],
        ("error", "keys[0]", "RFC 7518 section 6"),
    ),
    "an even modulus": (
        [without(RSA, n=encode_octets(octets_of(str(RSA.public["n"]))[:-1] + b"\0"))],
        ("error", "keys[0]", "RFC 8017 section 3.1"),
    ),
    "a key type in small letters": ([without(KEY, kty="ec")], ("warning", "keys[0]", "RFC 7517 section 4.1")),
    "a public key that signs": ([without(KEY, key_ops=["sign"])], ("warning", "keys[0]", "RFC 7517 section 4.3")),
    "a point off its curve": ([without(KEY, y=OTHER.public["y"])], ("error", "keys[0]", "RFC 7518 section 6")),
    "padded base64": ([without(KEY, x=f"{KEY.public['x']}=")], ("error", "keys[0]", "RFC 7518 section 6")),
    "a short modulus": ([without(RSA, n="x" * 172)], ("error", "keys[0]", "RFC 7518 section 3.3")),
    "an even exponent": ([without(RSA, e="BA")], ("error", "keys[0]", "RFC 8017 section 3.1")),
    "a small exponent": ([without(RSA, e="Aw")], ("warning", "keys[0]", "FIPS 186-5 section 5.4")),
    "an unknown key type": ([{"kty": "XX", "kid": "a"}], ("warning", "keys[0]", "RFC 7517 section 4.1")),
    "no object": (["key"], ("error", "keys[0]", "RFC 7517 section 5")),
    "a chain in base64url": ([without(KEY, x5c=["a-_b"])], ("error", "keys[0]", "RFC 7517 section 4.7")),
    "eleven keys": ([generate("Ed25519").public for _ in range(11)], ("warning", "keys", "OCI")),
}


@pytest.mark.parametrize(("keys", "flaw"), ROWS.values(), ids=ROWS)
def test_a_flaw_is_found_and_named_by_its_rule(keys: list[Any], flaw: tuple[str, str, str]) -> None:
    assert flaw in told(*keys)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "serve one JSON document"),
        (b"[]", 'no object with a list "keys"'),
        (b'{"kty":"EC"}', "a single JWK; wrap it"),
        (b'{"keys":{}}', 'no object with a list "keys"'),
        (b'{"keys":[],"keys":[]}', "names a member twice"),
        (b"\xff", "serve one JSON document"),
        (b"\xef\xbb\xbf{}", "text with a byte order mark (BOM) in front; tail"),
        ('{"keys":[]}'.encode("utf-16"), "text in UTF-16; iconv"),
        (b"-----BEGIN PUBLIC KEY-----", "a public key in PEM"),
        (b'{"jwks_uri":"https://a.example/jwks"}', "a discovery document, which only names the JWK Set; curl"),
    ],
)
def test_what_is_no_set_is_told_in_one_flaw(text: bytes, says: str) -> None:
    (flaw,) = lint_set(text, NOW)
    assert flaw.level is Level.ERROR
    assert says in flaw.message


def test_a_certificate_of_another_key_and_an_expired_one_are_found() -> None:
    chain = self_signed(KEY.public, KEY.private, Terms("a", (), NOW, timedelta(days=1), 1))
    members = certificate_members(KEY.public, chain)
    assert told({**KEY.public, **members}) == set()
    assert ("error", "keys[0]", "RFC 7517 section 4.7") in told({**OTHER.public, "x5c": members["x5c"]})
    late = lint_set(json.dumps({"keys": [{**KEY.public, **members}]}).encode(), NOW + timedelta(days=2))
    assert [flaw.message for flaw in late] == ["the certificate in x5c has expired; renew it"]


def test_no_message_holds_private_bytes() -> None:
    for flaw in lint_set(json.dumps({"keys": [PRIVATE, {**PRIVATE, "x": PRIVATE["d"]}]}).encode(), NOW):
        assert PRIVATE["d"] not in f"{flaw}"


def messages(*keys: Any) -> list[str]:
    return [flaw.message for flaw in lint_set(json.dumps({"keys": keys}).encode(), NOW)]


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (without(RSA, n=zeros(RSA.public["n"])), "n has 1 leading zero octets; strip them"),
        (without(RSA, e="AAEAAQ"), "e has 1 leading zero octets; strip them"),
        (without(RSA, n=f"{RSA.public['n']}=="), "n is standard or padded base64; write unpadded base64url"),
        (without(RSA, n="***"), "n is not canonical base64url; write unpadded base64url"),
        (without(RSA, e=65537), "e is no text; write unpadded base64url"),
        (without(RSA, e=""), "e is empty; replace the key"),
        (without(KEY, x=zeros(KEY.public["x"])), "x has 33 octets and its curve has 32; write coordinates with all"),
        (without(KEY, y="AAAA"), "y has 3 octets and its curve has 32; write coordinates with all"),
        (without(generate("Ed25519"), x="AAAA"), "x has 3 octets and its curve has 32; replace the key"),
    ],
)
def test_octets_that_are_not_spelled_as_the_rfc_demands_are_found(key: dict[str, Any], says: str) -> None:
    assert any(message.startswith(says) for message in messages(key))


@pytest.mark.parametrize("alg", ["HS256", "ES256", "ES256K", "EdDSA", "Ed448", "A128KW", "dir", "ML-DSA-44", "ECDH-ES"])
def test_an_algorithm_of_another_key_type_is_an_error(alg: str) -> None:
    assert ("error", "keys[0]", "RFC 8725 section 3.1") in told(without(RSA, "use", "key_ops", alg=alg))
    danger = any("anybody can sign" in message for message in messages(without(RSA, alg=alg)))
    assert danger == (alg in {"HS256", "A128KW", "dir"})


@pytest.mark.parametrize(
    ("algorithm", "alg"),
    [("ES256", "RS256"), ("ES256", "EdDSA"), ("Ed25519", "ES256"), ("Ed25519", "PS512"), ("ES256", "ML-DSA-65")],
)
def test_so_is_one_for_keys_on_curves(algorithm: str, alg: str) -> None:
    assert ("error", "keys[0]", "RFC 8725 section 3.1") in told(without(generate(algorithm), "use", "key_ops", alg=alg))


@pytest.mark.parametrize(
    ("algorithm", "alg"), [("ES256", "ES384"), ("ES256", "ES256K"), ("Ed25519", "Ed448"), ("Ed25519", "ECDH-ES")]
)
def test_an_algorithm_of_another_curve_is_an_error_but_the_numbers_are_not(algorithm: str, alg: str) -> None:
    assert told(without(generate(algorithm), "use", "key_ops", alg=alg)) == {
        ("error", "keys[0]", "RFC 7518 section 3.1"),
        ("warning", "keys[0]", "RFC 7517 section 4.2"),
    }


@pytest.mark.parametrize("alg", ["RSA-OAEP", "RSA-OAEP-512", "RSA1_5", "RS1"])
def test_a_registered_algorithm_is_not_called_misspelled(alg: str) -> None:
    use = "sig" if alg == "RS1" else "enc"
    found = messages(without(RSA, "key_ops", alg=alg, use=use))
    assert not any("spelling" in message or "registered" in message for message in found)
    assert [message.split()[1] for message in found] == ([alg] if alg in {"RSA1_5", "RS1"} else [])


@pytest.mark.parametrize(
    ("alg", "says"),
    [
        ("ES257", "alg is none that is registered; check its spelling"),
        ("rs256", "alg is none that is registered; write RS256"),
        ("rsa-oaep", "alg is none that is registered; write RSA-OAEP"),
        ("none", "alg none says that tokens are not signed: anybody can write them"),
    ],
)
def test_an_algorithm_that_is_none_is_told_as_one(alg: str, says: str) -> None:
    assert says in messages(without(RSA, alg=alg))


def test_a_kid_that_is_a_number_is_told_as_one_and_null_is_not_absent() -> None:
    assert "kid is a number, not text: no token can name it; write it as text ('7')" in messages(without(KEY, kid=7))
    found = messages(without(KEY, "key_ops", use=None, x5c=None))
    assert "use, x5c: null is not the same as absent to strict clients; leave the member out" in found
    assert "use is neither sig nor enc; write sig" in messages(without(KEY, use="SIG"))


def test_one_key_for_two_purposes_is_an_error() -> None:
    enc = without(RSA, "key_ops", alg="RSA-OAEP-256", use="enc", kid="b")
    assert told(RSA.public, enc) == {("error", "keys", "RFC 8725 section 3.5")}
    assert told(RSA.public, {**enc, "n": zeros(RSA.public["n"])}) >= {("error", "keys", "RFC 8725 section 3.5")}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(list(KEY.public.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(("kty", "kid", "alg", "use", "key_ops", "crv", "x", "y", "n", "e", "d", "k", "x5c", "pub"))


@given(keys=st.lists(st.dictionaries(MEMBERS, JSON | st.sampled_from(["EC", "RSA", "OKP", "AKP", "oct"]), max_size=9)))
def test_no_set_breaks_the_linter(keys: list[dict[str, Any]]) -> None:
    lint_set(json.dumps({"keys": keys}).encode(), NOW)
