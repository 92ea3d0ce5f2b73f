"""The flaws of one JWK that its members show by themselves: the algorithm against the key, the spelling of octets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from jwks_operator.keys.algorithms import CURVE_OCTETS, CURVES, EDDSA, PUBLIC_MEMBERS
from jwks_operator.keys.registered import REGISTERED
from jwks_operator.keys.spelling import decode_octets, normalize_members

Jwk = Mapping[str, object]

_ONLY_CURVE: Final = {
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
    "ES256K": "secp256k1",
    "Ed25519": "Ed25519",
    "Ed448": "Ed448",
}
_AGREES: Final = frozenset({"P-256", "P-384", "P-521", "X25519", "X448"})
"""The curves of ECDH-ES (RFC 7518 section 4.6, RFC 8037 section 3.2)."""


_OPERATIONS: Final = {
    "sig": {"sign", "verify"},
    "enc": {"encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"},
}


class Level(StrEnum):
    """How bad a flaw is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong: how bad, where in the document, by which rule, and what to do."""

    level: Level
    where: str
    rule: str
    message: str


def algorithm_flaws(where: str, key: Jwk) -> Iterator[Flaw]:
    """Yield what is wrong with `alg` by itself and against `kty` and `crv` (RFC 8725 sections 3.1 and 3.2)."""
    alg = key.get("alg")
    if alg is None:
        yield Flaw(Level.WARNING, where, "RFC 8725 section 3.1", "has no alg: nothing ties the key to one algorithm")
        return
    row = REGISTERED.get(str(alg))
    if row is None:
        near = next((name for name in REGISTERED if name.casefold() == str(alg).casefold()), "")
        cure = f"write {near}" if near else "check its spelling"
        yield Flaw(Level.WARNING, where, "RFC 7518 section 3.1", f"alg is none that is registered; {cure}")
        return
    if row.objection:
        level = Level.WARNING if row.ktys else Level.ERROR
        yield Flaw(level, where, "RFC 8725 section 3.2", f"alg {alg} {row.objection}")
    elif alg == EDDSA:
        yield Flaw(Level.NOTE, where, "RFC 9864 section 2.2", "alg EdDSA is deprecated; newer libraries say Ed25519")
    if row.ktys:
        yield from _against(where, key, str(alg), row.ktys)


def octet_flaws(where: str, key: Jwk, kty: str) -> Iterator[Flaw]:
    """Yield the public members that are not spelled as RFC 7518 section 6 demands: base64url, and how many octets."""
    for name in PUBLIC_MEMBERS.get(kty, ()):
        value = key.get(name)
        if name == "crv" or value is None:
            continue
        said = _spelling(name, value, kty, CURVE_OCTETS.get(str(key.get("crv"))))
        if said:
            yield Flaw(Level.ERROR, where, "RFC 7518 section 6", said)


def operation_flaws(where: str, use: object, operations: object) -> Iterator[Flaw]:
    """Yield what is wrong with `key_ops` by itself and against `use`."""
    rule = "RFC 7517 section 4.3"
    if operations is None:
        return
    if not isinstance(operations, list) or len(set(map(str, operations))) != len(operations):
        yield Flaw(Level.ERROR, where, rule, "key_ops is no list of different operations; correct it")
        return
    listed = set(map(str, operations))
    if not listed:
        yield Flaw(Level.ERROR, where, rule, "key_ops is empty: the key may be used for nothing; leave the member out")
    elif use in _OPERATIONS and not listed <= _OPERATIONS[str(use)]:
        yield Flaw(Level.ERROR, where, rule, "use and key_ops contradict each other; correct one")
    elif all(listed & operations for operations in _OPERATIONS.values()):
        yield Flaw(Level.WARNING, where, rule, "key_ops is for signatures and for encryption; make a key for each")
    elif listed & {"sign", "decrypt", "unwrapKey"}:
        yield Flaw(Level.WARNING, where, rule, "key_ops names what only the private key can do")


def location_flaws(where: str, key: Jwk) -> Iterator[Flaw]:
    """Yield what is wrong with `x5u`, the address of certificates."""
    address = key.get("x5u")
    if address is not None and not (isinstance(address, str) and address.startswith("https://")):
        message = "x5u is no https:// address, so nobody can trust what it gives; correct or remove it"
        yield Flaw(Level.ERROR, where, "RFC 7517 section 4.6", message)


def _against(where: str, key: Jwk, alg: str, ktys: tuple[str, ...]) -> Iterator[Flaw]:
    kty, crv = key.get("kty"), key.get("crv")
    if kty not in ktys:
        danger = ": clients that believe it take the public key for a secret, and anybody can sign"
        message = f"alg {alg} is for {' or '.join(ktys)} keys, and kty is {kty}{danger if ktys == ('oct',) else ''}"
        yield Flaw(Level.ERROR, where, "RFC 8725 section 3.1", f"{message}; correct alg")
    elif str(crv) in CURVES and not _on_its_curve(alg, str(crv)):
        yield Flaw(Level.ERROR, where, "RFC 7518 section 3.1", f"alg {alg} is not for keys on {crv}; correct alg")


def _on_its_curve(alg: str, crv: str) -> bool:
    if alg == EDDSA:
        return crv in {"Ed25519", "Ed448"}
    if alg.startswith("ECDH-ES"):
        return crv in _AGREES
    return _ONLY_CURVE.get(alg, crv) == crv


def _spelling(name: str, value: object, kty: str, size: int | None) -> str:
    if not isinstance(value, str):
        return f"{name} is no text; write unpadded base64url"
    octets = decode_octets(value)
    if octets is None:
        readable = normalize_members({"kty": "other", name: value})[name] != value
        how = "is standard or padded base64" if readable else "is not canonical base64url"
        return f"{name} {how}; write unpadded base64url"
    if not octets:
        return f"{name} is empty; replace the key"
    if kty == "RSA" and octets[0] == 0:
        return f"{name} has {len(octets) - len(octets.lstrip(bytes(1)))} leading zero octets; strip them"
    if kty in {"EC", "OKP"} and size is not None and len(octets) != size:
        return f"{name} has {len(octets)} octets and its curve has {size}; {_cure(kty)}"
    return ""


def _cure(kty: str) -> str:
    return "write coordinates with all their leading zeros" if kty == "EC" else "replace the key"
