"""Keys from elsewhere: every form is recognised, and what is refused says how to go on and never quotes a key."""

import base64
import json
import math
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from jwks_operator.keys.algorithms import ALGORITHMS
from jwks_operator.keys.import_reader import Wanted, read_private, read_public_keys
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.material import load_private, members_of
from jwks_operator.keys.weakness import refuse_weak
from keys.samples import PAIR_NAMES, SECRET_NAMES, SHAPES, fresh, private_windows


def _wanted(algorithm: str, crv: str | None = None) -> Wanted:
    open_curve = crv if len(ALGORITHMS[algorithm].curves) > 1 else None
    return Wanted(algorithm, 2048 if ALGORITHMS[algorithm].modulus_lengths else None, open_curve)


def _pem(algorithm: str, crv: str | None = None, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    key = load_private(fresh(algorithm, crv).private.reveal())
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def _bare(members: dict[str, Any]) -> dict[str, Any]:
    """What many issuers write: nothing that can be left out."""
    return {name: value for name, value in members.items() if name not in {"alg", "use", "key_ops", "kid"}}


@pytest.mark.parametrize(("algorithm", "crv"), [shape for shape in SHAPES if shape[0] in PAIR_NAMES])
def test_pem_and_jwk_of_every_algorithm_are_the_same_key(algorithm: str, crv: str | None) -> None:
    key = fresh(algorithm, crv)
    from_pem = read_private(_pem(algorithm, crv), _wanted(algorithm, crv))
    from_jwk = read_private(json.dumps(key.private.reveal()).encode(), _wanted(algorithm, crv))
    assert from_pem.public == from_jwk.public == key.public
    assert from_pem.private == from_jwk.private == key.private
    assert (from_pem.named, from_jwk.named) == (False, True)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES512"])
def test_the_traditional_forms_are_read(algorithm: str) -> None:
    read = read_private(_pem(algorithm, form=PrivateFormat.TraditionalOpenSSL), _wanted(algorithm))
    assert read.private == fresh(algorithm).private


@pytest.mark.parametrize("algorithm", SECRET_NAMES)
def test_a_symmetric_key_is_a_jwk_with_a_kid(algorithm: str) -> None:
    members = fresh(algorithm).private.reveal()
    assert read_private(json.dumps(members).encode(), Wanted(algorithm)).private == fresh(algorithm).private
    with pytest.raises(JwkError, match="kid is missing"):
        read_private(json.dumps(_bare(members)).encode(), Wanted(algorithm))


def test_a_bare_jwk_becomes_a_key_of_the_entry() -> None:
    members = _bare(fresh("ES256").private.reveal())
    read = read_private(json.dumps({**members, "x5t": "ignored"}).encode(), Wanted("ES256"))
    assert read.public == fresh("ES256").public


def test_of_a_set_the_only_private_key_of_the_algorithm_is_taken() -> None:
    others = [fresh("ES384").private.reveal(), fresh("ES256", number=1).public, {"kty": "unheard of"}]
    document = {"keys": [*others, {**fresh("ES256").private.reveal(), "kid": "mine"}]}
    assert read_private(json.dumps(document).encode(), Wanted("ES256")).private.kid == "mine"


def test_a_key_can_be_called_by_the_name_of_its_issuer() -> None:
    read = read_private(_pem("ES256"), Wanted("ES256")).called("2021")
    assert (read.public["kid"], read.private.kid, read.named) == ("2021", "2021", True)
    with pytest.raises(JwkError, match="256 characters"):
        read.called("k" * 257)


def _encrypted() -> bytes:
    return load_private(fresh("ES256").private.reveal()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )


def _public_pem() -> bytes:
    public = load_private(fresh("ES256").private.reveal()).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _mixed() -> bytes:
    return json.dumps({**fresh("ES256").private.reveal(), "d": fresh("ES256", number=1).private.reveal()["d"]}).encode()


REFUSED: dict[str, tuple[bytes, Wanted, str]] = {
    "nothing": (b"", Wanted("ES256"), "is empty"),
    "a list": (b"[]", Wanted("ES256"), "neither a JWK nor a JWK Set"),
    "a set that is none": (b'{"keys":{}}', Wanted("ES256"), "keys is not a list"),
    "a member twice": (b'{"kty":"EC","kty":"EC"}', Wanted("ES256"), "names a member twice"),
    "an empty set": (b'{"keys":[]}', Wanted("ES256"), "holds no private keys for ES256; put the one to import"),
    "an encrypted key": (_encrypted(), Wanted("ES256"), "an encrypted private key"),
    "a public key": (_public_pem(), Wanted("ES256"), "a public key in PEM"),
    "a public JWK": (json.dumps(fresh("ES256").public).encode(), Wanted("ES256"), "no private members"),
    "another algorithm": (json.dumps(fresh("ES384").private.reveal()).encode(), Wanted("ES256"), "asks for ES256"),
    "an unheard algorithm": (b'{"kty":"EC","d":"AQ","alg":"AA"}', Wanted("ES256"), "a key for another algorithm"),
    "another type": (_pem("ES256"), Wanted("RS256", 2048), "kty is not RSA"),
    "another size": (_pem("RS256"), Wanted("RS256", 3072), "set its modulusLength to 2048"),
    "another curve": (_pem("ECDH-ES", "X448"), Wanted("ECDH-ES", None, "P-256"), "set its crv to X448"),
    "halves of two keys": (_mixed(), Wanted("ES256"), "do not belong"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "wanted", "says"), REFUSED.values(), ids=[name.replace(" ", "-") for name in REFUSED])
def test_what_is_refused_says_how_to_go_on(data: bytes, wanted: Wanted, says: str) -> None:
    with pytest.raises(JwkError, match=says) as caught:
        read_private(data, wanted)
    assert caught.value.__context__ is None
    for algorithm in ("ES256", "ES384", "RS256"):
        secret = private_windows(fresh(algorithm).private.reveal())
        assert not any(window in str(caught.value) for window in secret)


# --- the public keys of another issuer ---


def test_signature_keys_of_a_set_are_read_in_order_and_complete() -> None:
    first, second = fresh("ES256").public, fresh("RS256").public
    keys = [{**_bare(first), "kid": "a"}, fresh("ECDH-ES").public, {**second, "use": "enc"}, {**second, "kid": "b"}]
    read = read_public_keys(json.dumps({"keys": keys}).encode(), "Ed25519")
    assert [(key["kid"], key["alg"]) for key in read.keys] == [("a", "ES256"), ("b", "RS256")]
    assert [reason.partition(": ")[2] for reason in read.left_out] == [
        "its use is enc: a key which signs nothing",
        "its use is enc: a key which signs nothing",
    ]


def test_an_rsa_key_without_alg_counts_as_one_of_the_entry_or_not_at_all() -> None:
    data = json.dumps({"keys": [_bare(fresh("RS256").public)]}).encode()
    assert read_public_keys(data, "PS256").keys[0]["alg"] == "PS256"
    with pytest.raises(JwkError, match="key 1 of the set: alg is missing"):
        read_public_keys(data, "ES256")


def test_of_two_keys_with_one_kid_the_second_is_left_out_and_named() -> None:
    keys = [{**fresh("ES256", number=number).public, "kid": "a"} for number in (0, 1)]
    read = read_public_keys(json.dumps({"keys": keys}).encode(), "ES256")
    assert list(read.keys) == keys[:1]
    assert read.left_out[0].startswith("kid 'a', key 2 of the set: its kid names an earlier key")


def test_a_key_listed_twice_counts_once() -> None:
    read = read_public_keys(json.dumps({"keys": [fresh("ES256").public] * 2}).encode(), "ES256")
    assert (len(read.keys), read.left_out) == (1, ())


# --- weak keys ---


def _next_prime(number: int) -> int:
    number |= 1
    while not all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7)):
        number += 2
    return number


def test_primes_that_lie_close_together_are_refused() -> None:
    p = rsa.generate_private_key(65537, 2048).private_numbers().p
    q = _next_prime(p + 2**64)
    d = pow(65537, -1, math.lcm(p - 1, q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(65537, p * q),
    )  # fmt: skip
    members = members_of(numbers.private_key())
    assert members is not None
    with pytest.raises(JwkError, match="easily factored"):
        read_private(json.dumps(members).encode(), Wanted("RS256", 2048))


def test_moduli_of_the_roca_family_are_refused() -> None:
    primorial = math.prod(prime for prime in range(2, 168) if all(prime % other for other in range(2, prime)))
    modulus = primorial * (1 << (2047 - primorial.bit_length())) + pow(65537, 4711, primorial)
    public = rsa.RSAPublicNumbers(65537, modulus).public_key()
    n = public.public_numbers().n.to_bytes(256, "big")
    with pytest.raises(JwkError, match="ROCA"):
        refuse_weak({"kty": "RSA", "n": _encode(n)})


@pytest.mark.parametrize("number", range(3))
def test_ordinary_keys_are_not_weak(number: int) -> None:
    refuse_weak(fresh("RS256", number=number).private.reveal())
    refuse_weak(fresh("ES256", number=number).private.reveal())


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
