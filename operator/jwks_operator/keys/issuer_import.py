"""Keys out of other products' exports: Vault's transit engine, a Keycloak realm, Ory Hydra, and plain files.

Each export is taken apart into single keys, and each key goes through the strict reader of `imports`, so nothing
weak, broken or half comes in. The key in use comes first. Errors never hold a value of a key.
"""

import base64
import binascii
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwks_operator.keys.algorithms import ALGORITHMS, EDDSA, KeyClass
from jwks_operator.keys.formats import pem_members
from jwks_operator.keys.import_reader import ForeignKey, Wanted, read_private
from jwks_operator.keys.key_errors import InvalidMemberError, JwkError, MalformedJsonError, UnsupportedKeyError
from jwks_operator.keys.material import load_public
from jwks_operator.keys.members import encode_octets, parse_json_strict


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
_KEY_PROVIDER: Final = "org.keycloak.keys.KeyProvider"
_KEYCLOAK_MEMBERS: Final = ("privateKey", "ecdsaPrivateKey", "eddsaPrivateKey")
_MASKED: Final = "**********"


def recognise(data: bytes) -> Source:
    """Return whose export this looks like; Hydra's is a private JWK Set, and counts as a file."""
    with suppress(JwkError):
        document = parse_json_strict(data)
        if _realms(document):
            return Source.KEYCLOAK
        if _vault_keys(document):
            return Source.VAULT
    return Source.FILE


def bring_file(path: str, source: Source | None, algorithm: str | None) -> tuple[Brought, ...]:
    """Return what `bring` does of a file, `-` for standard input; raises OSError if it cannot be read."""
    if path == "-":
        return bring(sys.stdin.buffer.read(MAX_BYTES), source, algorithm)
    with Path(path).open("rb") as file:
        return bring(file.read(MAX_BYTES), source, algorithm)


def bring(data: bytes, source: Source | None, algorithm: str | None) -> tuple[Brought, ...]:
    """Return the signature keys of an export with their private halves, the one in use first.

    `algorithm` is for RSA keys whose source does not say theirs (RS256 otherwise). Raises JwkError if there is none,
    or one that cannot be used.
    """
    readers = {Source.VAULT: _of_vault, Source.KEYCLOAK: _of_keycloak}
    found = tuple(readers.get(source or recognise(data), _of_file)(data, algorithm))
    if not found:
        raise UnsupportedKeyError("no private signature key is in there")
    return tuple(sorted(found, key=lambda each: not each.in_use))


def _of_file(data: bytes, algorithm: str | None) -> Iterator[Brought]:
    """A PEM file, one JWK, or a private JWK Set: its first private key is the one in use, as Hydra lists them."""
    if b"-----BEGIN " in data:
        yield Brought("key", True, read_private(data, Wanted(_algorithm(pem_members(data), algorithm))))
        return
    document = parse_json_strict(data)
    keys = document.get("keys", [document]) if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise MalformedJsonError("neither PEM nor a JWK nor a JWK Set")
    private = [key for key in keys if isinstance(key, dict) and {"d", "priv"} & key.keys() and key.get("use") != "enc"]
    for index, key in enumerate(private):
        named = _algorithm(key, algorithm)
        written = json.dumps({**key, "alg": named}).encode()
        yield Brought(f"keys[{index}]", index == 0, read_private(written, Wanted(named)))


def _of_vault(data: bytes, algorithm: str | None) -> Iterator[Brought]:
    """Transit's export: the versions of one key, PEM or, for Ed25519, base64 of seed and public half."""
    document = _vault_keys(parse_json_strict(data)) or {}
    kind = str(document.get("type", ""))
    versions = document.get("keys")
    if not isinstance(versions, dict):
        raise InvalidMemberError(
            "no exported versions are in there; vault read -format=json transit/export/signing-key/…"
        )
    newest = max((int(version) for version in versions if version.isdecimal()), default=0)
    for version, text in versions.items():
        named = _VAULT_TYPES.get(kind, algorithm or _RSA_DEFAULT)
        content = _ed25519(str(text)) if kind == "ed25519" and "BEGIN" not in str(text) else str(text).encode()
        yield Brought(f"version {version}", version == str(newest), read_private(content, Wanted(named)))


def _ed25519(text: str) -> bytes:
    octets = _base64(text)
    if len(octets) not in {32, 64}:
        raise InvalidMemberError("an exported Ed25519 key does not have 64 octets")
    public = Ed25519PrivateKey.from_private_bytes(octets[:32]).public_key().public_bytes_raw()
    members = {"kty": "OKP", "crv": "Ed25519", "d": encode_octets(octets[:32]), "x": encode_octets(public)}
    return json.dumps({**members, "alg": "Ed25519"}).encode()


def _of_keycloak(data: bytes, algorithm: str | None) -> Iterator[Brought]:
    """A realm export: enabled keys of its providers; that of the highest priority that is active is in use."""
    providers = [each for realm in _realms(parse_json_strict(data)) for each in realm]
    keys = []
    for provider in providers:
        config = provider.get("config")
        if isinstance(config, dict) and _first(config, "enabled", "true") == "true":
            text = next((_first(config, name) for name in _KEYCLOAK_MEMBERS if _first(config, name)), "")
            if text == _MASKED:
                raise UnsupportedKeyError(
                    "the private keys are masked in there; export with kc.sh export, not from the admin console"
                )
            if text and _first(config, "keyUse", "SIG").upper() == "SIG":
                keys.append((provider, config, text))
    keys.sort(key=lambda each: (_first(each[1], "active", "true") == "true", _priority(each[1])), reverse=True)
    for index, (provider, config, text) in enumerate(keys):
        pem = _as_pem(text)
        members = pem_members(pem)
        # A provider of the platform's default says nothing of the algorithm; EC and OKP keys have but one.
        named = _algorithm(members, algorithm or _first(config, "algorithm") or None)
        key = read_private(pem, Wanted(named))
        yield Brought(str(provider.get("name", index)), index == 0, key.called(_first(config, "kid") or _kid(key)))


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


def _realms(document: object) -> list[list[Mapping[str, object]]]:
    """The key providers of each realm of an export, which is one realm or a list of them."""
    found: list[list[Mapping[str, object]]] = []
    for realm in document if isinstance(document, list) else [document]:
        components = realm.get("components") if isinstance(realm, dict) else None
        providers = components.get(_KEY_PROVIDER) if isinstance(components, dict) else None
        if isinstance(providers, list):
            found.append([each for each in providers if isinstance(each, dict)])
    return found


def _first(config: Mapping[str, object], name: str, silent: str = "") -> str:
    """The first value of a member: Keycloak writes lists."""
    values = config.get(name)
    return str(values[0]) if isinstance(values, list) and values else silent


def _priority(config: Mapping[str, object]) -> int:
    text = _first(config, "priority", "0")
    return int(text) if text.lstrip("-").isdecimal() else 0


def _base64(text: str) -> bytes:
    with suppress(binascii.Error, ValueError):
        return base64.b64decode(text, validate=True)
    raise InvalidMemberError("a private key is not base64")
