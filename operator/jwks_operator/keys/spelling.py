"""One spelling for what means one thing: a JWK as other issuers write it, as the strict readers want it.

Padded and standard base64, zero octets in front of RSA numbers, coordinates of another width, a kid that is a number,
`null` for what is absent, names in other case: none of them makes it another key. What could mean two things is left
as it is, for the strict readers to refuse. A key that leaves this room has the canonical spelling alone, so that its
thumbprint is the one that everybody computes.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from jwks_operator.keys.algorithms import CURVE_OCTETS, CURVES, PRIVATE_MEMBERS, PUBLIC_MEMBERS
from jwks_operator.keys.curve_members import EC_CURVES
from jwks_operator.keys.members import encode_octets
from jwks_operator.keys.registered import REGISTERED
from jwks_operator.keys.rsa_members import complete_rsa

_OPERATIONS: Final = ("sign", "verify", "encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits")
_CURVE_ALIASES: Final = {"secp256r1": "P-256", "prime256v1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_OF_KEY_VAULT: Final = {"P-256K": "secp256k1", "RSA-HSM": "RSA", "EC-HSM": "EC"}
"""How Azure Key Vault calls what RFC 8812 and RFC 7518 section 6.1 name otherwise."""


def _table(names: Iterable[str], aliases: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({**{name.casefold(): name for name in names}, **_folded(aliases)})


def _folded(aliases: Mapping[str, str]) -> dict[str, str]:
    return {alias.casefold(): name for alias, name in aliases.items()}


_NAMES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "kty": _table(PRIVATE_MEMBERS, _OF_KEY_VAULT),
        "crv": _table(CURVES, {**_CURVE_ALIASES, **_OF_KEY_VAULT}),
        "alg": _table(REGISTERED, {}),
        "use": _table(("sig", "enc"), {}),
    }
)
_RSA: Final = (*PUBLIC_MEMBERS["RSA"], *PRIVATE_MEMBERS["RSA"])
_OCTETS: Final = (*_RSA, "x", "y", "k", "pub", "priv")
_FOREIGN_ALPHABET: Final = str.maketrans("+/", "-_")


def normalize_members(jwk: Mapping[str, object]) -> dict[str, object]:
    """Return the JWK in its canonical spelling, as far as it can only mean one key; never raises.

    RSA keys with n, e and d alone get the other private numbers (RFC 7518 section 6.3.2). Members that are null, and
    `kid`, `alg` and `use` without content, count as absent.
    """
    known = {name: _renamed(name, value) for name, value in jwk.items() if not _says_nothing(name, value)}
    kty = known.get("kty")
    known |= {name: _octets(known[name], number=kty == "RSA") for name in _OCTETS if name in known}
    if kty == "EC":
        return {**known, **_fixed_width(known)}
    return complete_rsa(known) if kty == "RSA" else known


def _says_nothing(name: str, value: object) -> bool:
    return value is None or (value == "" and name in {"kid", "alg", "use"})


def _renamed(name: str, value: object) -> object:
    if name == "kid" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name == "key_ops":
        return _operations(value)
    return _NAMES[name].get(value.casefold(), value) if name in _NAMES and isinstance(value, str) else value


def _operations(value: object) -> object:
    """One operation alone is a list of one, and twice the same is once (RFC 7517 section 4.3)."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        return value
    known = {name.casefold(): name for name in _OPERATIONS}
    return list(dict.fromkeys(known.get(each.casefold(), each) for each in listed))


def _octets(value: object, *, number: bool) -> object:
    """Unpadded base64url of the same octets, of a number the fewest (RFC 7518 section 2)."""
    if number and isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return encode_octets(value.to_bytes((value.bit_length() + 7) // 8, "big"))
    if not isinstance(value, str):
        return value
    compact = re.sub(r"[ \t\r\n]+", "", value).translate(_FOREIGN_ALPHABET).rstrip("=")
    octets = decode_octets(compact)
    if octets is None:
        return value
    return encode_octets(octets.lstrip(b"\0")) if number else compact


def decode_octets(compact: str) -> bytes | None:
    """Return the octets of canonical unpadded base64url; None for anything else."""
    with suppress(binascii.Error, ValueError):
        octets = base64.b64decode(compact + "=" * (-len(compact) % 4), altchars=b"-_", validate=True)
        return octets if encode_octets(octets) == compact else None
    return None


def _fixed_width(jwk: Mapping[str, object]) -> dict[str, object]:
    """The coordinates and the private value with as many octets as the curve has (RFC 7518 section 6.2.1.2).

    Only where that makes one key of them: what was cut off somewhere is not mended.
    """
    size = CURVE_OCTETS.get(str(jwk.get("crv")), 0)
    curve = EC_CURVES.get(str(jwk.get("crv")))
    values = {name: decode_octets(str(jwk[name])) for name in ("x", "y", "d") if name in jwk}
    numbers = {name: int.from_bytes(value, "big") for name, value in values.items() if value}
    if curve is None or not {"x", "y"} <= numbers.keys() or numbers.keys() != values.keys():
        return {}
    if all(len(value or b"") == size for value in values.values()):
        return {}
    with suppress(ValueError, OverflowError):
        public = ec.EllipticCurvePublicNumbers(numbers["x"], numbers["y"], curve)
        _ = public.public_key()
        if "d" in numbers:
            _ = ec.EllipticCurvePrivateNumbers(numbers["d"], public).private_key()
        return {name: encode_octets(number.to_bytes(size, "big")) for name, number in numbers.items()}
    return {}
