"""The private key in the forms that services mount, and back; equal keys give equal bytes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.import_place import Place
from jwks_operator.keys.key_errors import InconsistentKeyError, InvalidMemberError, NoSuchFormError, UnsupportedKeyError
from jwks_operator.keys.material import load_private_unchecked, members_of
from jwks_operator.keys.members import algorithm_of, canonical_json, list_keys, parse_json_strict, public_jwk
from jwks_operator.keys.naming import algorithm_name, eddsa_name_of
from jwks_operator.keys.pkcs8 import load_version_2, pkcs8_of
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.secret_files import Form
from jwks_operator.keys.unreadable import KEY_ERRORS
from jwks_operator.keys.wrong_pem import name_pem

Pair: TypeAlias = tuple[Mapping[str, object], PrivateJwk]
"""A public JWK (empty for symmetric keys) and its private half."""


def write_file(form: Form, pairs: Sequence[Pair]) -> bytes:
    """Return one file of the consumer Secret: the keys of a set in the given order, or the one key of another form.

    The result is private. Raises as `render` and `render_set` do.
    """
    if form is Form.JWK_SET:
        return render_set(pairs)
    ((public, private),) = pairs
    return render(public, private, form)


def read_file(form: Form, content: bytes, kid: str, algorithm: str) -> list[object]:
    """Return the JWKs of a file that `write_file` wrote, unchecked: `parse_private` is to read each of them.

    `kid` and `algorithm` are those of the key in use; `algorithm` may be EdDSA. Raises JwkError for content that is
    not of this form.
    """
    return _READERS[form](content, kid, algorithm)


def render(public: Mapping[str, object], private: PrivateJwk, form: Form) -> bytes:
    """Return the file of a private key: one canonical JWK (RFC 7517) or unencrypted PKCS#8 in PEM (RFC 7468).

    The algorithm has the name that it has in `public`: EdDSA stays EdDSA. The result is private: it belongs into a
    Secret and nowhere else. Raises InconsistentKeyError when `private` is not the other half of `public`, so that a
    Secret can never disagree with what is published; the RSA numbers themselves are believed, since they are the
    operator's own. Raises NoSuchFormError for the PEM file of a symmetric key.
    """
    return private.once((form, canonical_json(public)), lambda: _WRITERS[form](public, private))


def _jwk_file(public: Mapping[str, object], private: PrivateJwk) -> bytes:
    members = _belonging(public, private)
    return canonical_json({**members, "alg": algorithm_name(str(members["alg"]), eddsa_name_of(public))})


def _pem_file(public: Mapping[str, object], private: PrivateJwk) -> bytes:
    if algorithm_of(_belonging(public, private)).key_class is KeyClass.SYMMETRIC:
        raise NoSuchFormError("a symmetric key has no PEM file; mount it as JWK or JWKSet")
    key = private.opened(load_private_unchecked)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def render_set(pairs: Iterable[Pair]) -> bytes:
    """Return the private JWK Set (RFC 7517 section 5) of keys, in the given order, the one in use first.

    The result is private. Raises as `render` does, InvalidMemberError for a kid that occurs twice.
    """
    keys = {}
    for public, private in pairs:
        if private.kid in keys:
            raise InvalidMemberError("a kid occurs twice")
        keys[private.kid] = _jwk_file(public, private)
    return b'{"keys":[' + b",".join(keys.values()) + b"]}"


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


def _jwk_values(content: bytes, _kid: str, _algorithm: str) -> list[object]:
    return [parse_json_strict(content)]


def _pem_values(content: bytes, kid: str, algorithm: str) -> list[object]:
    return [{**pem_members(content), "alg": algorithm, "kid": kid}]


def _set_values(content: bytes, _kid: str, _algorithm: str) -> list[object]:
    return list_keys(parse_json_strict(content))


_WRITERS: Final[Mapping[Form, Callable[[Mapping[str, object], PrivateJwk], bytes]]] = {
    Form.JWK: _jwk_file,
    Form.PEM: _pem_file,
}
"""How a file of one key is written."""

_READERS: Final[Mapping[Form, Callable[[bytes, str, str], list[object]]]] = {
    Form.JWK: _jwk_values,
    Form.PEM: _pem_values,
    Form.JWK_SET: _set_values,
}
"""How the JWKs of a file are read, given kid and algorithm of the key in use, which PEM does not have."""
