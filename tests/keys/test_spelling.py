"""A key that is spelled otherwise is the same key: read from another issuer's set, and as a private key."""

import base64
import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.keys.algorithms import ALGORITHMS
from jwks_operator.keys.import_reader import Wanted, read_private, read_public_keys
from jwks_operator.keys.jwk import thumbprint
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.material import load_private, members_of
from jwks_operator.keys.members import encode_octets
from jwks_operator.keys.spelling import normalize_members
from keys.samples import PAIR_NAMES, SHAPES, fresh, octets_of

Jwk = dict[str, Any]
OCTETS = ("n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y", "k", "pub", "priv")
SIGNING = [shape for shape in SHAPES if ALGORITHMS[shape[0]].key_class == "signature"]


def wanted(algorithm: str, crv: str | None = None) -> Wanted:
    row = ALGORITHMS[algorithm]
    return Wanted(algorithm, 2048 if row.modulus_lengths else None, crv if len(row.curves) > 1 else None)


def each_octets(change: Callable[[str], str], *names: str) -> Callable[[Jwk], Jwk]:
    return lambda jwk: {n: change(v) if n in (names or OCTETS) and isinstance(v, str) else v for n, v in jwk.items()}


def padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def standard(text: str) -> str:
    return base64.b64encode(octets_of(text)).decode()


def in_lines(text: str) -> str:
    return base64.encodebytes(octets_of(text)).decode()


def zeros(text: str) -> str:
    return encode_octets(bytes(2) + octets_of(text))


def with_null(jwk: Jwk) -> Jwk:
    return {**jwk, **dict.fromkeys(("x5c", "x5t", "x5u", "oth", "iat", "nbf"))}


def without(*names: str) -> Callable[[Jwk], Jwk]:
    return lambda jwk: {name: value for name, value in jwk.items() if name not in names}


def null(*names: str) -> Callable[[Jwk], Jwk]:
    return lambda jwk: {**jwk, **dict.fromkeys(names)}


def cased(change: Callable[[str], str]) -> Callable[[Jwk], Jwk]:
    names = ("kty", "crv", "alg", "use")
    return lambda jwk: {n: change(v) if n in names else v for n, v in jwk.items()}


SPELLINGS: dict[str, Callable[[Jwk], Jwk]] = {
    "padded base64url": each_octets(padded),
    "standard base64": each_octets(standard),
    "standard base64 without padding": each_octets(lambda text: standard(text).rstrip("=")),
    "base64 in lines": each_octets(in_lines),
    "null for what is absent": with_null,
    "use null": null("use"),
    "use and key_ops null": null("use", "key_ops"),
    "use without content": lambda jwk: {**jwk, "use": ""},
    "use in capitals": lambda jwk: {**jwk, "use": jwk["use"].upper()},
    "names in capitals": cased(str.upper),
    "names in small letters": cased(str.lower),
    "one operation that is no list": lambda jwk: {**jwk, "key_ops": jwk["key_ops"][0]},
    "an operation twice": lambda jwk: {**jwk, "key_ops": [*jwk["key_ops"], *jwk["key_ops"]]},
    "an operation in other case": lambda jwk: {**jwk, "key_ops": [name.title() for name in jwk["key_ops"]]},
    "members that nobody knows": lambda jwk: {**jwk, "issuer": "https://login.example", "exp": 1, "ext": True},
}
OF_RSA: dict[str, Callable[[Jwk], Jwk]] = {
    "leading zeros": each_octets(zeros),
    "standard base64 with leading zeros": each_octets(lambda text: standard(zeros(text))),
    "an exponent that is a number": lambda jwk: {**jwk, "e": 65537},
    "the key type of a vault": lambda jwk: {**jwk, "kty": "RSA-HSM"},
}
OF_EC: dict[str, Callable[[Jwk], Jwk]] = {
    "leading zeros": each_octets(zeros, "x", "y", "d"),
    "without their leading zeros": each_octets(
        lambda text: encode_octets(octets_of(text).lstrip(b"\0")), "x", "y", "d"
    ),
}


@pytest.mark.parametrize(("algorithm", "crv"), SIGNING)
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_a_key_of_every_algorithm_is_the_same_key_however_it_is_spelled(
    algorithm: str, crv: str | None, spell: Callable[[Jwk], Jwk]
) -> None:
    key = fresh(algorithm, crv)
    read = read_public_keys(json.dumps({"keys": [spell(dict(key.public))]}).encode(), algorithm)
    assert (read.keys, read.left_out) == ((key.public,), ())
    private = json.dumps(spell(key.private.reveal())).encode()
    assert read_private(private, wanted(algorithm, crv)).private == key.private


@pytest.mark.parametrize("algorithm", ["HS256", "A256GCM", "RSA-OAEP-256", "ECDH-ES"])
@pytest.mark.parametrize("name", ["padded base64url", "standard base64", "null for what is absent", "use null"])
def test_so_is_a_key_that_is_not_for_signatures(algorithm: str, name: str) -> None:
    key = fresh(algorithm)
    written = json.dumps(SPELLINGS[name](key.private.reveal())).encode()
    assert read_private(written, wanted(algorithm, ALGORITHMS[algorithm].crv)).private == key.private


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "ES256K", "ES512"])
def test_rsa_numbers_and_coordinates_may_have_zeros_in_front(algorithm: str) -> None:
    key = fresh(algorithm) if algorithm.startswith(("RS", "PS")) else short_coordinate(algorithm)
    public = {name: value for name, value in key.items() if name != "d"} if isinstance(key, dict) else dict(key.public)
    private = dict(key) if isinstance(key, dict) else key.private.reveal()
    for spell in (OF_RSA if private["kty"] == "RSA" else OF_EC).values():
        read = read_public_keys(json.dumps({"keys": [spell(public)]}).encode(), algorithm)
        assert [thumbprint(each) for each in read.keys] == [thumbprint(private)]
        found = read_private(json.dumps(spell(private)).encode(), wanted(algorithm)).private.reveal()
        assert {name: found[name] for name in private if name in OCTETS} == {
            name: value for name, value in private.items() if name in OCTETS
        }


def short_coordinate(algorithm: str) -> Jwk:
    """A key whose x begins with a zero octet."""
    curves = {"ES256": ec.SECP256R1(), "ES256K": ec.SECP256K1(), "ES512": ec.SECP521R1()}
    for scalar in range(2, 20_000):
        members = members_of(ec.derive_private_key(scalar, curves[algorithm]))
        if members is not None and octets_of(str(members["x"]))[0] == 0:
            return {**members, "alg": algorithm}
    raise AssertionError("no such key")


@pytest.mark.parametrize("value", [0, 1, 7, 20_211_102, 10**30])
def test_a_kid_that_is_a_number_is_its_decimal_text(value: int) -> None:
    key = fresh("ES256")
    read = read_public_keys(json.dumps({"keys": [{**key.public, "kid": value}]}).encode(), "ES256")
    assert read.keys[0]["kid"] == str(value)
    assert read_private(json.dumps({**key.private.reveal(), "kid": value}).encode(), wanted("ES256")).named


@pytest.mark.parametrize("value", [True, 1.5, [], {}])
def test_a_kid_that_means_nothing_is_named(value: object) -> None:
    with pytest.raises(JwkError, match="kid is not a string"):
        read_public_keys(json.dumps({"keys": [{**fresh("ES256").public, "kid": value}]}).encode(), "ES256")


CRT = ("p", "q", "dp", "dq", "qi")


@pytest.mark.parametrize("absent", [CRT, ("dp", "dq", "qi"), ("q", "dp", "dq", "qi"), ("p",), ("qi",)])
@pytest.mark.parametrize("spell", [without, null])
def test_an_rsa_key_needs_no_more_than_n_e_and_d(absent: tuple[str, ...], spell: Callable[..., Any]) -> None:
    key = fresh("RS256")
    found = read_private(json.dumps(spell(*absent)(key.private.reveal())).encode(), wanted("RS256"))
    assert found.public == key.public
    numbers, ours = found.private.reveal(), key.private.reveal()
    assert {str(numbers["p"]), str(numbers["q"])} == {str(ours["p"]), str(ours["q"])}
    assert load_private(numbers)


@pytest.mark.parametrize("name", ["d", "p", "q"])
def test_an_rsa_key_with_a_number_of_another_key_is_refused(name: str) -> None:
    ours, theirs = fresh("RS256").private.reveal(), fresh("RS256", None, 1).private.reveal()
    bare = without(*(set(CRT) - {name}))({**ours, name: theirs[name]})
    with pytest.raises(JwkError):
        read_private(json.dumps(bare).encode(), wanted("RS256"))


@given(st.dictionaries(st.sampled_from([*OCTETS, "kty", "crv", "alg", "use", "kid", "key_ops"]), st.none() | st.text()
       | st.integers() | st.booleans() | st.lists(st.text() | st.none(), max_size=2)
       | st.sampled_from(["RSA", "EC", "P-256", "AQAB", "AAAA", "="])))  # fmt: skip
def test_respelling_never_fails_and_does_nothing_twice(jwk: Jwk) -> None:
    assert normalize_members(normalize_members(jwk)) == normalize_members(jwk)


# --- PKCS#8 ---


def version_2(algorithm: str, crv: str | None, public: bytes | None, tag: int = 0x81) -> bytes:
    """A OneAsymmetricKey as Java and others write it: version 1, and the public half behind the private one."""
    key = load_private(fresh(algorithm, crv).private.reveal())
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    head = 2 if plain[1] < 0x80 else 2 + (plain[1] & 0x7F)
    bits = b"" if public is None else sized(tag, b"\0" + public if tag == 0x81 else sized(3, b"\0" + public))
    return pem_of(sized(0x30, b"\x02\x01\x01" + plain[head + 3 :] + bits))


def sized(tag: int, content: bytes) -> bytes:
    size = len(content)
    octets = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + octets + content


def pem_of(der: bytes) -> bytes:
    return b"-----BEGIN PRIVATE KEY-----\n%b-----END PRIVATE KEY-----\n" % base64.encodebytes(der)


def raw_public(algorithm: str, crv: str | None, number: int = 0) -> bytes:
    public = fresh(algorithm, crv, number).public
    if public["kty"] == "EC":
        return b"\4" + octets_of(str(public["x"])) + octets_of(str(public["y"]))
    return octets_of(str(public["pub" if public["kty"] == "AKP" else "x"]))


@pytest.mark.parametrize("tag", [0x81, 0xA1])
@pytest.mark.parametrize(
    ("algorithm", "crv"), [shape for shape in SHAPES if shape[0] in PAIR_NAMES and shape[0][:2] not in ("RS", "PS")]
)
def test_a_pkcs8_file_of_version_2_is_the_same_key(algorithm: str, crv: str | None, tag: int) -> None:
    for public in (raw_public(algorithm, crv), None):
        read = read_private(version_2(algorithm, crv, public, tag), wanted(algorithm, crv))
        assert read.private == fresh(algorithm, crv).private


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
def test_a_pkcs8_file_with_the_public_half_of_another_key_is_refused(algorithm: str) -> None:
    crv = ALGORITHMS[algorithm].crv
    with pytest.raises(JwkError, match="belongs to another key"):
        read_private(version_2(algorithm, crv, raw_public(algorithm, crv, 1)), wanted(algorithm))


def genpkey(options: str) -> bytes:
    made = subprocess.run(f"openssl genpkey {options}", shell=True, capture_output=True, check=True)
    return made.stdout


@pytest.mark.parametrize(
    ("digest", "allowed"),
    [("", {"PS256", "PS384", "PS512"}), ("sha256", {"PS256"}), ("sha384", {"PS384"}), ("sha512", {"PS512"})],
)
def test_a_key_for_rsassa_pss_alone_is_for_nothing_else(digest: str, allowed: set[str]) -> None:
    named = f" -pkeyopt rsa_pss_keygen_md:{digest}" if digest else ""
    pem = genpkey(f"-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048{named}")
    for algorithm in (name for name, row in ALGORITHMS.items() if row.kty == "RSA"):
        if algorithm in allowed:
            assert read_private(pem, wanted(algorithm)).public["alg"] == algorithm
        else:
            with pytest.raises(JwkError, match=r"RSASSA-PSS alone .* set its algorithm to PS"):
                read_private(pem, wanted(algorithm))


def test_a_key_for_rsassa_pss_with_sha_1_is_refused() -> None:
    pem = genpkey("-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha1")
    with pytest.raises(JwkError, match="none of SHA-256, SHA-384 and SHA-512"):
        read_private(pem, wanted("PS256"))


def test_two_private_keys_in_one_file_are_refused_and_one_beside_a_certificate_is_read() -> None:
    first, second = (genpkey("-algorithm ED25519") for _ in range(2))
    with pytest.raises(JwkError, match="2 private keys in one PEM file"):
        read_private(first + second, wanted("Ed25519"))
    parameters = subprocess.run(
        "openssl ecparam -name prime256v1 -genkey", shell=True, capture_output=True, check=True
    ).stdout
    assert parameters.startswith(b"-----BEGIN EC PARAMETERS-----")
    assert read_private(parameters, wanted("ES256"))
