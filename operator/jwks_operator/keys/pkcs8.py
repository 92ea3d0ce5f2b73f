"""What PKCS#8 says beside the numbers of a key: its version, its public half, and the one padding it allows.

`cryptography` refuses version 2 (OneAsymmetricKey, RFC 5958), which Java and newer OpenSSL write for Ed25519, and reads
an id-RSASSA-PSS key as if it could do everything that an RSA key can.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from jwks_operator.keys import der
from jwks_operator.keys.key_errors import InconsistentKeyError, MalformedDerError, UnsupportedKeyError
from jwks_operator.keys.unreadable import KEY_ERRORS

_BLOCK: Final = re.compile(rb"-----BEGIN PRIVATE KEY-----(.*?)-----END PRIVATE KEY-----", re.DOTALL)
_VERSION_1: Final = bytes([der.INTEGER, 1, 0])
_VERSION_2: Final = bytes([der.INTEGER, 1, 1])
_ATTRIBUTES: Final = 0xA0
_PUBLIC_KEY: Final = (0x81, 0xA1)
_ID_RSASSA_PSS: Final = bytes.fromhex("06092a864886f70d01010a")
_SHA_2: Final[Mapping[bytes, str]] = MappingProxyType(
    {
        bytes.fromhex("0609608648016503040201"): "PS256",
        bytes.fromhex("0609608648016503040202"): "PS384",
        bytes.fromhex("0609608648016503040203"): "PS512",
    }
)
_HASH_OF_PSS: Final = 0xA0


def load_version_2(pkcs8: bytes) -> PrivateKeyTypes | None:
    """Return the private key of a OneAsymmetricKey (RFC 5958 section 2); None for everything else.

    Raises InconsistentKeyError for a public half that belongs to another key.
    """
    with suppress(MalformedDerError):
        parts = der.parse_sequence(pkcs8)
        if len(parts) >= 3 and parts[0].whole == _VERSION_2:
            rest = [part for part in parts[3:] if part.tag not in (_ATTRIBUTES, *_PUBLIC_KEY)]
            publics = [part for part in parts[3:] if part.tag in _PUBLIC_KEY]
            if not rest and len(publics) <= 1:
                return _version_1(parts, publics)
    return None


def pem_algorithms(data: bytes) -> tuple[str, ...]:
    """Return the only algorithms of a PEM file's key that is for RSASSA-PSS alone (RFC 4055 section 1.2), else none.

    Raises UnsupportedKeyError if its parameters name a hash function that no JOSE algorithm has.
    """
    with suppress(MalformedDerError):
        parts = der.parse_sequence(pkcs8_of(data))
        return _only_of(parts[1]) if len(parts) >= 3 else ()
    return ()


def pkcs8_of(data: bytes) -> bytes:
    """Return the octets of the one PKCS#8 block of a PEM file; none if there is no such block."""
    found = _BLOCK.search(data)
    with suppress(binascii.Error, ValueError):
        return b"" if found is None else base64.b64decode(b"".join(found[1].split()), validate=True)
    return b""


def _only_of(identifier: der.Element) -> tuple[str, ...]:
    if not identifier.content.startswith(_ID_RSASSA_PSS):
        return ()
    parameters = der.parse_elements(identifier.content)[1:]
    if not parameters or parameters[0].tag != der.SEQUENCE:
        return tuple(_SHA_2.values())
    named = _hash_named(parameters[0])
    if named is not None:
        return (named,)
    raise UnsupportedKeyError("its RSASSA-PSS parameters name none of SHA-256, SHA-384 and SHA-512")


def _version_1(parts: tuple[der.Element, ...], publics: list[der.Element]) -> PrivateKeyTypes | None:
    key = None
    with suppress(*KEY_ERRORS):
        plain = der.encode_sequence(_VERSION_1 + parts[1].whole + parts[2].whole)
        key = load_der_private_key(plain, password=None, unsafe_skip_rsa_key_validation=True)
    if key is not None and publics and _bits(key) != _content(publics[0]):
        raise InconsistentKeyError("the public half in the PKCS#8 file belongs to another key")
    return key


def _content(public: der.Element) -> bytes:
    """The BIT STRING of the field, whose tag is implicit (0x81), or explicit as some write it (0xA1)."""
    return public.content if public.tag == _PUBLIC_KEY[0] else der.parse_elements(public.content)[0].content


def _bits(key: PrivateKeyTypes) -> bytes:
    """The BIT STRING of the public key as RFC 5280 section 4.1.2.7 writes it."""
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der.parse_sequence(spki)[1].content


def _hash_named(parameters: der.Element) -> str | None:
    """Without a field for it the hash function is SHA-1 (RFC 4055 section 3.1)."""
    for field in der.parse_elements(parameters.content):
        if field.tag == _HASH_OF_PSS:
            return _SHA_2.get(der.parse_elements(der.parse_sequence(field.content)[0].whole)[0].whole)
    return None
