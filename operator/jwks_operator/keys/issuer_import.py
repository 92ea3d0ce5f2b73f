"""Keys out of other products' exports: Vault's transit engine, a Keycloak realm, Ory Hydra, and plain files.

Each export is taken apart into single keys, and each key goes through the strict reader of `imports`, so nothing
weak, broken or half comes in. The key in use comes first. Errors never hold a value of a key.
"""

import base64
import binascii
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwks_operator.keys.algorithms import ALGORITHMS, CURVES, EDDSA, KeyClass
from jwks_operator.keys.formats import pem_members
from jwks_operator.keys.import_place import Place, is_pem
from jwks_operator.keys.import_reader import ForeignKey, Wanted, list_values, read_document, read_private
from jwks_operator.keys.key_errors import InvalidMemberError, JwkError, UnsupportedKeyError
from jwks_operator.keys.keycloak import Provider, choose_realm, realms_of, sort_providers
from jwks_operator.keys.material import load_public
from jwks_operator.keys.members import encode_octets, parse_json_strict
from jwks_operator.keys.pkcs8 import pem_algorithms
from jwks_operator.keys.registered import REGISTERED, Purpose
from jwks_operator.keys.spelling import normalize_members


class Source(StrEnum):
    """Whose export it is."""

    FILE = "file"
    VAULT = "vault"
    KEYCLOAK = "keycloak"
    HYDRA = "hydra"


@dataclass(frozen=True, slots=True)
class Brought:
    """One key of an export: what its source calls it, and whether its source signs with it."""

    name: str
    in_use: bool
    key: ForeignKey = field(repr=False)


MAX_BYTES: Final = 16 << 20
"""A realm with its users is large; its keys are not."""
_RSA_DEFAULT: Final = "RS256"
_BY_CURVE: Final = {
    str(row.crv): row.name for row in ALGORITHMS.values() if row.key_class is KeyClass.SIGNATURE and row.crv
}
_VAULT_TYPES: Final = {"ecdsa-p256": "ES256", "ecdsa-p384": "ES384", "ecdsa-p521": "ES512", "ed25519": "Ed25519"}


@dataclass(frozen=True, slots=True)
class Export:
    """The keys of an export, the one in use first, and what of it is left out, each with its reason."""

    keys: tuple[Brought, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person who imports says: the algorithm of RSA keys without one, and the realm of a Keycloak export."""

    algorithm: str | None = None
    realm: str | None = None


def recognise(data: bytes) -> Source:
    """Return whose export this looks like; Hydra's is a private JWK Set, and counts as a file."""
    with suppress(JwkError):
        document = parse_json_strict(data)
        if realms_of(document):
            return Source.KEYCLOAK
        if _vault_keys(document):
            return Source.VAULT
    return Source.FILE


def read_issuer_file(path: str, source: Source | None, asked: Asked = Asked()) -> Export:
    """Return what `bring` does of a file, `-` for standard input; raises OSError if it cannot be read."""
    if path == "-":
        return read_issuer_key(sys.stdin.buffer.read(MAX_BYTES), source, asked)
    with Path(path).open("rb") as file:
        return read_issuer_key(file.read(MAX_BYTES), source, asked)


def read_issuer_key(data: bytes, source: Source | None, asked: Asked = Asked()) -> Export:
    """Return the signature keys of an export with their private halves, the one in use first.

    RSA keys whose source does not say their algorithm are for RS256 unless `asked` says another. Raises JwkError if
    there is none, or one that cannot be used, or if it cannot be told which one signs.
    """
    readers = {Source.VAULT: _of_vault, Source.KEYCLOAK: _of_keycloak}
    found = readers.get(source or recognise(data), _of_file)(data, asked)
    if not found.keys:
        why = f": {'; '.join(found.left_out)}" if found.left_out else ""
        raise UnsupportedKeyError(f"no private signature key is in there{why}")
    return Export(tuple(sorted(found.keys, key=lambda each: not each.in_use)), found.left_out)


def _of_file(data: bytes, asked: Asked) -> Export:
    """A PEM file, one JWK, or a private JWK Set: its first private key is the one in use, as Hydra lists them."""
    if is_pem(data):
        return Export((Brought("key", True, read_private(data, Wanted(_of_pem(data, asked.algorithm)))),))
    keys = list_values(read_document(data, Place.PRIVATE))
    found: list[Brought] = []
    left_out = []
    for index, value in enumerate(keys):
        key = normalize_members(value) if isinstance(value, dict) else {}
        why = _no_use(key)
        if why:
            left_out.append(f"keys[{index}]: {why}")
        else:
            named = _algorithm(key, asked.algorithm)
            written = json.dumps({**key, "alg": named}).encode()
            found.append(Brought(f"keys[{index}]", not found, read_private(written, Wanted(named))))
    return Export(tuple(found), tuple(left_out))


def _no_use(key: Mapping[str, object]) -> str:
    """Why a value of a JWK Set brings no private signature key; empty for one that does."""
    row = REGISTERED.get(str(key.get("alg")))
    if key.get("kty") == "oct" or not {"d", "priv"} & key.keys():
        return "no private key of a pair"
    if key.get("use") == "enc" or (row is not None and row.purpose is Purpose.ENC):
        return "a key for encryption, which signs nothing"
    if str(key.get("crv")) in CURVES.keys() - _BY_CURVE.keys():
        return f"a key on {key['crv']}, which signs nothing"
    return ""


def _of_vault(data: bytes, asked: Asked) -> Export:
    """Transit's export: the versions of one key, PEM or, for Ed25519, base64 of seed and public half."""
    document = _vault_keys(parse_json_strict(data)) or {}
    kind = str(document.get("type", ""))
    versions = document.get("keys")
    if not isinstance(versions, dict):
        raise InvalidMemberError(
            "no exported versions are in there; vault read -format=json transit/export/signing-key/…"
        )
    newest = max((int(version) for version in versions if version.isdecimal()), default=0)
    found = []
    for version, text in versions.items():
        named = _VAULT_TYPES.get(kind, asked.algorithm or _RSA_DEFAULT)
        content = _ed25519(str(text)) if kind == "ed25519" and "BEGIN" not in str(text) else str(text).encode()
        found.append(Brought(f"version {version}", version == str(newest), read_private(content, Wanted(named))))
    return Export(tuple(found))


def _ed25519(text: str) -> bytes:
    octets = _base64(text)
    if len(octets) not in {32, 64}:
        raise InvalidMemberError("an exported Ed25519 key does not have 64 octets")
    public = Ed25519PrivateKey.from_private_bytes(octets[:32]).public_key().public_bytes_raw()
    members = {"kty": "OKP", "crv": "Ed25519", "d": encode_octets(octets[:32]), "x": encode_octets(public)}
    return json.dumps({**members, "alg": "Ed25519"}).encode()


def _of_keycloak(data: bytes, asked: Asked) -> Export:
    """A realm export: the keys of its enabled providers, that of the one that signs first."""
    found = sort_providers(choose_realm(realms_of(parse_json_strict(data)), asked.realm))
    keys = tuple(_of_provider(provider, asked, index == 0) for index, provider in enumerate(found.providers))
    return Export(keys, found.left_out)


def _of_provider(provider: Provider, asked: Asked, in_use: bool) -> Brought:
    pem = _as_pem(provider.text)
    # A provider of the platform's default says nothing of the algorithm; EC and OKP keys have but one.
    key = read_private(pem, Wanted(_of_pem(pem, asked.algorithm or provider.first("algorithm") or None)))
    return Brought(provider.name, in_use, key.called(provider.first("kid") or _kid(key)))


def _kid(key: ForeignKey) -> str:
    """How Keycloak names a key: the SHA-256 of its public key in DER."""
    der = load_public(key.public).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encode_octets(sha256(der).digest())


def _as_pem(text: str) -> bytes:
    """Keycloak writes base64 of PKCS#8 without the lines of PEM; a key brought by hand may have them."""
    if "-----BEGIN " in text:
        return text.encode()
    body = base64.encodebytes(_base64(text)).decode()
    for label in ("PRIVATE KEY", "RSA PRIVATE KEY"):
        pem = f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()
        with suppress(JwkError):
            pem_members(pem)
            return pem
    raise UnsupportedKeyError("a private key of the realm cannot be read")


def _of_pem(data: bytes, wanted: str | None) -> str:
    """The algorithm of the key of a PEM file: some RSA keys are for RSASSA-PSS alone."""
    only = pem_algorithms(data)
    return only[0] if only and wanted is None else _algorithm(pem_members(data), wanted)


def _algorithm(members: Mapping[str, object], wanted: str | None) -> str:
    """The algorithm that the key says, or the only one of its curve; RSA leaves it open."""
    alg, crv = members.get("alg"), str(members.get("crv"))
    if isinstance(alg, str):
        return crv if alg == EDDSA else alg
    if crv in _BY_CURVE:
        return _BY_CURVE[crv]
    return wanted or _RSA_DEFAULT


def _vault_keys(document: object) -> dict[str, object] | None:
    inner = document.get("data", document) if isinstance(document, dict) else None
    return inner if isinstance(inner, dict) and isinstance(inner.get("keys"), dict) else None


def _base64(text: str) -> bytes:
    with suppress(binascii.Error, ValueError):
        return base64.b64decode(text, validate=True)
    raise InvalidMemberError("a private key is not base64")
