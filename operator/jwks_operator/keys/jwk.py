"""The strict readers of JSON Web Keys, and the front door of the room's forms.

`parse_public` and `parse_private` accept keys from elsewhere. What they return is complete (kty, use,
key_ops, alg and kid always present), canonical and checked; what they refuse raises a JwkError of `errors.py`
whose message never holds a value. Members that the tables do not know are dropped (RFC 7517 section 4); text
is read by `parse_json_strict`, which sees duplicate members. Code that must not load cryptography takes the
other names from `members.py`.
"""

from collections.abc import Iterable, Mapping

from jwks_operator.keys.algorithms import PRIVATE_MEMBERS, PUBLIC_MEMBERS, Algorithm
from jwks_operator.keys.errors import InvalidMemberError, JwkError
from jwks_operator.keys.material import load_private, load_public
from jwks_operator.keys.members import (
    algorithm_of,
    canonical_json,
    check_use,
    kid_of,
    parse_json_strict,
    public_jwk,
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

    `alg` must be there; `use` and `key_ops` may be absent, and `kid` then is the thumbprint. Raises JwkError,
    also for a value that brings private members: whoever published those has lost the key.
    """
    jwk = _object(value)
    algorithm = algorithm_of(jwk)
    if any(name in jwk for name in (*PRIVATE_MEMBERS[algorithm.kty], "oth")):
        raise InvalidMemberError("private members in a public key")
    check_use(jwk, algorithm, required=algorithm.public_ops, possible=algorithm.public_ops)
    load_public(jwk)
    return public_jwk(_complete(jwk, algorithm, PUBLIC_MEMBERS[algorithm.kty]))


def parse_private(value: object) -> tuple[dict[str, object], PrivateJwk]:
    """Return the canonical public JWK and the private key that a JSON value describes.

    `alg` and every member of the key type must be there (RSA: n e d p q dp dq qi); `use` and `key_ops` may be
    absent, and `kid` then is the thumbprint. Raises JwkError. Slow for RSA, whose primes are tested.
    """
    jwk = _object(value)
    algorithm = algorithm_of(jwk)
    possible = (*algorithm.private_ops, *algorithm.public_ops)
    check_use(jwk, algorithm, required=algorithm.private_ops, possible=possible)
    load_private(jwk)
    complete = _complete(jwk, algorithm, (*PUBLIC_MEMBERS[algorithm.kty], *PRIVATE_MEMBERS[algorithm.kty]))
    return public_jwk(complete), PrivateJwk.from_members(complete)


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidMemberError("a JWK is a JSON object")
    return value


def _complete(jwk: Mapping[str, object], algorithm: Algorithm, names: Iterable[str]) -> dict[str, object]:
    return {
        "use": algorithm.use,
        "key_ops": list(algorithm.private_ops),
        "kid": kid_of(jwk) if "kid" in jwk else thumbprint(jwk),
        **{name: jwk[name] for name in ("kty", "alg", *names)},
    }
