import base64
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from jwks_operator.keys.algorithms import ALGORITHMS
from jwks_operator.keys.formats import read_file, render, render_set
from jwks_operator.keys.generate import generate
from jwks_operator.keys.jwk import parse_json_strict, parse_private, parse_public
from jwks_operator.keys.key_errors import (
    InconsistentKeyError,
    InvalidMemberError,
    JwkError,
    NoSuchFormError,
    UnsupportedKeyError,
)
from jwks_operator.keys.material import load_private, load_public
from jwks_operator.keys.members import canonical_json
from jwks_operator.keys.naming import algorithm_name, to_published_jwk
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.secret_files import Form
from keys.samples import PAIR_NAMES, SECRET_NAMES, SHAPES, fresh

PAIRS = [shape for shape in SHAPES if shape[0] in PAIR_NAMES]


@pytest.mark.parametrize(("algorithm", "crv"), SHAPES)
def test_the_jwk_file_is_the_whole_private_key(algorithm: str, crv: str | None) -> None:
    key, row = fresh(algorithm, crv), ALGORITHMS[algorithm]
    written = render(key.public, key.private, Form.JWK)
    assert parse_private(parse_json_strict(written)) == (key.public, key.private)
    members = json.loads(written)
    assert (members["use"], members["alg"], members["kid"]) == (row.use, algorithm, key.kid)
    assert members.get("key_ops", []) == list(row.private_ops)


@pytest.mark.parametrize(("algorithm", "crv"), PAIRS)
def test_the_pem_file_is_the_same_key_in_pkcs8(algorithm: str, crv: str | None) -> None:
    key = fresh(algorithm, crv)
    written = render(key.public, key.private, Form.PEM)
    assert written.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert written.endswith(b"-----END PRIVATE KEY-----\n")
    loaded = load_pem_private_key(written, password=None)
    assert loaded.public_key() == load_public(key.public) == load_private(key.private.reveal()).public_key()
    assert parse_private(*read_file(Form.PEM, written, key.kid, algorithm)) == (key.public, key.private)


@pytest.mark.parametrize("algorithm", SECRET_NAMES)
def test_a_symmetric_key_has_no_pem_file(algorithm: str) -> None:
    key = fresh(algorithm)
    with pytest.raises(NoSuchFormError, match="mount it as JWK or JWKSet"):
        render(key.public, key.private, Form.PEM)


@pytest.mark.parametrize(("algorithm", "crv"), SHAPES)
def test_equal_keys_give_equal_bytes(algorithm: str, crv: str | None) -> None:
    key = fresh(algorithm, crv)
    turned = PrivateJwk.from_members(dict(reversed(key.private.reveal().items())))
    for form in (Form.JWK, Form.PEM) if key.public else (Form.JWK,):
        assert render(key.public, turned, form) == render(key.public, key.private, form)


@pytest.mark.parametrize("form", [Form.JWK, Form.PEM])
def test_a_private_key_is_not_written_beside_another_public_one(form: Form) -> None:
    with pytest.raises(InconsistentKeyError, match="not the other half"):
        render(generate("ES256").public, fresh("ES256").private, form)


@pytest.mark.parametrize(("ours", "theirs"), [("HS256", "ES256"), ("ES256", "HS256")])
def test_classes_of_keys_are_not_mixed(ours: str, theirs: str) -> None:
    with pytest.raises(InconsistentKeyError, match="not the other half"):
        render(fresh(ours).public, fresh(theirs).private, Form.JWK)


@pytest.mark.parametrize(("algorithm", "crv"), SHAPES)
def test_the_set_file_holds_all_keys_that_can_open_in_the_given_order(algorithm: str, crv: str | None) -> None:
    active, retired = fresh(algorithm, crv), fresh(algorithm, crv, 1)
    written = render_set([(active.public, active.private), (retired.public, retired.private)])
    document = json.loads(written)
    assert [parse_private(jwk)[1] for jwk in document["keys"]] == [active.private, retired.private]
    assert written == canonical_json(document)


def test_the_set_file_of_no_key_is_empty() -> None:
    assert render_set([]) == b'{"keys":[]}'


def test_a_set_file_has_no_kid_twice_and_no_foreign_half() -> None:
    key, other = fresh("ES256"), fresh("ES256", None, 1)
    with pytest.raises(InvalidMemberError, match="twice"):
        render_set([(key.public, key.private)] * 2)
    with pytest.raises(InconsistentKeyError):
        render_set([(key.public, key.private), (key.public, other.private)])


@pytest.mark.parametrize("algorithm", ["Ed25519", "Ed448"])
def test_old_clients_get_the_former_name_and_it_is_read_back_as_todays(algorithm: str) -> None:
    key = fresh(algorithm)
    old = to_published_jwk(key.public, "EdDSA")
    assert old == {**key.public, "alg": "EdDSA"}
    assert parse_public(old) == key.public == to_published_jwk(key.public)
    file = json.loads(render(old, key.private, Form.JWK))
    assert file == {**key.private.reveal(), "alg": "EdDSA"}
    assert parse_private(file) == (key.public, key.private)
    assert json.loads(render_set([(old, key.private)]))["keys"] == [file]
    (value,) = read_file(Form.PEM, render(old, key.private, Form.PEM), key.kid, "EdDSA")
    assert parse_private(value) == (key.public, key.private)


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name not in ("Ed25519", "Ed448")])
def test_the_former_name_is_that_of_two_algorithms_only(algorithm: str) -> None:
    assert algorithm_name(algorithm, "EdDSA") == algorithm


def _pem(key: ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _p256() -> bytes:
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def _brainpool() -> bytes:
    return _pem(ec.generate_private_key(ec.BrainpoolP256R1()))


def _dsa() -> bytes:
    return _pem(dsa.generate_private_key(1024))


def _empty() -> bytes:
    return b""


def _broken() -> bytes:
    return b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


def _short(curve: int) -> bytes:
    """A key of 32 octets that says it is of X448 (6f) or Ed448 (71), which OpenSSL answers with an internal error."""
    der = bytes.fromhex(f"302e020100300506032b65{curve:02x}04220420") + bytes(range(32))
    return b"-----BEGIN PRIVATE KEY-----\n%b-----END PRIVATE KEY-----\n" % base64.encodebytes(der)


def _short_x448() -> bytes:
    return _short(0x6F)


def _short_ed448() -> bytes:
    return _short(0x71)


@pytest.mark.parametrize(
    ("file", "algorithm", "error"),
    [
        (_empty, "ES256", UnsupportedKeyError),
        (_broken, "ES256", UnsupportedKeyError),
        (_short_x448, "ECDH-ES", UnsupportedKeyError),
        (_short_ed448, "Ed448", UnsupportedKeyError),
        (_brainpool, "ES256", UnsupportedKeyError),
        (_dsa, "ES256", UnsupportedKeyError),
        (_p256, "ES384", InvalidMemberError),
        (_p256, "RS256", InvalidMemberError),
        (_p256, "HS256", InvalidMemberError),
        (_p256, "EdDSA", UnsupportedKeyError),
        (_p256, "ES999", UnsupportedKeyError),
    ],
)
def test_a_pem_file_of_anything_else_is_refused(
    file: Callable[[], bytes], algorithm: str, error: type[JwkError]
) -> None:
    with pytest.raises(error) as caught:
        parse_private(*read_file(Form.PEM, file(), "kid", algorithm))
    assert caught.value.__context__ is None
