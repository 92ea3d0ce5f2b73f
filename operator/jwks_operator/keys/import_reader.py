"""Keys from elsewhere: the private key of an entry, and the public keys of another issuer.

The form is recognised by its content: PEM (PKCS#8, PKCS#1 of RFC 8017, SEC 1 of RFC 5915), one JWK or a JWK Set
(RFC 7517). What comes out has passed every check of the strict readers (halves match, sizes, points on the curve),
is not known to be weak and is what the entry asks for. Errors say how to go on and never hold a value of a key.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jwks_operator.keys.algorithms import ALGORITHMS, EDDSA, PRIVATE_MEMBERS, Algorithm
from jwks_operator.keys.certificates import has_foreign_certificate
from jwks_operator.keys.formats import pem_members
from jwks_operator.keys.import_place import Place, is_pem
from jwks_operator.keys.jwk import parse_private
from jwks_operator.keys.jwk_cures import describe_private
from jwks_operator.keys.key_errors import InvalidMemberError, JwkError, MalformedJsonError, UnsupportedKeyError
from jwks_operator.keys.members import algorithm_of, octets, parse_json_strict, public_jwk
from jwks_operator.keys.pkcs8 import pem_algorithms
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.public_sets import PublicKeys, can_be, check_length, sort_out
from jwks_operator.keys.registered import REGISTERED
from jwks_operator.keys.spelling import normalize_members
from jwks_operator.keys.weakness import refuse_weak
from jwks_operator.keys.wrong_forms import name_form
from jwks_operator.keys.wrong_pem import name_pem


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
        private = PrivateJwk.from_members({**self.private.reveal(), "kid": check_length(kid)})
        return ForeignKey(public_jwk(private.reveal()) if self.public else {}, private, named=True)


def read_private(data: bytes, wanted: Wanted) -> ForeignKey:
    """Return the private key in a file; raises JwkError if there is none, or none that fits. Slow for RSA."""
    if is_pem(data):
        _check_padding(data, wanted.algorithm)
        members: Mapping[str, object] = pem_members(data)
    else:
        members = _chosen(data, wanted)
    try:
        return _opened(members, wanted)
    except JwkError as error:
        refusal = type(error)(describe_private(members, error))
    raise refusal


def _opened(members: Mapping[str, object], wanted: Wanted) -> ForeignKey:
    public, private = parse_private(_with_algorithm(members, wanted.algorithm))
    complete = private.reveal()
    refuse_weak(complete)
    _check_shape(complete, wanted)
    check_length(private.kid)
    if public and has_foreign_certificate(members, public):
        raise InvalidMemberError("x5c begins with the certificate of another key; jq 'del(.x5c)' FILE > key.json")
    return ForeignKey(public, private, named="kid" in members)


def read_public_keys(data: bytes, algorithm: str) -> PublicKeys:
    """Return the signature keys of another issuer's JWK Set (or single JWK), canonical, in its order.

    A key without `alg` counts as one of `algorithm` if it can be one. What is left out (keys that sign nothing, weak,
    broken and doubtful ones) is named with its reason. Raises JwkError if no key is left.
    """
    found = sort_out(read_listed(data), algorithm)
    if not found.keys:
        why = f": {found.tell()}" if found.left_out else "; its list of keys is empty"
        raise UnsupportedKeyError(f"no public signature key is in there{why}")
    return found


def read_listed(data: bytes) -> list[object]:
    """Return the values of a JWK Set, or the one JWK that stands alone, unchecked; raises JwkError for another form."""
    if is_pem(data):
        raise UnsupportedKeyError(name_pem(data, Place.PUBLIC))
    return list_values(read_document(data, Place.PUBLIC))


def list_values(document: Mapping[str, object]) -> list[object]:
    """Return the values of a JWK Set, or the one JWK that stands alone; raises MalformedJsonError."""
    values = document.get("keys", [document])
    if not isinstance(values, list):
        raise MalformedJsonError("keys is not a list of JSON objects")
    return values


def _check_padding(data: bytes, algorithm: str) -> None:
    """A key of the type id-RSASSA-PSS must not sign otherwise (RFC 4055 section 1.2)."""
    only = pem_algorithms(data)
    if only and algorithm not in only:
        raise UnsupportedKeyError(
            f"the key is for RSASSA-PSS alone (id-RSASSA-PSS), and the entry asks for {algorithm}; "
            f"set its algorithm to {' or '.join(only)}"
        )


def read_document(data: bytes, place: Place) -> dict[str, object]:
    """Return the JWK or JWK Set that a file is meant to be; raises MalformedJsonError that says what it is instead."""
    known = name_form(data, place)
    if known:
        raise MalformedJsonError(known)
    document: object = None
    complaint = ""
    try:
        document = parse_json_strict(data)
    except MalformedJsonError as error:
        complaint = str(error)
    if isinstance(document, dict):
        return document
    if "twice" in complaint:
        raise MalformedJsonError(f"{complaint}; remove one of the two")
    what = "neither PEM nor JSON" if complaint else "neither a JWK nor a JWK Set"
    raise MalformedJsonError(f"{what}; give {place} (the command file FILE may tell what this is)")


def _chosen(data: bytes, wanted: Wanted) -> Mapping[str, object]:
    """The JWK that stands alone, or the only private one of a set that can be a key of the algorithm."""
    document = read_document(data, Place.PRIVATE)
    found = [normalize_members(value) for value in list_values(document) if isinstance(value, dict)]
    if "keys" not in document:
        if "kty" not in found[0]:
            raise InvalidMemberError("kty is missing; give a whole JWK, or the key as PEM")
        if not _is_private(found[0]):
            raise InvalidMemberError("the JWK has no private members; name the private key")
        return found[0]
    fitting = [members for members in found if _is_private(members) and _fits(members, wanted.algorithm)]
    if len(fitting) == 1:
        return fitting[0]
    how = f"holds {len(fitting) or 'no'} private keys for {wanted.algorithm}"
    raise UnsupportedKeyError(
        f"the JWK Set {how}; put the one to import, as a single JWK, under a data key of its own and name that key"
    )


def _is_private(members: Mapping[str, object]) -> bool:
    return any(name in members for name in PRIVATE_MEMBERS.get(str(members.get("kty")), ()))


def _fits(members: Mapping[str, object], algorithm: str) -> bool:
    try:
        return can_be(_with_algorithm(members, algorithm), algorithm)
    except JwkError:
        return False


def _with_algorithm(members: Mapping[str, object], algorithm: str) -> dict[str, object]:
    """The members as of the entry's algorithm; raises InvalidMemberError for a key that names another one."""
    named = members.get("alg", algorithm)
    if named == EDDSA and ALGORITHMS[algorithm].crv == members.get("crv"):
        named = algorithm
    if named != algorithm:
        other = named if str(named) in REGISTERED else "another algorithm"
        raise InvalidMemberError(f"a key for {other}, and the entry asks for {algorithm}; change one of the two")
    return {**members, "alg": algorithm}


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
