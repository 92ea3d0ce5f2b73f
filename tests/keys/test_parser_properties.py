import json
import traceback
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jwks_operator.keys.algorithms import ALGORITHMS, COMMON_MEMBERS, CURVES, PRIVATE_MEMBERS, PUBLIC_MEMBERS
from jwks_operator.keys.errors import InvalidMemberError, JwkError
from jwks_operator.keys.jwk import parse_json_strict, parse_private, parse_public, public_jwk, thumbprint
from jwks_operator.keys.members import encode_octets
from jwks_operator.keys.private import PrivateJwk
from keys.samples import EACH_KEY_TYPE, PRIVATE, ec_members, fresh, octets_of, private_windows

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
