"""Of every set that an issuer publishes, each key is imported, or named with the reason: none is lost in silence."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jwks_operator.keys.import_reader import read_public_keys
from jwks_operator.keys.jwk import parse_public, thumbprint
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.public_sets import PublicKeys
from jwks_operator.keys.spelling import normalize_members
from keys.samples import fresh
from keys.test_parser_properties import NAMES, VALUES
from keys.wild import OTHERS, SIGNS, Jwk, wild_sets

SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(document: Any, algorithm: str = "RS256") -> PublicKeys:
    """The keys of a set; where none can be imported, those that the refusal names."""
    refused = ""
    try:
        return read_public_keys(json.dumps(document).encode(), algorithm)
    except JwkError as error:
        refused = str(error)
    numbers = re.findall(r"key (\d+) of the set: ", refused)
    return PublicKeys((), tuple(f"key {number} of the set: …" for number in numbers))


def account_for(document: dict[str, Any], found: PublicKeys) -> None:
    """Every value of the set is imported under its own numbers, or named by its place."""
    imported = {thumbprint(key) for key in found.keys}
    named = {int(number) for reason in found.left_out for number in re.findall(r"key (\d+) of the set: .", reason)[:1]}
    for number, value in enumerate(document["keys"], start=1):
        lost = number not in named and thumbprint(normalize_members(value)) not in imported
        assert not lost, f"key {number} is lost"
    for key in found.keys:
        assert parse_public(key) == key, "what is imported is canonical"


@SLOW
@given(wild_sets(), st.sampled_from(["RS256", "ES256", "Ed25519", "PS384", "ML-DSA-44"]))
def test_every_key_of_a_set_of_the_wild_is_imported_or_named(document: dict[str, Any], algorithm: str) -> None:
    account_for(document, read(document, algorithm))


@SLOW
@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=6) | VALUES, min_size=1, max_size=4))
@example([{**fresh("ES256").public, "kid": "\ud800"}])
def test_so_is_every_value_of_a_set_that_nobody_would_publish(values: list[Any]) -> None:
    document = {"keys": [*values, fresh("ES256").public]}
    found = read(document)
    assert fresh("ES256").public in found.keys
    account_for(document, found)


@pytest.mark.parametrize("shape", SIGNS)
def test_a_key_of_each_issuer_is_imported_also_beside_keys_that_are_not(shape: Callable[[int], Jwk]) -> None:
    others = [other(1) for other in OTHERS]
    found = read({"keys": [*others, shape(0)]})
    assert [thumbprint(key) for key in found.keys] == [thumbprint(normalize_members(shape(0)))]
    assert len(found.left_out) == len(others)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"kty": "LMS", "kid": "pq", "alg": "HSS-LMS"}, "kid 'pq', key 1 of the set: kty is none of EC, OKP, RSA, AKP"),
        ({**fresh("ECDH-ES", "X25519").public, "kid": "x"}, "kid 'x', key 1 of the set: its use is enc"),
        ({"kty": "OKP", "crv": "X25519", "x": "CQ", "kid": "x"}, "a key on X25519, which signs nothing"),
        ({"kty": "RSA", "alg": "RSA-OAEP", "kid": 7}, "kid '7', key 1 of the set: a key for RSA-OAEP, which signs"),
        ({"kty": "RSA", "alg": "RSA1_5"}, "key 1 of the set: a key for RSA1_5, which signs nothing"),
        ({**fresh("ES256").public, "key_ops": ["encrypt"]}, "key_ops lists neither verify nor sign"),
        ({**fresh("ES256").public, "use": "tls"}, "its use is neither sig nor enc"),
        ({"kty": "oct", "k": "AAAA"}, "a symmetric key in a public set: everybody can sign with it; revoke it"),
        (fresh("RS256").private.reveal(), "private members in a public key: everybody can sign with it; revoke it"),
        ({"alg": "RS256", "d": "AAAA"}, "private members in a public key"),
        ({"alg": "RS256"}, "kty is missing"),
        ({"kty": "EC", "x": "AA", "y": "AA"}, "crv is missing"),
        ({"kty": "EC", "crv": "P-192", "x": "AA", "y": "AA"}, "crv is none of P-256"),
        ({**fresh("ES256").public, "kid": "k" * 300}, f"kid '{'k' * 64}'…, key 1 of the set: kid has more than 256"),
        ("no object", "key 1 of the set: it is no JSON object"),
    ],
)
def test_what_is_left_out_is_named_with_its_reason(value: Any, says: str) -> None:
    found = read_public_keys(json.dumps({"keys": [value, fresh("ES384").public]}).encode(), "ES256")
    assert found.keys == (fresh("ES384").public,)
    assert says in found.left_out[0]
    with pytest.raises(JwkError, match=r"no public signature key is in there: .*key 1 of the set"):
        read_public_keys(json.dumps({"keys": [value]}).encode(), "ES256")


def test_a_text_about_many_keys_fits_into_a_condition_and_says_how_many_it_has_no_room_for() -> None:
    many = [{"kty": "LMS", "kid": f"pq-{number}"} for number in range(500)]
    found = read_public_keys(json.dumps({"keys": [*many, fresh("ES256").public]}).encode(), "ES256")
    told = found.tell()
    assert len(told) < 3200
    assert told.endswith(f"; and {500 - told.count('of the set')} more")
