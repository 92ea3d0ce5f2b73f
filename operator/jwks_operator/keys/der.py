"""The outermost structure of DER (ITU-T X.690): just enough to see what a file is, and what a private key allows.

No value is interpreted here, so nothing of a key can be in an error.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from jwks_operator.keys.key_errors import MalformedDerError

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
SEQUENCE: Final = 0x30


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its identifier octet, its content, and both with the length between them."""

    tag: int
    content: bytes = field(repr=False)
    whole: bytes = field(repr=False)


def parse_elements(data: bytes) -> tuple[Element, ...]:
    """Return the elements that stand one behind another in `data`; raises MalformedDerError if that is not so."""
    return tuple(_elements(data))


def parse_sequence(data: bytes) -> tuple[Element, ...]:
    """Return the elements of the one SEQUENCE that `data` is; raises MalformedDerError for anything else."""
    found = parse_elements(data)
    if len(found) != 1 or found[0].tag != SEQUENCE:
        raise MalformedDerError("not one DER sequence")
    return parse_elements(found[0].content)


def encode_sequence(content: bytes) -> bytes:
    """Return the SEQUENCE with this content."""
    size = len(content)
    if size < 0x80:
        return bytes([SEQUENCE, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([SEQUENCE, 0x80 | len(octets)]) + octets + content


def _elements(data: bytes) -> Iterator[Element]:
    start = 0
    while start < len(data):
        begin, size = _length(data, start + 1)
        end = begin + size
        if end > len(data):
            raise MalformedDerError("a DER element ends early")
        yield Element(data[start], data[begin:end], data[start:end])
        start = end


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Where the content begins, and its octets."""
    first = data[at] if at < len(data) else 0x80
    if first < 0x80:
        return at + 1, first
    octets = data[at + 1 : at + 1 + (first & 0x7F)]
    if not 1 <= len(octets) <= 4 or len(octets) != first & 0x7F:
        raise MalformedDerError("a DER element has no definite length")
    return at + 1 + len(octets), int.from_bytes(octets, "big")
