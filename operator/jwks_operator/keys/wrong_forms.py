"""What is this file, if it is neither PEM nor a JWK? Its name, and the command that makes of it what is wanted.

People with the wrong file rarely know its name. Only what tells the form is read, and no byte of it is repeated.
In the commands FILE is the file as it was put into the object; PEM files have a module of their own, `wrong_pem`.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final, TypeAlias

from jwks_operator.keys import der
from jwks_operator.keys.key_errors import MalformedDerError, MalformedJsonError
from jwks_operator.keys.members import parse_json_strict

PEM_BEGINS: Final = b"-----BEGIN "


def is_pem(data: bytes) -> bool:
    """Tell whether a file is meant to be PEM (RFC 7468); text around the blocks is allowed, JSON around them is not."""
    return PEM_BEGINS in data and data.lstrip()[:1] not in {b"{", b"["}


class Place(StrEnum):
    """What the file was given as."""

    PRIVATE = "a private key in PEM or a JWK"
    PUBLIC = "a JWK Set of public keys"


COMPROMISED: Final = "a private key where everybody may read it: it is compromised; replace it, and revoke it"
TO_SET: Final = (
    "python3 -c 'import sys; from jwcrypto.jwk import JWK, JWKSet; s = JWKSet(); "
    "s.add(JWK.from_pem(sys.stdin.buffer.read())); print(s.export(private_keys=False))' < FILE > jwks.json "
    "(pip install jwcrypto), and give it the kid and the alg of its tokens"
)
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
_JSON_SET: Final = 'curl -fsS "$(jq -r .jwks_uri FILE)" > jwks.json'
_BOMS: Final = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x1f\x8b", "compressed with gzip; gzip -dc FILE > plain"),
    (b"PK\x03\x04", "a ZIP archive; unzip it, and give the file that is in it"),
    (b"\xfe\xed\xfe\xed", "a Java keystore (JKS)"),
    (b"\xce\xce\xce\xce", "a Java keystore (JCEKS)"),
    (b"PuTTY-User-Key-File", "a key of PuTTY; puttygen FILE -O private-openssh -o key"),
    (b"ssh-", "a public key of OpenSSH; give the file without .pub"),
    (b"ecdsa-sha2-", "a public key of OpenSSH; give the file without .pub"),
    (b"<RSAKeyValue", "an RSA key in XML as .NET writes it; write it with ExportPkcs8PrivateKeyPem"),
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
    for tell in (_text, _magic, _der, _web, _json, _encoded):
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
    found = next((told for magic, told in _MAGIC if data.lstrip().startswith(magic)), "")
    return f"{found}; {_FROM_JAVA}" if "Java" in found else found


def _der(data: bytes, place: Place) -> str:
    with suppress(MalformedDerError):
        what = "a PKCS#12 file" if data.startswith(_PKCS12_IN_BER) else _of_der(der.parse_sequence(data))
        if place is Place.PUBLIC and what in _PRIVATE_IN_DER:
            return COMPROMISED
        if place is Place.PUBLIC and what in _PUBLIC_IN_DER:
            return f"{what}, and {place} is needed; {_PUBLIC_IN_DER[what]} && {TO_SET.replace('FILE', 'public.pem')}"
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


def _web(data: bytes, _: Place) -> str:
    begin = data.lstrip()[:64].lower()
    if begin.startswith((b"<!doctype html", b"<html")):
        return "a page in HTML, not the document itself; fetch it with curl -fsSL URL, and look at what comes"
    parts = data.strip().split(b".")
    if begin.startswith(b"eyj") and len(parts) in {3, 5}:
        what = "a signed token (JWT)" if len(parts) == 3 else "an encrypted key or token (JWE); decrypt it first"
        return f"{what}; give the key, not what was made with it" if len(parts) == 3 else what
    return ""


def _json(data: bytes, place: Place) -> str:
    document: object = None
    with suppress(MalformedJsonError):
        document = parse_json_strict(data)
    if not isinstance(document, dict) or "kty" in document or isinstance(document.get("keys"), list):
        return ""
    return next((told for fits, told in _DOCUMENTS if fits(document)), _PRIVATE_IN_JSON if _has_pem(document) else "")


Document: TypeAlias = Mapping[str, object]


def _has_pem(document: Document) -> bool:
    return any(isinstance(value, str) and "-----BEGIN " in value for value in document.values())


def _are_certificates(document: Document) -> bool:
    return bool(document) and all(isinstance(v, str) and "BEGIN CERTIFICATE" in v for v in document.values())


_PRIVATE_IN_JSON: Final = "a JSON document with a PEM file in one of its members; jq -r .MEMBER FILE > key.pem"
_DOCUMENTS: Final[tuple[tuple[Callable[[Document], bool], str], ...]] = (
    (lambda d: "jwks_uri" in d, f"a discovery document, which only names the JWK Set; {_JSON_SET}"),
    (
        lambda d: "public_key" in d and "token-service" in d,
        "the page of a Keycloak realm, not its JWK Set; fetch what …/protocol/openid-connect/certs serves",
    ),
    (
        _are_certificates,
        "certificates by kid, not a JWK Set; take the JWK Set that the issuer serves beside them (of Google: "
        "curl -fsS https://www.googleapis.com/oauth2/v3/certs > jwks.json)",
    ),
    (
        lambda d: "private_key" in d,
        "a service account or another JSON document around a key; jq -r .private_key FILE > key.pem",
    ),
    (lambda d: "ciphertext" in d, "an encrypted key (JWE); decrypt it first"),
    (lambda d: "sops" in d, "encrypted with SOPS; sops --decrypt FILE > plain"),
)


def _encoded(data: bytes, place: Place) -> str:
    """Base64 of something that can be told: encoded once more than needed."""
    inner = b""
    with suppress(binascii.Error, ValueError):
        inner = base64.b64decode(b"".join(data.split()), validate=True)
    if inner.lstrip()[:1] in {b"{", b"-"} and (PEM_BEGINS in inner or b'"' in inner):
        return "base64 of the file, encoded once too often; base64 -d FILE > plain"
    told = _der(inner, place) if inner else ""
    return f"base64 of {told.replace('FILE', 'plain')}, after base64 -d FILE > plain" if told else ""
