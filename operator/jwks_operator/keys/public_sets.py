"""The public keys of another issuer, out of the JWK Set that it publishes.

A set of the wild holds more than keys that check tokens, and one odd key must not cost all the others. So each key is
judged alone: it is imported, or left out and named with the reason. Nothing is left out in silence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from jwks_operator.keys.algorithms import ALGORITHMS, CURVES, PRIVATE_MEMBERS, PUBLIC_MEMBERS, KeyClass
from jwks_operator.keys.certificates import has_foreign_certificate
from jwks_operator.keys.jwk import parse_public
from jwks_operator.keys.jwk_cures import describe_kid, find_misspelling
from jwks_operator.keys.key_errors import InvalidMemberError, JwkError, NoSuchFormError, UnsupportedKeyError
from jwks_operator.keys.members import algorithm_of
from jwks_operator.keys.registered import REGISTERED, Purpose
from jwks_operator.keys.spelling import normalize_members
from jwks_operator.keys.weakness import refuse_weak

KID_MAX: Final = 256
"""Longest kid, in characters, that status, spec and serving have room for."""
_TOLD_MAX: Final = 3000
"""Characters of a text about what is left out: a condition has room for 8192, and a set for several sources."""
_SIGNS_NOTHING: Final = "which signs nothing"


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The signature keys of a set, canonical and in its order, and the others: each with its place, kid and reason."""

    keys: tuple[dict[str, object], ...]
    left_out: tuple[str, ...] = ()

    def tell(self) -> str:
        """Return what is left out as one text that fits into a condition; the number of those it has no room for."""
        told = ""
        for number, reason in enumerate(self.left_out):
            if len(told) + len(reason) > _TOLD_MAX:
                return f"{told}; and {len(self.left_out) - number} more"
            told += f"{'; ' if told else ''}{reason}"
        return told


def sort_out(values: Iterable[object], algorithm: str) -> PublicKeys:
    """Return which of the values of `keys` (RFC 7517 section 5) can be imported, and why the others cannot.

    A key without `alg` counts as one of `algorithm` if it can be one. Never raises.
    """
    found: dict[str, dict[str, object]] = {}
    left_out = []
    for number, value in enumerate(values, start=1):
        reason = None
        try:
            public = signature_key(value, algorithm)
            if found.setdefault(str(public["kid"]), public) != public:
                reason = "its kid names an earlier key of the set too; ask which of them its issuer signs with"
            elif isinstance(value, Mapping) and has_foreign_certificate(value, public):
                reason = "its x5c, which is of another key (the key itself is imported); tell its issuer"
        except JwkError as error:
            cure = find_misspelling(value) if isinstance(value, Mapping) else ""
            reason = f"{error}; {cure}" if cure else str(error)
        if reason is not None:
            left_out.append(f"{describe_kid(value)}key {number} of the set: {reason}")
    return PublicKeys(tuple(found.values()), tuple(left_out))


def check_length(kid: str) -> str:
    """Return the kid; raises InvalidMemberError for one that is too long."""
    if len(kid) > KID_MAX:
        raise InvalidMemberError(f"kid has more than {KID_MAX} characters, which no set has room for")
    return kid


def can_be(members: Mapping[str, object], algorithm: str) -> bool:
    """Tell whether a key says, or says nothing against, that it is one of this algorithm."""
    row = ALGORITHMS[algorithm]
    try:
        named = algorithm_of({**members, "alg": members.get("alg", algorithm)}).name
    except JwkError:
        return False
    return named == algorithm and members.get("use", row.use) == row.use


def signature_key(value: object, algorithm: str) -> dict[str, object]:
    """Return the canonical public JWK of a value that can be one for signatures; raises JwkError."""
    if not isinstance(value, Mapping):
        raise InvalidMemberError("it is no JSON object")
    members = normalize_members(value)
    _refuse_private(members)
    _refuse_other_purpose(members)
    public = parse_public(_with_algorithm(_that_verifies(members), algorithm))
    refuse_weak(public)
    check_length(str(public["kid"]))
    return public


def _refuse_private(members: Mapping[str, object]) -> None:
    kty = members.get("kty")
    if kty == "oct" or "k" in members:
        raise NoSuchFormError("a symmetric key in a public set: everybody can sign with it; revoke it")
    if any(name in members for name in (*PRIVATE_MEMBERS.get(str(kty), ("d", "priv")), "oth")):
        raise InvalidMemberError("private members in a public key: everybody can sign with it; revoke it")


def _refuse_other_purpose(members: Mapping[str, object]) -> None:
    """What checks no token: keys of unknown types, for encryption, for key agreement."""
    use, alg, crv = (members.get(name) for name in ("use", "alg", "crv"))
    if "kty" not in members:
        raise InvalidMemberError("kty is missing")
    if str(members["kty"]) not in PUBLIC_MEMBERS:
        raise UnsupportedKeyError(f"kty is none of {', '.join(PUBLIC_MEMBERS)}: no key that can be published from here")
    if use not in (None, "sig"):
        what = "is enc" if use == "enc" else "is neither sig nor enc"
        raise UnsupportedKeyError(f"its use {what}: a key {_SIGNS_NOTHING}")
    row = REGISTERED.get(str(alg))
    if row is not None and row.purpose is Purpose.ENC:
        raise UnsupportedKeyError(f"a key for {alg}, {_SIGNS_NOTHING}")
    if str(crv) in CURVES and not _signing(crv):
        raise UnsupportedKeyError(f"a key on {crv}, {_SIGNS_NOTHING}")


def _that_verifies(members: Mapping[str, object]) -> dict[str, object]:
    """The members with the one operation of a public half: some publish what the private half can do as well."""
    listed = members.get("key_ops")
    if not isinstance(listed, list):
        return dict(members)
    if not {"verify", "sign"} & {each for each in listed if isinstance(each, str)}:
        raise UnsupportedKeyError(f"key_ops lists neither verify nor sign: a key {_SIGNS_NOTHING}")
    return {**members, "key_ops": ["verify"]}


def _with_algorithm(members: Mapping[str, object], algorithm: str) -> Mapping[str, object]:
    """The members with the algorithm that a key without `alg` must have: the entry's, or the only one of its curve."""
    if "alg" in members:
        return members
    for name in (algorithm, *_signing(members.get("crv"))):
        if can_be(members, name):
            return {**members, "alg": name}
    crv = members.get("crv")
    if members["kty"] in {row.kty for row in ALGORITHMS.values() if row.curves} and str(crv) not in CURVES:
        raise UnsupportedKeyError(f"crv is {'missing' if crv is None else 'none of ' + ', '.join(CURVES)}")
    raise InvalidMemberError("alg is missing, and several algorithms are possible; add the one its tokens name")


def _signing(crv: object) -> tuple[str, ...]:
    """The algorithms that sign on a curve."""
    rows = (row for row in ALGORITHMS.values() if row.key_class is KeyClass.SIGNATURE and row.crv in CURVES)
    return tuple(row.name for row in rows if row.crv == crv)
