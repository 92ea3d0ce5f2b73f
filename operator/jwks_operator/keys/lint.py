"""What is wrong with somebody's JWK Set? Every flaw at once, where the strict readers stop at the first.

Each flaw names its rule: an error breaks an RFC or a client, or gives a key away; a warning breaks some clients or
good practice; a note is worth knowing. Messages name positions and members, never values but kids.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from jwks_operator.keys.algorithms import ALGORITHMS, CURVES, EDDSA, PRIVATE_MEMBERS, KeyClass
from jwks_operator.keys.certificates import check_certificate_key, load_chain
from jwks_operator.keys.chain import pem_chain
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.material import load_public
from jwks_operator.keys.members import octets, parse_json_strict, text, thumbprint
from jwks_operator.keys.weakness import refuse_weak

Jwk = Mapping[str, object]

AWS_MOST, OCI_MOST = 100, 10
RSA_LEAST, RSA_LARGE = 2048, 8192
_USES: Final = {"sig": "sign or verify", "enc": "encrypt or decrypt"}
_OPERATIONS: Final = {
    "sig": {"sign", "verify"},
    "enc": {"encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"},
}


class Level(StrEnum):
    """How bad a flaw is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong: how bad, where in the document, by which rule, and what to do."""

    level: Level
    where: str
    rule: str
    message: str


def lint_set(data: bytes, now: datetime) -> tuple[Flaw, ...]:
    """Return every flaw of a JWK Set as it would be served (RFC 7517 section 5); `now` is for its certificates."""
    try:
        document = parse_json_strict(data)
    except JwkError as error:
        return (Flaw(Level.ERROR, "document", "RFC 7517 section 4", f"{error}; serve one JSON document"),)
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        alone = isinstance(document, dict) and "kty" in document
        what = 'a single JWK; wrap it as {"keys": [...]}' if alone else 'no object with a list "keys"; serve a JWK Set'
        return (Flaw(Level.ERROR, "document", "RFC 7517 section 5", what),)
    return (*_of_the_set(keys), *(flaw for index, key in enumerate(keys) for flaw in _of_a_key(index, key, now)))


def _of_the_set(keys: list[object]) -> Iterator[Flaw]:
    if not keys:
        yield Flaw(Level.WARNING, "keys", "RFC 7517 section 5", "the set is empty: every token is refused")
    if len(keys) > AWS_MOST:
        yield Flaw(Level.ERROR, "keys", "AWS STS", f"{len(keys)} keys; AWS refuses more than {AWS_MOST}")
    elif len(keys) > OCI_MOST:
        yield Flaw(Level.WARNING, "keys", "OCI", f"{len(keys)} keys; OCI refuses more than {OCI_MOST}")
    objects = [key for key in keys if isinstance(key, dict)]
    yield from _kids(objects)
    for count in Counter(filter(None, map(_thumbprint, objects))).values():
        if count > 1:
            yield Flaw(Level.WARNING, "keys", "good practice", f"{count} entries are the same key; publish it once")


def _kids(keys: list[dict[str, object]]) -> Iterator[Flaw]:
    for kid, count in Counter(key["kid"] for key in keys if isinstance(key.get("kid"), str)).items():
        if count > 1:
            types = {str(key.get("kty")) for key in keys if key.get("kid") == kid}
            level = Level.WARNING if len(types) == count else Level.ERROR
            message = f"kid {str(kid)[:64]!r} names {count} keys; give each its own, such as its thumbprint (RFC 7638)"
            yield Flaw(level, "keys", "RFC 7517 section 4.5", message)


def _of_a_key(index: int, key: object, now: datetime) -> Iterator[Flaw]:
    where = f"keys[{index}]"
    if not isinstance(key, dict):
        yield Flaw(Level.ERROR, where, "RFC 7517 section 5", "is no JSON object; remove it")
        return
    kty = key.get("kty")
    if not isinstance(kty, str) or kty not in PRIVATE_MEMBERS:
        yield Flaw(
            Level.WARNING, where, "RFC 7517 section 4.1", "kty is missing or not known here; clients skip the key"
        )
        return
    yield from _secrets(where, key, kty)
    yield from _naming(where, key)
    yield from _purpose(where, key)
    if kty != "oct":
        yield from _material(where, key, kty)
        yield from _certificates(where, key, now)


def _secrets(where: str, key: Jwk, kty: str) -> Iterator[Flaw]:
    shown = [name for name in (*PRIVATE_MEMBERS[kty], "oth") if name in key]
    if kty == "oct":
        yield Flaw(
            Level.ERROR, where, "RFC 7518 section 6.4", "a symmetric key: everybody can sign with it; revoke it at once"
        )
    elif shown:
        yield Flaw(
            Level.ERROR,
            where,
            "RFC 7517 section 9.2",
            f"private members are published ({', '.join(shown)}): everybody can sign with it; revoke it at once",
        )


def _naming(where: str, key: Jwk) -> Iterator[Flaw]:
    kid = key.get("kid")
    if not isinstance(kid, str) or not kid:
        yield Flaw(
            Level.WARNING if kid is None else Level.ERROR,
            where,
            "RFC 7517 section 4.5",
            "has no kid: tokens cannot say which key they mean; use the thumbprint (RFC 7638)",
        )
    elif len(kid) > 256:
        yield Flaw(Level.WARNING, where, "good practice", f"kid has {len(kid)} characters; keep it short")


def _purpose(where: str, key: Jwk) -> Iterator[Flaw]:
    alg, use, operations = key.get("alg"), key.get("use"), key.get("key_ops")
    for name, value in (("alg", alg), ("use", use)):
        if not isinstance(value, str | None):
            yield Flaw(Level.ERROR, where, "RFC 7517 section 4", f"{name} is no text; correct it")
            return
    if alg is None:
        yield Flaw(Level.WARNING, where, "RFC 8725 section 3.1", "has no alg: nothing ties the key to one algorithm")
    elif alg == EDDSA:
        yield Flaw(Level.NOTE, where, "RFC 9864 section 2.2", "alg EdDSA is deprecated; newer libraries say Ed25519")
    elif alg not in ALGORITHMS:
        yield Flaw(Level.WARNING, where, "RFC 7518 section 3.1", "alg is none that is known here; check its spelling")
    if use is None and operations is None:
        yield Flaw(Level.WARNING, where, "RFC 7517 section 4.2", "has neither use nor key_ops; some clients skip it")
    elif use is not None and use not in _USES:
        yield Flaw(Level.WARNING, where, "RFC 7517 section 4.2", "use is neither sig nor enc; clients skip it")
    row = ALGORITHMS.get(str(alg))
    if use in _USES and row is not None and row.key_class is not KeyClass.SYMMETRIC and row.use != use:
        yield Flaw(Level.ERROR, where, "RFC 7517 section 4.2", f"use is {use} and alg is not for that; correct one")
    yield from _operations(where, use, operations)


def _operations(where: str, use: object, operations: object) -> Iterator[Flaw]:
    if operations is None:
        return
    if not isinstance(operations, list) or len(set(map(str, operations))) != len(operations):
        yield Flaw(Level.ERROR, where, "RFC 7517 section 4.3", "key_ops is no list of different operations; correct it")
    elif use in _OPERATIONS and not set(map(str, operations)) <= _OPERATIONS[str(use)]:
        yield Flaw(Level.ERROR, where, "RFC 7517 section 4.3", "use and key_ops contradict each other; correct one")
    elif "sign" in operations or "decrypt" in operations or "unwrapKey" in operations:
        yield Flaw(Level.WARNING, where, "RFC 7517 section 4.3", "key_ops names what only the private key can do")


def _material(where: str, key: Jwk, kty: str) -> Iterator[Flaw]:
    try:
        if kty == "RSA":
            yield from _rsa(where, key)
            refuse_weak({"kty": "RSA", "n": key.get("n", "")})
        elif (alg := _possible(key)) is not None:
            load_public({**key, "alg": alg})
        else:
            yield Flaw(Level.WARNING, where, "RFC 7518 section 6", "crv or alg is none that is known here")
    except JwkError as error:
        yield Flaw(Level.ERROR, where, "RFC 7518 section 6", f"{error}; replace the key")


def _rsa(where: str, key: Jwk) -> Iterator[Flaw]:
    bits = int.from_bytes(octets(key, "n"), "big").bit_length()
    exponent = int.from_bytes(octets(key, "e"), "big")
    if bits < RSA_LEAST:
        yield Flaw(Level.ERROR, where, "RFC 7518 section 3.3", f"n has {bits} bits, less than {RSA_LEAST}; replace it")
    elif bits > RSA_LARGE:
        yield Flaw(
            Level.WARNING, where, "good practice", f"n has {bits} bits; some clients refuse more than {RSA_LARGE}"
        )
    if exponent < 3 or exponent % 2 == 0:
        yield Flaw(Level.ERROR, where, "RFC 8017 section 3.1", "e is no RSA exponent; replace the key")
    elif exponent != 65537:
        yield Flaw(Level.WARNING, where, "FIPS 186-5 section 5.4", "e is not 65537; some clients refuse it")


def _possible(key: Jwk) -> str | None:
    """An algorithm by which the members can be read: the key's own, else one of its curve."""
    alg = str(key.get("alg", ""))
    if alg in ALGORITHMS or alg == EDDSA:
        return alg
    crv = key.get("crv")
    return next((row.name for row in ALGORITHMS.values() if crv in (row.crv, *row.curves) and crv in CURVES), None)


def _certificates(where: str, key: Jwk, now: datetime) -> Iterator[Flaw]:
    chain = key.get("x5c")
    if chain is None:
        return
    rule = "RFC 7517 section 4.7"
    if not isinstance(chain, list) or not chain or not all(map(_is_base64, chain)):
        yield Flaw(Level.ERROR, where, rule, "x5c is no list of base64 (not base64url) certificates; correct it")
        return
    alg = str(key.get("alg", "RS256")) if key.get("kty") == "RSA" else _possible(key)
    try:
        pem = pem_chain(map(str, chain))
        check_certificate_key({**key, "alg": alg}, pem)
        if load_chain(pem)[0].not_valid_after_utc < now:
            yield Flaw(Level.WARNING, where, rule, "the certificate in x5c has expired; renew it")
    except JwkError as error:
        yield Flaw(Level.ERROR, where, rule, f"x5c: {error}; correct or remove it")


def _is_base64(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(b64decode(value, validate=True))
    except (Base64Error, ValueError):
        return False


def _thumbprint(key: Jwk) -> str | None:
    try:
        return None if text(key, "kty") == "oct" else thumbprint(key)
    except (JwkError, UnicodeError):
        return None
