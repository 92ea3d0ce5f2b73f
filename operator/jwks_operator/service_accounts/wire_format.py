"""Protocol Buffers (proto3), as far as messages of strings, octets, integers and messages need them.

Writing follows the field order and leaves out defaults, as the reference does; reading refuses what it refuses, and
groups, which proto3 does not have.
"""

from collections.abc import Iterator
from typing import Final

_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_FIXED: Final = {_I64: 8, _I32: 4}
_MOST_FIELD: Final = (1 << 29) - 1
_MOST_LENGTH: Final = (1 << 31) - 1


class MalformedMessage(Exception):
    """The octets are not a message."""


def write_octets(field: int, content: bytes) -> bytes:
    """Return a field of octets or UTF-8 text; nothing if it is empty, the default."""
    return write_message(field, content) if content else b""


def write_message(field: int, content: bytes) -> bytes:
    """Return a field that is a message, which may be empty."""
    return _varint(field << 3 | _LEN) + _varint(len(content)) + content


def write_integer(field: int, value: int) -> bytes:
    """Return a field of a non-negative integer or a bool; nothing for 0, the default."""
    return _varint(field << 3 | _VARINT) + _varint(value) if value else b""


def read_text(message: bytes, field: int) -> str:
    """Return the text of a field, the last one if there are several, empty if there is none.

    Raises MalformedMessage.
    """
    found = b""
    for number, content in _fields(message):
        if number == field and content is not None:
            found = content
            _text(found)
    return _text(found)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedMessage("a text is not UTF-8") from None


def _fields(message: bytes) -> Iterator[tuple[int, bytes | None]]:
    """Yield the number of each field, and its content if it has a length."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at, most=5)
        number, kind = tag >> 3, tag & 7
        if not 0 < number <= _MOST_FIELD:
            raise MalformedMessage("a field has no valid number")
        if kind == _VARINT:
            _, at = _read_varint(message, at)
            yield number, None
        elif kind == _LEN:
            length, at = _read_varint(message, at)
            yield number, message[at : at + length]
            at = _after(message, at, length)
        elif kind in _FIXED:
            at = _after(message, at, _FIXED[kind])
            yield number, None
        else:
            raise MalformedMessage("a field has no valid type")


def _after(message: bytes, at: int, length: int) -> int:
    if length > _MOST_LENGTH or at + length > len(message):
        raise MalformedMessage("the message is truncated")
    return at + length


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(message: bytes, at: int, most: int = 10) -> tuple[int, int]:
    """Return a number of at most that many octets, and where it ends."""
    value = 0
    for count in range(most):
        if at + count >= len(message):
            raise MalformedMessage("the message is truncated")
        octet = message[at + count]
        value |= (octet & 0x7F) << 7 * count
        if octet <= 0x7F:
            return value & (1 << 64) - 1, at + count + 1
    raise MalformedMessage("a number is too long")
