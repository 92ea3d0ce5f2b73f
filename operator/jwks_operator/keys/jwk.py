"""The strict readers of JSON Web Keys, and the front door of the room's forms.

`parse_public` and `parse_private` accept keys from elsewhere. What they return is complete (kty, use, alg and kid
always present, key_ops where the table has them), canonical and checked; what they refuse raises a JwkError of
`errors.py` whose message never holds a value. Members that the tables do not know are dropped (RFC 7517 section 4);
text is read by `parse_json_strict`, which sees duplicate members. Code that must not load cryptography takes the
other names from `members.py`.
"""

from collections.abc import Collection, Iterable, Mapping

from jwks_operator.keys.algorithms import PRIVATE_MEMBERS, Algorithm, KeyClass
from jwks_operator.keys.key_errors import InvalidMemberError, JwkError
from jwks_operator.keys.material import load_private, load_public, load_secret
from jwks_operator.keys.members import (
    algorithm_of,
    canonical_json,
    check_use,
    common_members,
    complete_members,
    kid_of,
    parse_json_strict,
    public_jwk,
    public_members,
    thumbprint,
)
from jwks_operator.keys.private import PrivateJwk

__all__ = [
    "JwkError",
    "canonical_json",
    "parse_json_strict",
    "parse_private",
    "parse_public",
    "public_jwk",
    "thumbprint",
]


def parse_public(value: object) -> dict[str, object]:
    """Return the canonical public JWK that a JSON value describes.

    `alg` must be there (EdDSA becomes Ed25519 or Ed448); `use` and `key_ops` may be absent, and `kid` then is the
    thumbprint. Raises JwkError, also for a value that brings private members: their publisher has lost the
    key; NoSuchFormError for a symmetric one.
    """
    jwk = _object(value)
    algorithm = algorithm_of(jwk)
    names = public_members(algorithm)
    if any(name in jwk for name in (*PRIVATE_MEMBERS[algorithm.kty], "oth")):
        raise InvalidMemberError("private members in a public key")
    possible = (*algorithm.public_ops, *algorithm.foreign_ops)
    check_use(jwk, algorithm, required=_required(algorithm, algorithm.public_ops), possible=possible)
    load_public(jwk)
    return public_jwk(_complete(jwk, algorithm, algorithm.public_ops, names))


def parse_private(value: object) -> tuple[dict[str, object], PrivateJwk]:
    """Return the canonical public JWK and the private key that a JSON value describes.

    `alg` and every member of the key type must be there (RSA: n e d p q dp dq qi); `use` and `key_ops` may be
    absent, and `kid` then is the thumbprint. A symmetric key needs its `kid`, since its thumbprint must not be
    published (RFC 7638 section 7), and the public JWK is empty. Raises JwkError. Slow for RSA, whose primes are
    tested.
    """
    jwk = _object(value)
    algorithm = algorithm_of(jwk)
    symmetric = algorithm.key_class is KeyClass.SYMMETRIC
    required = _required(algorithm, algorithm.private_ops)
    possible = (*algorithm.private_ops, *algorithm.public_ops, *algorithm.foreign_ops)
    check_use(jwk, algorithm, required=required, possible=possible)
    if symmetric:
        kid_of(jwk)
        load_secret(jwk)
    else:
        load_private(jwk)
    complete = _complete(jwk, algorithm, algorithm.private_ops, complete_members(algorithm))
    return {} if symmetric else public_jwk(complete), PrivateJwk.from_members(complete)


def _required(algorithm: Algorithm, operations: tuple[str, ...]) -> tuple[str, ...]:
    """A signature key that does not list its one operation is none; other keys may list part of what they can do."""
    return operations if algorithm.key_class is KeyClass.SIGNATURE else ()


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidMemberError("a JWK is a JSON object")
    return value


def _complete(
    jwk: Mapping[str, object], algorithm: Algorithm, operations: Collection[str], names: Iterable[str]
) -> dict[str, object]:
    kid = kid_of(jwk) if "kid" in jwk else thumbprint(jwk)
    return common_members(algorithm, operations, kid) | {name: jwk[name] for name in names}
