"""Checks a set before it is published, against an allow-list; it does not trust the operator either.

The served bytes are the bytes on disk, so everything in them must be understood: unknown members, members
that occur twice (readers disagree which one counts) and algorithms without a row in the tables are refused,
not skipped. Messages name positions and members, never values. Whether a point lies on its curve is not
checked: that would need cryptography, and a verifier with such a key only refuses tokens.
"""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final, cast

from jwks_operator.keys.algorithms import (
    CERTIFICATE_MEMBERS,
    COMMON_MEMBERS,
    CURVE_OCTETS,
    PRIVATE_MEMBERS,
    PUBLIC_MEMBERS,
    RSA_MODULUS_LENGTHS,
    Algorithm,
)
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.members import algorithm_of, check_use, kid_of, octets, parse_json_strict

MAX_BYTES: Final = 1 << 20
"""The size limit of a ConfigMap, and so of a set."""


class SetRefused(ValueError):
    """The content must not be published; the message says why without quoting it."""


def parse_object(raw: bytes) -> dict[str, object]:
    """Return the JSON object in `raw`; raise SetRefused if it is anything else or has a member twice."""
    if len(raw) > MAX_BYTES:
        raise SetRefused(f"larger than {MAX_BYTES} bytes")
    try:
        parsed = parse_json_strict(raw)
    except JwkError as error:
        raise SetRefused(str(error)) from None
    if not isinstance(parsed, dict):
        raise SetRefused("not a JSON object")
    return cast(dict[str, object], parsed)


def check_set(raw: bytes) -> int:
    """Return how many keys the JWK Set `raw` has (RFC 7517 section 5).

    Raise SetRefused if it may not be published.
    """
    jwks = parse_object(raw)
    if set(jwks) != {"keys"}:
        raise SetRefused('not an object with the one member "keys", a list')
    return _check_keys(jwks["keys"])


def check_pem(raw: bytes) -> int:
    """Return how many public keys a PEM file has (RFC 7468 section 13), each below one comment with its kid.

    Raise SetRefused for anything else in it, above all for a private key.
    """
    if len(raw) > MAX_BYTES:
        raise SetRefused(f"larger than {MAX_BYTES} bytes")
    blocks = _PEM_BLOCK.findall(raw)
    if b"".join(_PEM_BLOCK.split(raw)[::3]) or not all(map(_is_public_key, (block for _, block in blocks))):
        raise SetRefused("not a list of public keys in PEM, each below a comment with its kid")
    kids = [kid for kid, _ in blocks]
    if len({*kids}) != len(kids):
        raise SetRefused("a kid occurs twice")
    return len(blocks)


def _is_public_key(block: bytes) -> bool:
    """Tell whether base64 is a SubjectPublicKeyInfo: a sequence that begins with one (RFC 5280 section 4.1)."""
    return _content(block.replace(b"\n", b""))[:1] == bytes([_SEQUENCE])


def check_discovery(raw: bytes) -> None:
    """Check a discovery document (OpenID Connect Discovery 1.0 section 3).

    Raise SetRefused if it lacks its issuer or if there is anything like a key in it: keys are published in the
    set alone.
    """
    document = parse_object(raw)
    if not isinstance(document.get("issuer"), str):
        raise SetRefused("issuer is missing")
    inside: list[object] = [document]
    while inside:
        value = inside.pop()
        if isinstance(value, dict):
            if value.keys() & _OF_KEYS:
                raise SetRefused("there is a key in it")
            inside += value.values()
        elif isinstance(value, list):
            inside += value


def check_historical(raw: bytes) -> None:
    """Check signed historical keys, a compact JWS (OpenID Federation 1.0 section 8.7).

    Raise SetRefused unless header and payload hold public keys and plain values only. The signature is not
    checked: that is for the reader, who knows whom to trust.
    """
    parts = raw.strip().split(b".")
    if len(parts) != 3:
        raise SetRefused("not a compact JWS")
    header, payload, _ = (_decoded(part) for part in parts)
    told = parse_object(payload)
    keys = told.pop("keys", None)
    for value in (*parse_object(header).values(), *told.values()):
        if isinstance(value, dict | list):
            raise SetRefused("a claim or a header holds more than a plain value")
    _check_keys(keys, _HISTORICAL_MEMBERS)


def _decoded(part: bytes) -> bytes:
    with suppress(binascii.Error, ValueError):
        return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    raise SetRefused("not a compact JWS")


def _check_keys(keys: object, beside: Collection[str] = ()) -> int:
    if not isinstance(keys, list):
        raise SetRefused('not an object with the one member "keys", a list')
    kids: set[str] = set()
    for position, key in enumerate(keys):
        try:
            kids.add(_check_key(key, kids, beside))
        except (SetRefused, JwkError) as error:
            raise SetRefused(f"keys[{position}]: {error}") from None
    return len(keys)


def _check_key(key: object, others: set[str], beside: Collection[str]) -> str:
    if not isinstance(key, dict):
        raise SetRefused("not a JSON object")
    algorithm = algorithm_of(key)
    if algorithm.kty not in PUBLIC_MEMBERS:
        raise SetRefused("a symmetric key is never public")
    public = {*COMMON_MEMBERS, *CERTIFICATE_MEMBERS, *PUBLIC_MEMBERS[algorithm.kty], *beside}
    if not key.keys() <= public:
        raise SetRefused(f"a member is not public for kty {algorithm.kty}")
    check_use(key, algorithm, required=(), possible=(*algorithm.public_ops, *_PUBLIC_OPS & {*algorithm.foreign_ops}))
    _check_sizes(key, algorithm)
    _check_certificates(key)
    kid = kid_of(key)
    if kid in others:
        raise SetRefused("its kid occurs twice")
    return kid


def _check_sizes(key: Mapping[str, object], algorithm: Algorithm) -> None:
    numbers = {member: octets(key, member) for member in PUBLIC_MEMBERS[algorithm.kty] if member != "crv"}
    if "crv" in key and any(len(number) != CURVE_OCTETS[str(key["crv"])] for number in numbers.values()):
        raise SetRefused("a coordinate does not have the length of its curve")
    if algorithm.kty == "RSA" and len(numbers["n"].lstrip(b"\0")) * 8 < min(RSA_MODULUS_LENGTHS):
        raise SetRefused("n is too short")
    if algorithm.kty == "AKP" and len(numbers["pub"]) != algorithm.octets:
        raise SetRefused("pub does not have the length of its algorithm")


def _check_certificates(key: Mapping[str, object]) -> None:
    """Check that `x5c` holds what may be certificates and cannot be private keys in DER.

    A certificate is a sequence that begins with a sequence (RFC 5280 section 4.1); the forms of private keys
    (RFC 5915, 5958, 8017) begin with a version number.
    """
    if "x5t#S256" in key:
        octets(key, "x5t#S256")
    chain = key.get("x5c", [])
    if not isinstance(chain, list) or not all(isinstance(each, str) for each in chain):
        raise SetRefused("x5c is not a list of certificates")
    for each in chain:
        if _content(each)[:1] != bytes([_SEQUENCE]):
            raise SetRefused("x5c is not a list of certificates")


def _content(encoded: str | bytes) -> bytes:
    """Return the content of a DER sequence in base64; nothing of what is none."""
    der = b""
    with suppress(binascii.Error, ValueError):
        der = base64.b64decode(encoded, validate=True)
    return der[2 + (der[1] & 0x7F if der[1] & 0x80 else 0) :] if len(der) > 1 and der[0] == _SEQUENCE else b""


_SEQUENCE: Final = 0x30
_PEM_BLOCK: Final = re.compile(
    rb"# kid: ([ -~]*)\n-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\n]+)-----END PUBLIC KEY-----\n"
)
_PUBLIC_OPS: Final = frozenset({"verify", "encrypt", "wrapKey", "deriveKey", "deriveBits"})
_HISTORICAL_MEMBERS: Final = ("iat", "exp", "nbf", "revoked")
_OF_KEYS: Final = frozenset({"kty", *(name for names in PRIVATE_MEMBERS.values() for name in names)})
