"""Finds every flaw of a foreign JWK Set at once, where strict readers stop at the first.

Each flaw names its rule: an error breaks an RFC or a client, or gives a key away; a warning breaks some clients or
good practice; a note is worth knowing. Messages name positions and members, never values but kids.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from jwks_operator.keys.algorithms import ALGORITHMS, COMMON_MEMBERS, CURVES, EDDSA, PRIVATE_MEMBERS, PUBLIC_MEMBERS
from jwks_operator.keys.flaws import Flaw, Level, algorithm_flaws, location_flaws, octet_flaws, operation_flaws
from jwks_operator.keys.flaws_of_certificates import certificate_flaws
from jwks_operator.keys.import_place import Place, is_pem
from jwks_operator.keys.jwk_cures import find_misspelling
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.material import load_public
from jwks_operator.keys.members import octets, parse_json_strict, text, thumbprint
from jwks_operator.keys.registered import REGISTERED
from jwks_operator.keys.spelling import normalize_members
from jwks_operator.keys.weakness import refuse_weak
from jwks_operator.keys.wrong_forms import name_form
from jwks_operator.keys.wrong_pem import name_pem

__all__ = ["Flaw", "Level", "lint_set"]

Jwk = Mapping[str, object]

AWS_MOST, OCI_MOST = 100, 10
RSA_LEAST, RSA_LARGE = 2048, 8192
_USES: Final = {"sig": "sign or verify", "enc": "encrypt or decrypt"}
_KNOWN: Final = frozenset(
    (*COMMON_MEMBERS, *(name for names in PUBLIC_MEMBERS.values() for name in names), "x5c", "x5t", "x5t#S256", "x5u")
)


def lint_set(data: bytes, now: datetime) -> tuple[Flaw, ...]:
    """Return every flaw of a JWK Set as it would be served (RFC 7517 section 5); `now` is for its certificates."""
    form = (name_pem if is_pem(data) else name_form)(data, Place.PUBLIC) if data else ""
    if form:
        return (Flaw(Level.ERROR, "document", "RFC 7517 section 5", form),)
    try:
        document = parse_json_strict(data)
    except JwkError as error:
        return (Flaw(Level.ERROR, "document", "RFC 7517 section 4", f"{error}; serve one JSON document"),)
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        alone = isinstance(document, dict) and "kty" in document
        what = 'a single JWK; wrap it as {"keys": [...]}' if alone else 'no object with a list "keys"; serve a JWK Set'
        return (Flaw(Level.ERROR, "document", "RFC 7517 section 5", what),)
    return (*_of_the_set(keys), *(flaw for index, key in enumerate(keys) for flaw in _of_a_key(index, key, now)))


def _of_the_set(keys: list[object]) -> Iterator[Flaw]:
    if not keys:
        yield Flaw(Level.WARNING, "keys", "RFC 7517 section 5", "the set is empty: every token is refused")
    if len(keys) > AWS_MOST:
        yield Flaw(Level.ERROR, "keys", "AWS STS", f"{len(keys)} keys; AWS refuses more than {AWS_MOST}")
    elif len(keys) > OCI_MOST:
        yield Flaw(Level.WARNING, "keys", "OCI", f"{len(keys)} keys; OCI refuses more than {OCI_MOST}")
    objects = [key for key in keys if isinstance(key, dict)]
    yield from _kids(objects)
    yield from _copies(objects)


def _copies(keys: list[dict[str, object]]) -> Iterator[Flaw]:
    """One key under several names, and one that is to sign and to encrypt as well."""
    found: dict[str, list[dict[str, object]]] = {}
    for key in keys:
        mark = _thumbprint(normalize_members(key))
        if mark is not None:
            found.setdefault(mark, []).append(key)
    for same in found.values():
        uses = {str(key.get("use")) for key in same} & _USES.keys()
        if len(uses) > 1:
            message = "one key is to sign and to encrypt; make a key of its own for each"
            yield Flaw(Level.ERROR, "keys", "RFC 8725 section 3.5", message)
        elif len(same) > 1:
            yield Flaw(Level.WARNING, "keys", "good practice", f"{len(same)} entries are the same key; publish it once")


def _kids(keys: list[dict[str, object]]) -> Iterator[Flaw]:
    for kid, count in Counter(key["kid"] for key in keys if isinstance(key.get("kid"), str)).items():
        if count > 1:
            types = {str(key.get("kty")) for key in keys if key.get("kid") == kid}
            level = Level.WARNING if len(types) == count else Level.ERROR
            message = f"kid {str(kid)[:64]!r} names {count} keys; give each its own, such as its thumbprint (RFC 7638)"
            yield Flaw(level, "keys", "RFC 7517 section 4.5", message)


def _of_a_key(index: int, key: object, now: datetime) -> Iterator[Flaw]:
    where = f"keys[{index}]"
    if not isinstance(key, dict):
        yield Flaw(Level.ERROR, where, "RFC 7517 section 5", "is no JSON object; remove it")
        return
    kty = key.get("kty")
    if not isinstance(kty, str) or kty not in PRIVATE_MEMBERS:
        written = normalize_members({"kty": kty})["kty"] if isinstance(kty, str) else kty
        cure = f"write {written}" if written != kty else "clients skip the key"
        yield Flaw(Level.WARNING, where, "RFC 7517 section 4.1", f"kty is missing or not known here; {cure}")
        return
    yield from _secrets(where, key, kty)
    yield from _naming(where, key)
    yield from _purpose(where, key)
    if kty != "oct":
        yield from _material(where, key, kty)
        yield from _certificates(where, key, now)
        yield from location_flaws(where, key)


def _secrets(where: str, key: Jwk, kty: str) -> Iterator[Flaw]:
    shown = [name for name in (*PRIVATE_MEMBERS[kty], "oth") if name in key]
    if kty == "oct":
        yield Flaw(
            Level.ERROR, where, "RFC 7518 section 6.4", "a symmetric key: everybody can sign with it; revoke it at once"
        )
    elif shown:
        yield Flaw(
            Level.ERROR,
            where,
            "RFC 7517 section 9.2",
            f"private members are published ({', '.join(shown)}): everybody can sign with it; revoke it at once",
        )


def _naming(where: str, key: Jwk) -> Iterator[Flaw]:
    kid, rule = key.get("kid"), "RFC 7517 section 4.5"
    if isinstance(kid, int | float) and not isinstance(kid, bool):
        message = f"kid is a number, not text: no token can name it; write it as text ({str(kid)[:64]!r})"
        yield Flaw(Level.ERROR, where, rule, message)
    elif not isinstance(kid, str) or not kid:
        level = Level.WARNING if kid is None else Level.ERROR
        how = "has no kid" if kid is None else "kid is no text with content"
        yield Flaw(level, where, rule, f"{how}: tokens cannot say which key they mean; use the thumbprint (RFC 7638)")
    elif kid != kid.strip() or not kid.isprintable():
        message = f"kid {kid[:64]!r} has blanks around it or characters that are not printed; use the thumbprint"
        yield Flaw(Level.WARNING, where, "good practice", message)
    elif len(kid) > 256:
        yield Flaw(Level.WARNING, where, "good practice", f"kid has {len(kid)} characters; keep it short")
    absent = [name for name, value in key.items() if value is None and name in _KNOWN]
    if absent:
        message = f"{', '.join(absent)}: null is not the same as absent to strict clients; leave the member out"
        yield Flaw(Level.WARNING, where, "RFC 7517 section 4", message)


def _purpose(where: str, key: Jwk) -> Iterator[Flaw]:
    alg, use, operations = key.get("alg"), key.get("use"), key.get("key_ops")
    for name, value in (("alg", alg), ("use", use)):
        if not isinstance(value, str | None):
            yield Flaw(Level.ERROR, where, "RFC 7517 section 4", f"{name} is no text; correct it")
            return
    yield from algorithm_flaws(where, key)
    if use is None and operations is None:
        yield Flaw(Level.WARNING, where, "RFC 7517 section 4.2", "has neither use nor key_ops; some clients skip it")
    elif use is not None and use not in _USES:
        near = f"; write {str(use).lower()}" if str(use).lower() in _USES else "; clients skip it"
        yield Flaw(Level.WARNING, where, "RFC 7517 section 4.2", f"use is neither sig nor enc{near}")
    row = REGISTERED.get(str(alg))
    if use in _USES and row is not None and "oct" not in row.ktys and row.ktys and row.purpose != use:
        yield Flaw(Level.ERROR, where, "RFC 7517 section 4.2", f"use is {use} and alg is not for that; correct one")
    yield from operation_flaws(where, use, operations)


def _material(where: str, key: Jwk, kty: str) -> Iterator[Flaw]:
    mended = find_misspelling(key)
    if mended:
        yield Flaw(Level.ERROR, where, "RFC 7518 section 6", mended)
        return
    spelled = list(octet_flaws(where, key, kty))
    yield from spelled
    if any(flaw.level is Level.ERROR for flaw in spelled):
        return
    try:
        if kty == "RSA":
            yield from _rsa(where, key)
            refuse_weak({"kty": "RSA", "n": key.get("n", "")})
        elif (alg := _possible(key)) is not None:
            load_public({**key, "alg": alg})
        else:
            yield Flaw(Level.WARNING, where, "RFC 7518 section 6", "crv or alg is none that is known here")
    except JwkError as error:
        yield Flaw(Level.ERROR, where, "RFC 7518 section 6", f"{error}; replace the key")


def _rsa(where: str, key: Jwk) -> Iterator[Flaw]:
    bits = int.from_bytes(octets(key, "n"), "big").bit_length()
    exponent = int.from_bytes(octets(key, "e"), "big")
    if octets(key, "n")[-1] % 2 == 0:
        yield Flaw(Level.ERROR, where, "RFC 8017 section 3.1", "n is even, so it is no RSA modulus; replace the key")
    if bits < RSA_LEAST:
        yield Flaw(Level.ERROR, where, "RFC 7518 section 3.3", f"n has {bits} bits, less than {RSA_LEAST}; replace it")
    elif bits > RSA_LARGE:
        yield Flaw(
            Level.WARNING, where, "good practice", f"n has {bits} bits; some clients refuse more than {RSA_LARGE}"
        )
    if exponent < 3 or exponent % 2 == 0:
        yield Flaw(Level.ERROR, where, "RFC 8017 section 3.1", "e is no RSA exponent; replace the key")
    elif exponent != 65537:
        yield Flaw(Level.WARNING, where, "FIPS 186-5 section 5.4", "e is not 65537; some clients refuse it")


def _possible(key: Jwk) -> str | None:
    """An algorithm by which the members can be read: the key's own if it fits, else one of its curve."""
    alg, crv = str(key.get("alg", "")), key.get("crv")
    of_curve = [row.name for row in ALGORITHMS.values() if crv in (row.crv, *row.curves) and crv in CURVES]
    if alg in of_curve or alg == EDDSA or (alg in ALGORITHMS and not of_curve):
        return alg
    return next(iter(of_curve), None)


def _certificates(where: str, key: Jwk, now: datetime) -> Iterator[Flaw]:
    # Whether alg fits the key is told already; here it only has to be one by which the key can be read.
    alg = "RS256" if key.get("kty") == "RSA" else _possible(key)
    yield from certificate_flaws(where, {**key, "alg": alg}, now)


def _thumbprint(key: Jwk) -> str | None:
    try:
        return None if text(key, "kty") == "oct" else thumbprint(key)
    except (JwkError, UnicodeError):
        return None
