import base64
import json
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jwks_operator.keys.algorithms import ALGORITHMS, COMMON_MEMBERS, CURVES, PRIVATE_MEMBERS, PUBLIC_MEMBERS
from jwks_operator.keys.certificates import (
    Authority,
    Terms,
    certificate_members,
    check_certificate_key,
    read_issued_chain,
    self_signed,
)
from jwks_operator.keys.formats import read_file, render
from jwks_operator.keys.import_reader import Wanted, read_private, read_public_keys
from jwks_operator.keys.issuer_import import read_issuer_key
from jwks_operator.keys.jwk import parse_json_strict, parse_private, parse_public, public_jwk, thumbprint
from jwks_operator.keys.key_errors import InvalidMemberError, JwkError
from jwks_operator.keys.members import encode_octets
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.secret_files import Form
from jwks_operator.keys.signing import verify_compact
from keys.samples import EACH_KEY_TYPE, PRIVATE, ec_members, fresh, octets_of, private_windows

START = datetime(2026, 1, 1, tzinfo=UTC)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@settings(max_examples=60)
@given(st.integers(1, P256_ORDER - 1) | st.integers(1, 2**240))
def test_ec_members_always_have_32_octets(scalar: int) -> None:
    members = ec_members(scalar)
    assert [len(octets_of(members[name])) for name in ("x", "y", "d")] == [32, 32, 32]
    assert parse_private(members)[1].reveal()["d"] == members["d"]


@pytest.mark.parametrize("name", ["x", "y"])
def test_a_coordinate_with_leading_zeros_keeps_them(name: str) -> None:
    members = next(found for found in map(ec_members, range(1, 5000)) if octets_of(found[name])[0] == 0)
    public, private = parse_private(members)
    assert public[name] == private.reveal()[name] == members[name]
    with pytest.raises(InvalidMemberError, match="does not have 32 octets"):
        parse_private({**members, name: encode_octets(octets_of(members[name])[1:])})


def refused_quietly(data: bytes | dict[str, Any]) -> list[JwkError]:
    """Hand one input to every reader of the room; anything but a result or a JwkError fails the test."""
    errors = []
    for read in (parse_public, parse_private, public_jwk, thumbprint, PrivateJwk.from_members):
        try:
            value: Any = parse_json_strict(data) if isinstance(data, bytes) else data
            if isinstance(value, dict) or read in (parse_public, parse_private):
                read(value)
        except JwkError as error:
            errors.append(error)
    return errors


OF_KEY_TYPES = [name for table in (PUBLIC_MEMBERS, PRIVATE_MEMBERS) for names in table.values() for name in names]
NAMES = st.sampled_from([*COMMON_MEMBERS, *OF_KEY_TYPES, "oth", "x5c"])
VALUES = (
    st.sampled_from([*PRIVATE_MEMBERS, *CURVES, "sig", "enc", "AQAB", "", "=", "EdDSA", ["sign"], ["verify"]])
    | st.sampled_from(list(ALGORITHMS))
    | st.sampled_from([value for jwk in PRIVATE.values() for value in jwk.values()])
    | st.text(max_size=6)
    | st.binary(max_size=40).map(encode_octets)
    | st.none()
    | st.integers()
    | st.lists(st.text(max_size=3) | st.none(), max_size=2)
)
EDITS: list[Any] = [
    lambda value: value[:-1],
    lambda value: value + "=",
    lambda value: value[::-1],
    lambda value: value + value,
    lambda value: [value],
    lambda value: {value: value},
    lambda value: "\0" + value,
]
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(st.binary(max_size=80) | st.dictionaries(NAMES, VALUES).map(lambda jwk: json.dumps(jwk).encode()))
def test_any_bytes_are_a_key_or_a_typed_error(data: bytes) -> None:
    refused_quietly(data)


def der_of(algorithm: str) -> bytes:
    key = fresh(algorithm)
    return base64.b64decode(b"".join(render(key.public, key.private, Form.PEM).splitlines()[1:-1]))


def certificate() -> bytes:
    key = fresh("ES256")
    pem = self_signed(key.public, key.private, Terms("a", ("a.example",), START, timedelta(days=1), 1))
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


def spoilt(der: bytes) -> st.SearchStrategy[bytes]:
    """The octets with a few of them exchanged, a piece cut out, or the end missing."""
    edits = st.lists(st.tuples(st.integers(0, len(der) - 1), st.integers(0, 255)), min_size=1, max_size=4)
    changed = edits.map(lambda found: bytes(dict(found).get(place, octet) for place, octet in enumerate(der)))
    cut = st.tuples(st.integers(0, len(der)), st.integers(0, 8)).map(lambda at: der[: at[0]] + der[at[0] + at[1] :])
    return changed | cut | st.integers(0, len(der)).map(lambda end: der[:end]) | st.binary(max_size=60)


def pem_file(what: str, der: bytes) -> bytes:
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (what.encode(), base64.encodebytes(der), what.encode())


def accepts_or_refuses(read: Callable[[], object]) -> None:
    refused = None
    try:
        read()
    except JwkError as error:
        refused = error
    assert refused is None or refused.__context__ is None


@settings(SLOW, max_examples=400)
@given(st.data(), st.sampled_from(["ES256", "ES512", "Ed25519", "Ed448", "RS256", "ML-DSA-44", "ECDH-ES"]))
def test_any_pem_file_is_a_key_or_a_typed_error(data: st.DataObject, algorithm: str) -> None:
    pem = pem_file("PRIVATE KEY", data.draw(spoilt(der_of(algorithm))))
    accepts_or_refuses(lambda: parse_private(*read_file(Form.PEM, pem, "kid", algorithm)))
    accepts_or_refuses(lambda: read_private(pem, Wanted(algorithm)))
    accepts_or_refuses(lambda: Authority.load(pem, pem))


@settings(SLOW, max_examples=400)
@given(st.data())
def test_any_certificate_is_read_or_a_typed_error(data: st.DataObject) -> None:
    key = fresh("ES256")
    pem = pem_file("CERTIFICATE", data.draw(spoilt(certificate())))
    for read in (check_certificate_key, certificate_members, read_issued_chain):
        accepts_or_refuses(partial(read, key.public, pem))
    accepts_or_refuses(lambda: Authority.load(pem, render(key.public, key.private, Form.PEM)))


@SLOW
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_from_a_source_are_keys_or_a_typed_error(data: bytes) -> None:
    accepts_or_refuses(lambda: read_private(data, Wanted("ES256")))
    accepts_or_refuses(lambda: read_public_keys(data, "ES256"))
    accepts_or_refuses(lambda: verify_compact(fresh("ES256").public, data.decode("latin-1"), "JWT"))


@st.composite
def damaged(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A private key, and the same with some members removed, exchanged, renamed or edited."""
    jwk = fresh(draw(st.sampled_from(EACH_KEY_TYPE))).private.reveal()
    broken: dict[str, Any] = dict(jwk)
    for _ in range(draw(st.integers(1, 3))):
        name, other = draw(st.sampled_from(sorted(jwk))), draw(st.sampled_from(sorted(jwk)))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            broken.pop(name, None)
        elif kind == 1:
            broken[name] = jwk[other]
        elif kind == 2:
            broken[str(jwk[other])] = jwk[name]
        elif kind == 3:
            broken[name] = draw(VALUES)
        else:
            broken[name] = draw(st.sampled_from(EDITS))(str(jwk[name]))
    return jwk, broken


@SLOW
@given(damaged(), st.booleans(), st.integers(0, 400))
def test_no_error_about_a_private_key_tells_anything_of_it(
    keys: tuple[dict[str, Any], dict[str, Any]], twice: bool, cut: int
) -> None:
    jwk, broken = keys
    written = json.dumps(broken).encode()
    texts = [written, written[: len(written) - cut], written[:-1] + b", " + written[1:]] if twice else [written]
    secrets = private_windows(jwk)
    errors = refused_quietly(broken)
    for text in texts:
        errors += refused_quietly(text)
    for error in errors:
        told = f"{error} {error!r} {error.args} {''.join(traceback.format_exception(error))}"
        assert not [window for window in secrets if window in told]
        assert error.__context__ is None
        assert error.__cause__ is None


@SLOW
@given(st.dictionaries(NAMES, VALUES), st.sampled_from(["ES256", "RS256", "Ed25519", "HS256", "ML-DSA-44"]))
def test_any_jwk_from_a_source_is_a_key_or_a_typed_error(jwk: dict[str, Any], algorithm: str) -> None:
    for document in (jwk, {"keys": [jwk]}, {"keys": [jwk, fresh("ES256").private.reveal()]}):
        data = json.dumps(document).encode()
        accepts_or_refuses(partial(read_private, data, Wanted(algorithm)))
        accepts_or_refuses(partial(read_public_keys, data, algorithm))
        accepts_or_refuses(partial(read_issuer_key, data, None))


PROVIDERS = st.dictionaries(
    st.sampled_from(["name", "id", "providerId", "config"]),
    st.none()
    | st.text(max_size=5)
    | st.dictionaries(
        st.sampled_from(["privateKey", "priority", "active", "enabled", "algorithm", "keyUse", "kid", "secret"]),
        st.none() | st.lists(st.none() | st.sampled_from(["100", "-1", "x", "RS256", "false", "AAAA"]), max_size=2),
    ),
)


@SLOW
@given(
    st.dictionaries(st.sampled_from(["realm", "defaultSignatureAlgorithm", "id"]), st.none() | st.text(max_size=5)),
    st.lists(PROVIDERS | st.none(), max_size=3),
)
def test_any_realm_is_keys_or_a_typed_error(realm: dict[str, Any], providers: list[Any]) -> None:
    document = {**realm, "components": {"org.keycloak.keys.KeyProvider": providers}}
    for data in (document, [document, document], [document, None, 1]):
        accepts_or_refuses(partial(read_issuer_key, json.dumps(data).encode(), None))


@SLOW
@given(st.binary(max_size=60).map(lambda octets: b"0" + bytes([len(octets)]) + octets))
def test_any_der_is_a_typed_error(data: bytes) -> None:
    for pem in (data, pem_file("PRIVATE KEY", data), base64.b64encode(data)):
        accepts_or_refuses(partial(read_private, pem, Wanted("ES256")))
        accepts_or_refuses(partial(read_public_keys, pem, "ES256"))
