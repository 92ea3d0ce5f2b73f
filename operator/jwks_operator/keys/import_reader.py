"""Keys from elsewhere: the private key of an entry, and the public keys of another issuer.

The form is recognised by its content: PEM (PKCS#8, PKCS#1 of RFC 8017, SEC 1 of RFC 5915), one JWK or a JWK Set
(RFC 7517). What comes out has passed every check of the strict readers (halves match, sizes, points on the curve),
is not known to be weak and is what the entry asks for. Errors say how to go on and never hold a value of a key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from jwks_operator.keys.algorithms import ALGORITHMS, CURVES, EDDSA, PRIVATE_MEMBERS, Algorithm, KeyClass
from jwks_operator.keys.formats import pem_members
from jwks_operator.keys.jwk import parse_private, parse_public
from jwks_operator.keys.key_errors import InvalidMemberError, JwkError, MalformedJsonError, UnsupportedKeyError
from jwks_operator.keys.members import algorithm_of, octets, parse_json_strict, public_jwk
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.weakness import refuse_weak

KID_MAX: Final = 256
"""Longest kid, in characters, that status, spec and serving have room for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an entry asks for: a JOSE algorithm, bits for RSA, a curve where the algorithm leaves it open."""

    algorithm: str
    modulus_length: int | None = None
    crv: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A whole key from elsewhere; `named` tells whether its source gave it a kid (else it is the thumbprint)."""

    public: dict[str, object]
    private: PrivateJwk
    named: bool

    def called(self, kid: str) -> "ForeignKey":
        """Return the same key under another kid; raises InvalidMemberError for one that is too long."""
        private = PrivateJwk.from_members({**self.private.reveal(), "kid": _short(kid)})
        return ForeignKey(public_jwk(private.reveal()) if self.public else {}, private, named=True)


def read_private(data: bytes, wanted: Wanted) -> ForeignKey:
    """Return the private key in a file; raises JwkError if there is none, or none that fits. Slow for RSA."""
    members = pem_members(data) if _is_pem(data) else _chosen(data, wanted)
    public, private = parse_private(_with_algorithm(members, wanted.algorithm))
    complete = private.reveal()
    refuse_weak(complete)
    _check_shape(complete, wanted)
    _short(private.kid)
    return ForeignKey(public, private, named="kid" in members)


def read_public_keys(data: bytes, algorithm: str) -> tuple[dict[str, object], ...]:
    """Return the signature keys of another issuer's JWK Set (or single JWK), canonical, in its order.

    A key without `alg` counts as one of `algorithm` if it can be one. Keys for encryption are left out: nobody
    checks a token with them. Raises JwkError if one of the others is weak, unreadable or not public.
    """
    found: dict[str, dict[str, object]] = {}
    for number, value in enumerate(_listed(data), start=1):
        if value.get("use", "sig") != "sig":
            continue
        try:
            members = _with_guess(value, algorithm)
            if algorithm_of(members).key_class is KeyClass.ENCRYPTION:
                continue
            public = parse_public(members)
            refuse_weak(public)
            kid = _short(str(public["kid"]))
        except JwkError as error:
            complaint = f"key {number} of the set: {error}"
        else:
            complaint = "" if found.setdefault(kid, public) == public else f"key {number} of the set has a former's kid"
        if complaint:
            raise InvalidMemberError(complaint)
    if not found:
        raise UnsupportedKeyError("no public signature key is in there")
    return tuple(found.values())


def _is_pem(data: bytes) -> bool:
    return b"-----BEGIN " in data


def _listed(data: bytes) -> list[Mapping[str, object]]:
    """The keys of a JWK Set, or the one JWK that stands alone."""
    document = _json(data)
    values = document.get("keys", [document])
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise MalformedJsonError("keys is not a list of JSON objects")
    return values


def _json(data: bytes) -> dict[str, object]:
    try:
        document = parse_json_strict(data)
    except MalformedJsonError as error:
        complaint = f"neither PEM nor JSON: {error}"
    else:
        if isinstance(document, dict):
            return document
        complaint = "neither a JWK nor a JWK Set"
    raise MalformedJsonError(complaint)


def _chosen(data: bytes, wanted: Wanted) -> Mapping[str, object]:
    """The JWK that stands alone, or the only private one of a set that can be a key of the algorithm."""
    document = _json(data)
    if "keys" not in document:
        if not _is_private(document):
            raise InvalidMemberError("the JWK has no private members; name the private key")
        return document
    fitting = [value for value in _listed(data) if _is_private(value) and _can_be(value, wanted.algorithm)]
    if len(fitting) == 1:
        return fitting[0]
    how = f"holds {len(fitting) or 'no'} private keys for {wanted.algorithm}"
    raise UnsupportedKeyError(
        f"the JWK Set {how}; put the one to import, as a single JWK, under a data key of its own and name that key"
    )


def _is_private(value: Mapping[str, object]) -> bool:
    return any(name in value for name in PRIVATE_MEMBERS.get(str(value.get("kty")), ()))


def _can_be(value: Mapping[str, object], algorithm: str) -> bool:
    """Tell whether a key says, or says nothing against, that it is one of this algorithm."""
    row = ALGORITHMS[algorithm]
    try:
        return (
            algorithm_of(_with_algorithm(value, algorithm)).name == algorithm and value.get("use", row.use) == row.use
        )
    except JwkError:
        return False


def _with_algorithm(members: Mapping[str, object], algorithm: str) -> dict[str, object]:
    """The members as of the entry's algorithm; raises InvalidMemberError for a key that names another one."""
    named = members.get("alg", algorithm)
    if named == EDDSA and ALGORITHMS[algorithm].crv == members.get("crv"):
        named = algorithm
    if named != algorithm:
        other = named if named in (*ALGORITHMS, EDDSA) else "another algorithm"
        raise InvalidMemberError(f"a key for {other}, and the entry asks for {algorithm}; change one of the two")
    return {**members, "alg": algorithm}


def _with_guess(members: Mapping[str, object], algorithm: str) -> Mapping[str, object]:
    """The members with the algorithm that a key without `alg` must have: the entry's, or the only one of its curve."""
    if "alg" in members:
        return members
    for name in (algorithm, *_only_of(members)):
        if _can_be(members, name):
            return {**members, "alg": name}
    raise InvalidMemberError("alg is missing, and several algorithms are possible; add the one its tokens name")


def _only_of(members: Mapping[str, object]) -> Iterable[str]:
    rows = [row for row in ALGORITHMS.values() if row.key_class is KeyClass.SIGNATURE and row.crv in CURVES]
    return [row.name for row in rows if row.crv == members.get("crv")]


def _check_shape(members: Mapping[str, object], wanted: Wanted) -> None:
    row: Algorithm = algorithm_of(members)
    bits = len(octets(members, "n")) * 8 if row.kty == "RSA" else None
    if wanted.modulus_length not in {None, bits}:
        raise UnsupportedKeyError(
            f"the key has {bits} bits and the entry asks for {wanted.modulus_length}; set its modulusLength to {bits}"
        )
    if wanted.crv not in {None, row.crv}:
        raise UnsupportedKeyError(
            f"the key is on {row.crv} and the entry asks for {wanted.crv}; set its crv to {row.crv}"
        )


def _short(kid: str) -> str:
    if len(kid) > KID_MAX:
        raise InvalidMemberError(f"kid has more than {KID_MAX} characters, which no set has room for")
    return kid
