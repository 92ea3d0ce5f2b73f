"""Public halves of keys that are held elsewhere: a JWK Set in which each key has a `ref`, oldest first.

A `ref` names the private half for its signer (an ARN, a key version, a PKCS #11 URI of RFC 7512); the operator never
looks into it. One odd key does not cost the others: it is left out and named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from jwks_operator.keys.import_reader import read_listed
from jwks_operator.keys.jwk_cures import describe_kid
from jwks_operator.keys.key_errors import InvalidMemberError, JwkError, UnsupportedKeyError
from jwks_operator.keys.members import algorithm_of
from jwks_operator.keys.public_sets import PublicKeys, signature_key

REF_MAX: Final = 1024
"""Longest ref, in characters."""


@dataclass(frozen=True, slots=True)
class ExternalKeys(PublicKeys):
    """The usable keys and the others; `refs` has the ref of each usable key by kid."""

    refs: Mapping[str, str] = field(default_factory=dict)


def read_external_keys(data: bytes, algorithm: str) -> ExternalKeys:
    """Return the keys of a source for an entry of this algorithm, in its order.

    A key without `alg` counts as one of it if it can be one. Raises JwkError for a document that is no JWK Set, and if
    no key of it is usable.
    """
    found: dict[str, dict[str, object]] = {}
    refs: dict[str, str] = {}
    left_out = []
    for number, value in enumerate(read_listed(data), start=1):
        try:
            public, ref = _key_and_ref(value, algorithm)
            if str(public["kid"]) in found:
                raise InvalidMemberError("its kid names an earlier key of the set too; give each key its own")
        except JwkError as error:
            left_out.append(f"{describe_kid(value)}key {number} of the set: {error}")
        else:
            found[str(public["kid"])], refs[str(public["kid"])] = public, ref
    keys = ExternalKeys(tuple(found.values()), tuple(left_out), refs)
    if not found:
        raise UnsupportedKeyError(f"no key for {algorithm} with a ref is in there{f': {keys.tell()}' * bool(left_out)}")
    return keys


def _key_and_ref(value: object, algorithm: str) -> tuple[dict[str, object], str]:
    if not isinstance(value, Mapping):
        raise InvalidMemberError("it is no JSON object")
    ref = value.get("ref")
    if not isinstance(ref, str) or not ref or len(ref) > REF_MAX or not ref.isprintable():
        raise InvalidMemberError(
            f"its ref is missing or no text of 1 to {REF_MAX} printable characters; let it name the private half"
        )
    public = signature_key({name: member for name, member in value.items() if name != "ref"}, algorithm)
    if algorithm_of(public).name != algorithm:
        raise UnsupportedKeyError(f"a key for {public['alg']}, and the entry asks for {algorithm}")
    return public, ref
