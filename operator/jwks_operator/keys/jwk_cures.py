"""What to do about a JWK that the strict readers refuse: the command that mends it, where one can.

The readers say which member is wrong and why. What people do wrong again and again is recognised here by the member
itself; no value is repeated, and none is guessed.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from jwks_operator.keys.algorithms import CURVE_OCTETS, PRIVATE_MEMBERS, PUBLIC_MEMBERS
from jwks_operator.keys.key_errors import InconsistentKeyError, JwkError, UnsupportedKeyError
from jwks_operator.keys.spelling import decode_octets

Jwk: TypeAlias = Mapping[str, object]

_KID_SHOWN: Final = 64
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}){16,}")
_WRITE: Final = (
    "python3 -c 'import base64, json, sys; k = json.load(sys.stdin); "
    'e = lambda b: base64.urlsafe_b64encode(b).rstrip(b"=").decode(); {change}; '
    "print(json.dumps(k))' < FILE > key.json"
)
_FROM_HEX: Final = _WRITE.format(
    change="k.update({m: e(bytes.fromhex(k[m])) for m in "
    '"n e d p q dp dq qi x y pub priv".split() if len(str(k.get(m, ""))) > 31 and isinstance(k[m], str)})'
)
_FROM_SEED_AND_PUBLIC: Final = _WRITE.format(
    change='k["d"] = e(base64.urlsafe_b64decode(k["d"] + "==")[:32])',
)
_NEW_RSA: Final = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out key.pem"


def describe_kid(value: object) -> str:
    """Return `kid '…', ` for a JWK that has one, to begin a message with; else nothing."""
    kid = value.get("kid") if isinstance(value, Mapping) else None
    if not isinstance(kid, str | int) or isinstance(kid, bool) or kid == "":
        return ""
    shown = str(kid)
    return f"kid {shown[:_KID_SHOWN]!r}{'…' if len(shown) > _KID_SHOWN else ''}, "


def describe_private(jwk: Jwk, error: JwkError) -> str:
    """Return why a private JWK is refused, with its kid and the cure."""
    complaint = str(error)
    if "; " in complaint:
        return f"{describe_kid(jwk)}{complaint}"
    return f"{describe_kid(jwk)}{complaint}; {find_misspelling(jwk) or _cure(jwk, error)}"


def find_misspelling(jwk: Jwk) -> str:
    """Return what is wrong with how a JWK is spelled, and the command that mends it; empty if nothing is seen."""
    return next((cure for fits, cure in _SPELLINGS if fits(jwk)), "")


def _hexadecimal(jwk: Jwk) -> bool:
    names = (*PUBLIC_MEMBERS.get(str(jwk.get("kty")), ()), *PRIVATE_MEMBERS.get(str(jwk.get("kty")), ()))
    long = [value for name in names if isinstance(value := jwk.get(name), str) and len(value) > 31]
    return bool(long) and all(_HEX.fullmatch(value) for value in long)


def _seed_and_public(jwk: Jwk) -> bool:
    d = jwk.get("d")
    octets = decode_octets(d) if isinstance(d, str) else None
    return jwk.get("crv") == "Ed25519" and octets is not None and len(octets) == 2 * CURVE_OCTETS["Ed25519"]


_SPELLINGS: Final[tuple[tuple[Callable[[Jwk], bool], str], ...]] = (
    (_hexadecimal, f"its members are written in hexadecimal, and base64url is needed; {_FROM_HEX}"),
    (_seed_and_public, f"d is seed and public key in one, as Go and libsodium write it; {_FROM_SEED_AND_PUBLIC}"),
)


def _cure(jwk: Jwk, error: JwkError) -> str:
    complaint = str(error)
    if complaint.startswith(("use ", "key_ops ")):
        return "if it is the key that is meant, jq 'del(.use, .key_ops)' FILE > key.json"
    if complaint.startswith("kid "):
        return "write it as text, or leave it out: jq 'del(.kid)' FILE > key.json names the key by its thumbprint"
    if isinstance(error, InconsistentKeyError):
        return "its numbers were altered, or are those of several keys; export it again, as PEM (PKCS#8) if possible"
    if isinstance(error, UnsupportedKeyError) and jwk.get("kty") == "RSA":
        return f"make another key ({_NEW_RSA}), or remove the import to have one generated"
    return "correct it, or export the key again as PEM (PKCS#8)"
