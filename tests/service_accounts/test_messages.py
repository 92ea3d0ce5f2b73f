"""The hand-written messages beside the reference implementation of Protocol Buffers."""

from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st

from jwks_operator.service_accounts import messages
from jwks_operator.service_accounts.wire_format import MalformedMessage
from service_accounts.oracle import message, parsed

KIDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
SEGMENTS = st.text(st.sampled_from("abcXYZ019-_"), max_size=300)
NANOSECONDS = st.integers(0, 253402300799 * 10**9)


def read(content: bytes) -> str | None:
    try:
        return messages.read_sign_request(content)
    except MalformedMessage:
        return None


def read_by_reference(content: bytes) -> Any:
    try:
        return parsed("SignJWTRequest", content).claims
    except DecodeError:
        return None


@given(
    st.lists(st.tuples(KIDS, st.binary(max_size=600), st.booleans()), max_size=5), NANOSECONDS, st.integers(1, 2**62)
)
def test_keys_are_written_as_the_reference_writes_them(
    keys: list[tuple[str, bytes, bool]], when: int, hint: int
) -> None:
    expected = message("FetchKeysResponse", refresh_hint_seconds=hint)
    expected.data_timestamp.FromNanoseconds(when)
    for kid, der, hidden in keys:
        expected.keys.add(key_id=kid, key=der, exclude_from_oidc_discovery=hidden)
    written = messages.write_fetch_keys_response((messages.PublicKey(*key) for key in keys), when, hint)
    assert written == expected.SerializeToString(deterministic=True)


@given(SEGMENTS, SEGMENTS, st.integers(0, 2**63 - 1))
def test_the_other_answers_are_written_as_the_reference_writes_them(header: str, signature: str, most: int) -> None:
    signed = message("SignJWTResponse", header=header, signature=signature)
    assert messages.write_sign_response(header, signature) == signed.SerializeToString()
    metadata = message("MetadataResponse", max_token_expiration_seconds=most)
    assert messages.write_metadata_response(most) == metadata.SerializeToString()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_request_is_read_as_it_was_written(text: str) -> None:
    assert read(message("SignJWTRequest", claims=text).SerializeToString()) == text


FIELDS = st.one_of(
    st.binary(max_size=12),
    st.text(max_size=5).map(lambda text: message("SignJWTRequest", claims=text).SerializeToString()),
    st.builds(
        lambda kid, der: message("Key", key_id=kid, key=der, exclude_from_oidc_discovery=True).SerializeToString(),
        st.text(max_size=5), st.binary(max_size=5),
    ),
    st.integers(0, 2**70).map(lambda number: bytes([0x10]) + _varint(number)),
    st.sampled_from([b"\x0d", b"\x09", b"\x80", b"\xff", b"\x0a", b"\x00", b"\x0b", b"\x0c"]),
)  # fmt: skip


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


@example(b"\x00\x00")
@example(b"\x02\x00")
@example(b"\x80\x80\x80\x80\x10\x00")
@given(st.lists(FIELDS, max_size=6).map(b"".join))
def test_whatever_is_understood_is_understood_as_the_reference_does(content: bytes) -> None:
    understood = read(content)
    if understood is not None:
        assert understood == read_by_reference(content)
