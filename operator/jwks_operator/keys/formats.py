"""The private key in the forms that services mount, and back; equal keys give equal bytes."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.certificates import check_certificate_key
from jwks_operator.keys.jwk import parse_private
from jwks_operator.keys.key_errors import InconsistentKeyError, InvalidMemberError, NoSuchFormError, UnsupportedKeyError
from jwks_operator.keys.material import load_private_unchecked, members_of
from jwks_operator.keys.members import algorithm_of, canonical_json, public_jwk
from jwks_operator.keys.naming import EddsaName, algorithm_name, to_published_jwk
from jwks_operator.keys.pkcs8 import load_version_2, pkcs8_of
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.unreadable import KEY_ERRORS
from jwks_operator.keys.wrong_forms import Place
from jwks_operator.keys.wrong_pem import name_pem

__all__ = [
    "EddsaName",
    "Format",
    "Pair",
    "TlsPair",
    "algorithm_name",
    "parse_pem",
    "pem_members",
    "render",
    "render_set",
    "render_tls",
    "to_published_jwk",
]

Format: TypeAlias = Literal["JWK", "PEM"]
Pair: TypeAlias = tuple[Mapping[str, object], PrivateJwk]
"""A public JWK (empty for symmetric keys) and its private half."""


@dataclass(frozen=True, slots=True)
class TlsPair:
    """The two files of a `kubernetes.io/tls` Secret; `key` is private."""

    crt: bytes
    key: bytes

    def __repr__(self) -> str:
        return "TlsPair(<redacted>)"


def render(public: Mapping[str, object], private: PrivateJwk, fmt: Format, eddsa_name: EddsaName = "Ed25519") -> bytes:
    """Return the file of a private key: one canonical JWK (RFC 7517) or unencrypted PKCS#8 in PEM (RFC 7468).

    The result is private: it belongs into a Secret and nowhere else. Raises InconsistentKeyError when
    `private` is not the other half of `public`, so that a Secret can never disagree with what is published;
    the RSA numbers themselves are believed, since they are the operator's own. Raises NoSuchFormError for the PEM
    file of a symmetric key.
    """
    form = (fmt, eddsa_name, canonical_json(public))
    return private.once(form, lambda: _render(public, private, fmt, eddsa_name))


def _render(public: Mapping[str, object], private: PrivateJwk, fmt: Format, eddsa_name: EddsaName) -> bytes:
    members = _belonging(public, private)
    if fmt == "JWK":
        return _jwk(members, eddsa_name)
    if algorithm_of(members).key_class is KeyClass.SYMMETRIC:
        raise NoSuchFormError("a symmetric key has no PEM file; mount it as JWK or JWKSet")
    key = private.opened(load_private_unchecked)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def render_set(pairs: Iterable[Pair], eddsa_name: EddsaName = "Ed25519") -> bytes:
    """Return the private JWK Set (RFC 7517 section 5) of keys, in the given order, the one in use first.

    The result is private. Raises as `render` does, InvalidMemberError for a kid that occurs twice.
    """
    keys = {}
    for public, private in pairs:
        if private.kid in keys:
            raise InvalidMemberError("a kid occurs twice")
        keys[private.kid] = _jwk(_belonging(public, private), eddsa_name)
    return b'{"keys":[' + b",".join(keys.values()) + b"]}"


def render_tls(public: Mapping[str, object], private: PrivateJwk, chain: bytes) -> TlsPair:
    """Return the TLS pair of a key and the PEM chain of its certificate, leaf first.

    Raises as `render` does, CertificateError for a chain that cannot be read, InconsistentKeyError for a
    certificate of another key.
    """
    key = render(public, private, "PEM")
    check_certificate_key(public, chain)
    return TlsPair(chain, key)


def parse_pem(data: bytes, kid: str, algorithm: str) -> tuple[dict[str, object], PrivateJwk]:
    """Return the canonical public JWK and the private key of an unencrypted PEM file, as of this kid and algorithm.

    `algorithm` may be EdDSA. Raises JwkError for anything that is not a whole key of that algorithm. Slow for RSA,
    whose primes are tested.
    """
    return parse_private({**pem_members(data), "alg": algorithm, "kid": kid})


def pem_members(data: bytes) -> dict[str, object]:
    """Return kty, public and private members of an unencrypted PEM file: PKCS#8, PKCS#1 or SEC 1.

    Raises UnsupportedKeyError, with the way out, for anything else, and for more than one private key;
    InconsistentKeyError for a PKCS#8 file of two keys. Its numbers are still to be checked by `parse_private`.
    """
    known = name_pem(data, Place.PRIVATE)
    if known:
        raise UnsupportedKeyError(known)
    key = None
    with suppress(*KEY_ERRORS):
        # parse_private tests the primes; to do it here too would take the same time again.
        key = load_pem_private_key(data, password=None, unsafe_skip_rsa_key_validation=True)
    if key is None:
        key = load_version_2(pkcs8_of(data))
    members = members_of(key)
    if members is None:
        what = "cannot be read" if key is None else "is of a type or on a curve that JOSE does not have"
        raise UnsupportedKeyError(f"the private key in PEM {what}; openssl pkey -in FILE -noout -text tells more")
    return members


def _belonging(public: Mapping[str, object], private: PrivateJwk) -> dict[str, object]:
    members = private.reveal()
    symmetric = algorithm_of(members).key_class is KeyClass.SYMMETRIC
    if (dict(public) != {}) if symmetric else (not public or public_jwk(members) != public_jwk(public)):
        raise InconsistentKeyError("the private key is not the other half of the public one")
    return members


def _jwk(members: Mapping[str, object], eddsa_name: EddsaName) -> bytes:
    return canonical_json({**members, "alg": algorithm_name(str(members["alg"]), eddsa_name)})
