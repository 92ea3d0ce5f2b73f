"""The JSON side of a key: member order, strict reading, base64url, thumbprint and public form.

No cryptography is imported here: everything is decided from the tables in `algorithms.py`. Whether the
numbers are one key is for `jwk.py` to say. Errors name members, never values; names that the tables do not
know are not repeated either, since a misplaced value could stand there.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Final

from jwks_operator.keys.algorithms import (
    ALGORITHMS,
    CERTIFICATE_MEMBERS,
    COMMON_MEMBERS,
    CURVES,
    EDDSA,
    PRIVATE_MEMBERS,
    PUBLIC_MEMBERS,
    THUMBPRINT_MEMBERS,
    Algorithm,
    Method,
)
from jwks_operator.keys.key_errors import InvalidMemberError, MalformedJsonError, NoSuchFormError, UnsupportedKeyError

_CANONICAL: Final = dict.fromkeys(
    (
        *COMMON_MEMBERS,
        *(name for names in PUBLIC_MEMBERS.values() for name in names),
        *(name for names in PRIVATE_MEMBERS.values() for name in names),
        *CERTIFICATE_MEMBERS,
    )
)
_RANK: Final = {name: rank for rank, name in enumerate(_CANONICAL)}
_COMPACT: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def canonical_json(value: object) -> bytes:
    """Write a JSON value as compact ASCII; equal content gives equal bytes, whatever order it was built in.

    Members of a JWK come first, in the order kty, use, key_ops, alg, kid, public members, private members;
    all others follow by name. Raises TypeError for what JSON does not have (private keys included) and
    ValueError for NaN and infinities.
    """
    return _COMPACT.encode(_ordered(value)).encode("ascii")


def _ordered(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _ordered(value[name]) for name in sorted(value, key=_canonical_position)}
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    return value


def _canonical_position(name: str) -> tuple[int, str]:
    return _RANK.get(name, len(_RANK)), name


def parse_json_strict(data: bytes) -> object:
    """Read one JSON document in UTF-8 and refuse what readers are known to disagree about.

    Raises MalformedJsonError for other encodings, duplicate members at any depth (RFC 7517 section 4),
    numbers that are not finite, and nesting or numbers beyond the interpreter's limits.
    """
    with suppress(ValueError, RecursionError):
        return _STRICT.decode(data.decode("utf-8"))
    raise MalformedJsonError("not one JSON document in UTF-8 with finite numbers")


def list_keys(document: object) -> list[object]:
    """Return the list `keys` of a JWK Set (RFC 7517 section 5), unchecked; nothing for another document."""
    keys = document.get("keys") if isinstance(document, dict) else None
    return keys if isinstance(keys, list) else []


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse_twice(name for name, _ in pairs)
    return members


def _refuse_twice(names: Iterable[str]) -> None:
    met: set[str] = set()
    for name in names:
        if name in met:
            raise MalformedJsonError(f"an object names a member twice{f': {name}' if name in _RANK else ''}")
        met.add(name)


def _refuse_constant(_: str) -> object:
    raise MalformedJsonError("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise MalformedJsonError("a number is too large")
    return number


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_unique_members, parse_constant=_refuse_constant, parse_float=_finite
)


def encode_octets(octets: bytes) -> str:
    """Return unpadded base64url (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def text(jwk: Mapping[str, object], name: str) -> str:
    """Return the member `name`, a string that is not empty; raises InvalidMemberError."""
    if name not in jwk:
        raise InvalidMemberError(f"{name} is missing")
    value = jwk[name]
    if not isinstance(value, str) or not value:
        raise InvalidMemberError(f"{name} is not a string with content")
    return value


def octets(jwk: Mapping[str, object], name: str) -> bytes:
    """Return the octets of the member `name`; raises InvalidMemberError unless it is canonical base64url.

    Refused are padding, characters outside the alphabet and bits that are set behind the last octet: a key
    has exactly one spelling, else it would have several thumbprints.
    """
    value = text(jwk, name)
    with suppress(binascii.Error, ValueError):
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        if encode_octets(decoded) == value:
            return decoded
    raise InvalidMemberError(f"{name} is not canonical base64url without padding")


def exact_octets(jwk: Mapping[str, object], name: str, size: int | None) -> bytes:
    """Return the octets of a member of fixed size, which keeps its leading zeros (RFC 7518 section 6.2.1.2)."""
    value = octets(jwk, name)
    if len(value) != size:
        raise InvalidMemberError(f"{name} does not have {size} octets")
    return value


def kid_of(jwk: Mapping[str, object]) -> str:
    """Return `kid`, any Unicode text that is not empty (RFC 7517 section 4.5); raises InvalidMemberError."""
    kid = text(jwk, "kid")
    if any("\ud800" <= char <= "\udfff" for char in kid):
        raise InvalidMemberError("kid is not Unicode text")
    return kid


def algorithm_of(jwk: Mapping[str, object]) -> Algorithm:
    """Return the table row that `alg` names and that `kty` and `crv` agree with, on that curve.

    `alg` may be EdDSA, the former name of Ed25519 and Ed448. Raises InvalidMemberError when a member is missing or
    contradicts `alg`, UnsupportedKeyError when the tables do not have the algorithm.
    """
    name = text(jwk, "alg")
    algorithm = ALGORITHMS.get(_present_name(text(jwk, "crv")) if name == EDDSA else name)
    if algorithm is None:
        raise UnsupportedKeyError(f"alg is not one of {', '.join(ALGORITHMS)}")
    if not algorithm.curves:
        _check_kty(jwk, algorithm, (algorithm.kty,))
        return algorithm
    _check_kty(jwk, algorithm, dict.fromkeys(CURVES[crv].kty for crv in algorithm.curves))
    fitting = [crv for crv in algorithm.curves if CURVES[crv].kty == jwk["kty"]]
    crv = text(jwk, "crv")
    if crv not in fitting:
        raise InvalidMemberError(f"crv is not {' or '.join(fitting)}, as {algorithm.name} demands")
    return algorithm.on(crv)


def _check_kty(jwk: Mapping[str, object], algorithm: Algorithm, ktys: Collection[str]) -> None:
    if text(jwk, "kty") not in ktys:
        raise InvalidMemberError(f"kty is not {' or '.join(ktys)}, the key type of {algorithm.name}")


def _present_name(crv: str) -> str:
    """What EdDSA with this curve is called today (RFC 9864 section 2.2); the names are those of the curves."""
    return crv if crv in (row.crv for row in ALGORITHMS.values() if row.method is Method.EDDSA) else EDDSA


def public_members(algorithm: Algorithm) -> tuple[str, ...]:
    """Return the allow-list of public members beside the common ones; raises NoSuchFormError for symmetric keys."""
    names = PUBLIC_MEMBERS.get(algorithm.kty)
    if names is None:
        raise NoSuchFormError("a symmetric key has no public form: every verifier could also sign with it")
    return names


def complete_members(algorithm: Algorithm) -> tuple[str, ...]:
    """Return the members of a private key beside the common ones, the public ones first."""
    return (*PUBLIC_MEMBERS.get(algorithm.kty, ()), *PRIVATE_MEMBERS[algorithm.kty])


def common_members(algorithm: Algorithm, operations: Collection[str], kid: str) -> dict[str, object]:
    """Return the members that keys of every type have; `key_ops` only if there are operations to list."""
    listed = {"key_ops": list(operations)} if operations else {}
    return {"kty": algorithm.kty, "use": algorithm.use, **listed, "alg": algorithm.name, "kid": kid}


def check_use(
    jwk: Mapping[str, object], algorithm: Algorithm, *, required: Iterable[str], possible: Collection[str]
) -> None:
    """Raise InvalidMemberError when `use` or `key_ops`, where present, contradict the algorithm.

    `key_ops` must list all of `required`, only what is `possible`, and nothing twice (RFC 7517 sections 4.2
    and 4.3).
    """
    if "use" in jwk and jwk["use"] != algorithm.use:
        raise InvalidMemberError(f"use is not {algorithm.use}, the use of {algorithm.name}")
    if "key_ops" not in jwk:
        return
    listed = jwk["key_ops"]
    if not isinstance(listed, list | tuple) or any(operation not in possible for operation in listed):
        raise InvalidMemberError(f"key_ops is not a list out of {', '.join(possible) or 'nothing'}")
    if len(set(listed)) != len(listed):
        raise InvalidMemberError("key_ops lists an operation twice")
    if not set(required) <= set(listed):
        raise InvalidMemberError(f"key_ops does not list {', '.join(required)}")


def thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the SHA-256 thumbprint of a public or private JWK as base64url (RFC 7638 section 3).

    Raises UnsupportedKeyError for an unknown key type, InvalidMemberError for a missing member.
    """
    names = THUMBPRINT_MEMBERS.get(text(jwk, "kty"))
    if names is None:
        raise UnsupportedKeyError(f"kty is not one of {', '.join(THUMBPRINT_MEMBERS)}")
    covered = {name: text(jwk, name) for name in names}
    written = json.dumps(covered, sort_keys=True, separators=(",", ":"))
    return encode_octets(hashlib.sha256(written.encode("ascii")).digest())


def public_jwk(jwk: Mapping[str, object]) -> dict[str, object]:
    """Return the public form of a complete public or private JWK: the allow-listed members of its key type.

    `key_ops` becomes that of the public half. Fails closed: UnsupportedKeyError for an algorithm outside the
    tables, NoSuchFormError for a symmetric key, InvalidMemberError for a missing member, one that contradicts
    `alg`, and one that is neither public nor known to be private.
    """
    algorithm = algorithm_of(jwk)
    names = public_members(algorithm)
    if not jwk.keys() <= {*COMMON_MEMBERS, *complete_members(algorithm)}:
        raise InvalidMemberError(f"a member is none of those of an {algorithm.kty} key")
    check_use(
        jwk, algorithm, required=(), possible=(*algorithm.private_ops, *algorithm.public_ops, *algorithm.foreign_ops)
    )
    common = common_members(algorithm, algorithm.public_ops, kid_of(jwk))
    return common | {name: text(jwk, name) for name in names}
