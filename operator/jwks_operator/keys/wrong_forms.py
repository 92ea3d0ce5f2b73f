"""What is this file, if it is neither PEM nor a JWK? Its name, and the command that makes of it what is wanted.

People with the wrong file rarely know its name. Only what tells the form is read, and no byte of it is repeated.
PEM files, JSON documents and other texts have modules of their own: `wrong_pem`, `wrong_json` and `wrong_text`.
"""

import base64
import binascii
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from jwks_operator.keys import der
from jwks_operator.keys.import_place import COMPROMISED, PEM_BEGINS, Place, to_set_from
from jwks_operator.keys.key_errors import MalformedDerError, MalformedJsonError
from jwks_operator.keys.members import parse_json_strict
from jwks_operator.keys.wrong_json import name_document
from jwks_operator.keys.wrong_text import name_text

_TO_PEM: Final = "openssl pkey -in FILE -inform DER -out key.pem"
_PRIVATE_IN_DER: Final = {
    "a PKCS#12 file": "openssl pkcs12 -in FILE -nodes -nocerts -out key.pem",
    "a private key in DER": _TO_PEM,
    "an encrypted private key in DER": _TO_PEM,
}
_PUBLIC_IN_DER: Final = {
    "a public key in DER": "openssl pkey -in FILE -pubin -inform DER -out public.pem",
    "a certificate in DER": "openssl x509 -in FILE -inform DER -out public.pem",
}
_BOMS: Final = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x1f\x8b", "a file compressed with gzip; gzip -dc FILE > plain"),
    (b"PK\x03\x04", "a ZIP archive; unzip it, and give the file that is in it"),
    (b"\xfe\xed\xfe\xed", "a Java keystore (JKS)"),
    (b"\xce\xce\xce\xce", "a Java keystore (JCEKS)"),
    (b"\xfd7zXZ\0", "a file compressed with xz; xz -dc FILE > plain"),
    (b"\x28\xb5\x2f\xfd", "a file compressed with Zstandard; zstd -dc FILE > plain"),
    (b"BZh", "a file compressed with bzip2; bzip2 -dc FILE > plain"),
    (b"7z\xbc\xaf", "a 7-Zip archive; 7z x FILE, and give the file that is in it"),
    (b"%PDF-", "a document in PDF; give the key as a file of its own"),
    (b"\0GITCRYPT\0", "encrypted with git-crypt; git-crypt unlock, and give the file again"),
)
_FROM_JAVA: Final = (
    "keytool -importkeystore -srckeystore FILE -destkeystore key.p12 -deststoretype PKCS12 && "
    "openssl pkcs12 -in key.p12 -nodes -nocerts -out key.pem"
)
_PKCS12_IN_BER: Final = bytes.fromhex("3080020103")
_DATA: Final = bytes.fromhex("06092a864886f70d0107")
"""The beginning of the object identifiers of PKCS#7 (RFC 5652)."""


def name_form(data: bytes, place: Place) -> str:
    """Return what the file is, and how to make of it what the place wants; empty if it cannot be told."""
    for tell in (_text, _magic, _der, _json, name_text, _encoded):
        told = tell(data, place)
        if told:
            return told
    return ""


def _text(data: bytes, place: Place) -> str:
    """No content at all, and content in another encoding than UTF-8."""
    if not data.strip():
        return f"is empty; put {place} there, or see why it is not filled (cert-manager: kubectl describe certificate)"
    for mark, name in _BOMS:
        if data.startswith(mark):
            return f"text in {name}; iconv -f {name} -t UTF-8 FILE > plain"
    if data.startswith(b"\xef\xbb\xbf"):
        return "text with a byte order mark (BOM) in front; tail -c +4 FILE > plain"
    for zeros, name in ((data[1:16:2], "UTF-16LE"), (data[0:16:2], "UTF-16BE")):
        if len(zeros) >= 4 and not any(zeros) and not data.startswith(b"\0\0\0\0"):
            return f"text in {name}; iconv -f {name} -t UTF-8 FILE > plain"
    return ""


def _magic(data: bytes, _: Place) -> str:
    if data[257:262] == b"ustar":
        return "a tar archive; tar -xf FILE, and give the file that is in it"
    found = next((told for magic, told in _MAGIC if data.lstrip().startswith(magic)), "")
    return f"{found}; {_FROM_JAVA}" if "Java" in found else found


def _der(data: bytes, place: Place) -> str:
    with suppress(MalformedDerError):
        what = "a PKCS#12 file" if data.startswith(_PKCS12_IN_BER) else _of_der(der.parse_sequence(data))
        if place is Place.PUBLIC and what in _PRIVATE_IN_DER:
            return COMPROMISED
        if place is Place.PUBLIC and what in _PUBLIC_IN_DER:
            return f"{what}, and {place} is needed; {to_set_from(_PUBLIC_IN_DER[what])}"
        return f"{what}; {_PRIVATE_IN_DER.get(what, 'give the private key')}" if what else ""
    return ""


def _of_der(parts: tuple[der.Element, ...]) -> str:
    match [part.tag for part in parts]:
        case [der.INTEGER, *_]:
            return "a PKCS#12 file" if parts[0].content == b"\3" else "a private key in DER"
        case [der.SEQUENCE, der.OCTET_STRING]:
            return "an encrypted private key in DER"
        case [der.SEQUENCE, der.BIT_STRING]:
            return "a public key in DER"
        case [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]:
            return "a certificate in DER"
        case [der.OBJECT_IDENTIFIER, *_] if parts[0].whole.startswith(_DATA):
            return "a PKCS#7 file, which holds no private key"
    return ""


def _json(data: bytes, place: Place) -> str:
    document: object = None
    with suppress(MalformedJsonError):
        document = parse_json_strict(data)
    return name_document(document, place)


def _encoded(data: bytes, place: Place) -> str:
    """The text form of octets that can be told: encoded once more than needed, or twice."""
    return _decoded(data, place, (_magic, _der, lambda inner, place: _decoded(inner, place, ())))


def _decoded(data: bytes, place: Place, tells: tuple[Callable[[bytes, Place], str], ...]) -> str:
    compact = b"".join(data.split())
    for name, decode, command in _ENCODINGS:
        inner = b""
        with suppress(binascii.Error, ValueError):
            inner = decode(compact)
        if inner.lstrip()[:1] in {b"{", b"-"} and (PEM_BEGINS in inner or b'"' in inner):
            return f"{name} of the file, encoded once too often; {command} FILE > plain"
        told = next((told for tell in tells if (told := tell(inner, place))), "") if inner else ""
        if told == COMPROMISED:
            return told
        if told:
            what, _, cure = told.partition("; ")
            return f"{name} of {what}; {command} FILE > inner && {cure.replace('FILE', 'inner')}"
    return ""


_ENCODINGS: Final[tuple[tuple[str, Callable[[bytes], bytes], str], ...]] = (
    ("base64", lambda text: base64.b64decode(text, validate=True), "base64 -d"),
    (
        "base64url",
        lambda text: base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True),
        "python3 -c 'import base64, sys; t = open(sys.argv[1]).read().strip(); "
        'sys.stdout.buffer.write(base64.urlsafe_b64decode(t + "=="))\'',
    ),
    (
        "hexadecimal",
        lambda text: bytes.fromhex(text.replace(b":", b"").decode("ascii")),
        'python3 -c \'import sys; t = open(sys.argv[1]).read().replace(":", ""); '
        "sys.stdout.buffer.write(bytes.fromhex(t))'",
    ),
)
"""How octets are written as text, how they are read, and the command that reads them."""
