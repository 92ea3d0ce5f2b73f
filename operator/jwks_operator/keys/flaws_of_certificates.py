"""The flaws of `x5c`, `x5t` and `x5t#S256`: whose certificates they are, and what they are digests of."""

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from jwks_operator.keys.certificates import load_chain
from jwks_operator.keys.chain import pem_chain
from jwks_operator.keys.chain_order import key_or_none, order_chain
from jwks_operator.keys.flaws import Flaw, Level
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.material import load_public
from jwks_operator.keys.members import encode_octets
from jwks_operator.keys.spelling import decode_octets

Jwk = Mapping[str, object]

_CHAIN: Final = "RFC 7517 section 4.7"
_DIGESTS: Final = (("x5t", "sha1", "RFC 7517 section 4.8"), ("x5t#S256", "sha256", "RFC 7517 section 4.9"))
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}:?)+")


def certificate_flaws(where: str, key: Jwk, now: datetime) -> Iterator[Flaw]:
    """Yield what is wrong with the certificates of a JWK, whose `alg` must be one by which it can be read."""
    chain = key.get("x5c")
    ders: list[bytes] = []
    if chain is not None:
        listed = chain if isinstance(chain, list) else []
        ders = [der for der in map(_der, listed) if der is not None]
        if not listed or len(ders) != len(listed):
            told = "x5c is no list of base64 (not base64url) certificates; correct it"
            yield Flaw(Level.ERROR, where, _CHAIN, told)
            ders = []
        else:
            yield from _chain(where, key, [str(each) for each in listed], now)
    for name, algorithm, rule in _DIGESTS:
        if key.get(name) is not None:
            said = _digest(name, key[name], algorithm, ders)
            if said:
                yield Flaw(Level.ERROR, where, rule, said)


def _chain(where: str, key: Jwk, listed: list[str], now: datetime) -> Iterator[Flaw]:
    try:
        certificates = load_chain(pem_chain(listed))
        ordered = order_chain(certificates, load_public(key))
    except JwkError as error:
        yield Flaw(Level.ERROR, where, _CHAIN, f"x5c: {error}; correct or remove it")
        return
    if key_or_none(certificates[0]) != key_or_none(ordered[0]):
        yield Flaw(Level.ERROR, where, _CHAIN, "x5c: the certificate of the key is not the first one; put it first")
    elif ordered != certificates:
        yield Flaw(Level.ERROR, where, _CHAIN, "x5c: each certificate must certify the one before it; sort them")
    if ordered[0].not_valid_after_utc < now:
        yield Flaw(Level.WARNING, where, _CHAIN, "the certificate in x5c has expired; renew it")


def _digest(name: str, value: object, algorithm: str, ders: list[bytes]) -> str:
    """What a thumbprint is instead of base64url of the digest of the first certificate; empty if it is right."""
    size = hashlib.new(algorithm, usedforsecurity=False).digest_size
    octets = decode_octets(value) if isinstance(value, str) else None
    wanted = _hash(algorithm, ders[0]) if ders else None
    if octets is not None and len(octets) == size and wanted in {None, octets}:
        return ""
    right = f"write {encode_octets(wanted)}" if wanted is not None else f"write base64url of its {size} octets"
    if not isinstance(value, str):
        return f"{name} is no text; {right}"
    hexadecimal = value if _HEX.fullmatch(value) else (octets or b"").decode("latin-1")
    if _HEX.fullmatch(hexadecimal) and len(hexadecimal.replace(":", "")) == 2 * size:
        how = "in hexadecimal" if hexadecimal == value else "written in hexadecimal before it was encoded"
        return f"{name} is the digest {how}; {right}"
    if octets is None:
        return f"{name} is not canonical base64url without padding; {right}"
    return f"{name} {_instead(octets, size, algorithm, ders)}; {right}"


def _instead(octets: bytes, size: int, algorithm: str, ders: list[bytes]) -> str:
    for _, other, _ in _DIGESTS:
        if other != algorithm and ders and octets == _hash(other, ders[0]):
            return f"is the {other.upper().replace('SHA', 'SHA-')} digest of the certificate, not the one it must be"
    if any(octets == _hash(algorithm, der) for der in ders[1:]):
        return "is the digest of another certificate of x5c than the first"
    if len(octets) != size:
        return f"has {len(octets)} octets and not {size}"
    return "is not the digest of the first certificate in x5c (in DER)"


def _hash(algorithm: str, data: bytes) -> bytes:
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()


def _der(value: object) -> bytes | None:
    with suppress(Base64Error, ValueError):
        return (b64decode(value, validate=True) or None) if isinstance(value, str) else None
    return None
