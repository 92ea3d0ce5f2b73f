"""The last gate before a set goes public: an allow-list that trusts nobody, the operator included.

The served bytes are the bytes on disk, so everything in them must be understood: unknown members, members
that occur twice (readers disagree which one counts) and algorithms without a row in the tables are refused,
not skipped. Messages name positions and members, never values. Whether a point lies on its curve is not
asked: that would need cryptography, and a verifier that meets such a key refuses every token, no more.
"""

from collections.abc import Mapping
from typing import Final, cast

from jwks_operator.keys.algorithms import COMMON_MEMBERS, CURVE_OCTETS, PUBLIC_MEMBERS, RSA_MODULUS_LENGTHS
from jwks_operator.keys.errors import JwkError
from jwks_operator.keys.members import algorithm_of, check_use, kid_of, octets, parse_json_strict

MAX_BYTES: Final = 1 << 20
"""No ConfigMap is larger, so nothing larger can be a set of ours."""


class SetRefused(ValueError):
    """What is on disk must not be published; the message says why without quoting it."""


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
    keys = jwks.get("keys")
    if set(jwks) != {"keys"} or not isinstance(keys, list):
        raise SetRefused('not an object with the one member "keys", a list')
    kids: set[str] = set()
    for position, key in enumerate(keys):
        try:
            kids.add(_check_key(key, kids))
        except (SetRefused, JwkError) as error:
            raise SetRefused(f"keys[{position}]: {error}") from None
    return len(keys)


def _check_key(key: object, others: set[str]) -> str:
    if not isinstance(key, dict):
        raise SetRefused("not a JSON object")
    algorithm = algorithm_of(key)
    if not key.keys() <= {*COMMON_MEMBERS, *PUBLIC_MEMBERS[algorithm.kty]}:
        raise SetRefused(f"a member is not public for kty {algorithm.kty}")
    check_use(key, algorithm, required=(), possible=algorithm.public_ops)
    _check_sizes(key, algorithm.kty)
    kid = kid_of(key)
    if kid in others:
        raise SetRefused("its kid occurs twice")
    return kid


def _check_sizes(key: Mapping[str, object], kty: str) -> None:
    numbers = {member: octets(key, member) for member in PUBLIC_MEMBERS[kty] if member != "crv"}
    if "crv" in key and any(len(number) != CURVE_OCTETS[str(key["crv"])] for number in numbers.values()):
        raise SetRefused("a coordinate does not have the length of its curve")
    if kty == "RSA" and len(numbers["n"].lstrip(b"\0")) * 8 < min(RSA_MODULUS_LENGTHS):
        raise SetRefused("n is too short")
