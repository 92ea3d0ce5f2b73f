"""A private key of a mounted consumer Secret, opened for use: it signs, and never gives itself out.

The bytes of the files are opened here; what leaves this module are a kid, an algorithm name and signatures.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from jwks_operator.keys.algorithms import KeyClass, Method
from jwks_operator.keys.formats import read_file
from jwks_operator.keys.jwk import parse_private
from jwks_operator.keys.key_errors import InvalidMemberError, UnsupportedKeyError
from jwks_operator.keys.material import load_private_unchecked, load_secret
from jwks_operator.keys.members import algorithm_of, encode_octets, public_jwk, text
from jwks_operator.keys.pairwise_check import check_pair
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.secret_files import ALG, FILES, KID, Form, is_in_use
from jwks_operator.keys.signing import sign

_JSON: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class OpenedKey:
    """The active key of an entry; `alg` is its published name, which may be EdDSA."""

    __slots__ = ("_heads", "_sign", "alg", "kid")

    def __init__(self, private: PrivateJwk, alg: str) -> None:
        """Raises UnsupportedKeyError for a key that does not sign."""
        self.kid, self.alg = private.kid, alg
        self._sign = _signer_of(private)
        self._heads: dict[str, str] = {}

    def sign_compact(self, payload: bytes, typ: str) -> str:
        """Return a compact JWS (RFC 7515 section 7.1) whose header is alg, kid and typ and nothing else."""
        head = self._heads.get(typ)
        if head is None:
            header = {"alg": self.alg, "kid": self.kid, "typ": typ}
            head = self._heads[typ] = f"{encode_octets(_JSON(header).encode('ascii'))}."
        signed = head + encode_octets(payload)
        return f"{signed}.{encode_octets(self._sign(signed.encode('ascii')))}"


def named_kid(files: Mapping[str, bytes], entry: str) -> str:
    """Return the kid of the active key of an entry; raises InvalidMemberError if no file names one."""
    return _text(files, KID.name_for(entry))


def open_active_key(files: Mapping[str, bytes], entry: str) -> OpenedKey:
    """Return the active key of an entry from the files of a consumer Secret (data key → bytes).

    The key is opened only if it verifies what it signs: nothing that calls it checks a signature. Raises JwkError.
    """
    kid, algorithm = named_kid(files, entry), _text(files, ALG.name_for(entry))
    for file in FILES:
        content = files.get(file.name_for(entry))
        if content is None or file.form is Form.TEXT:
            continue
        for value in read_file(file.form, content, kid, algorithm):
            private, alg = _private_of(value)
            if private.kid == kid and is_in_use(file, private.kid, kid):
                members = private.reveal()
                symmetric = algorithm_of(members).key_class is KeyClass.SYMMETRIC
                check_pair({} if symmetric else public_jwk(members), private)
                return OpenedKey(private, alg)
    raise InvalidMemberError(f"no file holds the active key of the entry {entry}")


def _private_of(value: object) -> tuple[PrivateJwk, str]:
    """Return the private key and its published algorithm name; a JWK that names its use is the operator's own."""
    if not isinstance(value, Mapping):
        raise InvalidMemberError("a JWK is a JSON object")
    private = PrivateJwk.from_members(value) if "use" in value else parse_private(value)[1]
    return private, text(value, "alg")


def _signer_of(private: PrivateJwk) -> Callable[[bytes], bytes]:
    """Return what makes signatures; the key is in a closure, so that a list of attributes shows a function."""
    members = private.reveal()
    algorithm = algorithm_of(members)
    if algorithm.key_class is KeyClass.SIGNATURE:
        key = private.opened(load_private_unchecked)
        return lambda data: sign(key, algorithm, data)
    if algorithm.method is Method.HMAC:
        secret, digest = load_secret(members), f"sha{algorithm.hash_bits}"
        return lambda data: hmac.digest(secret, data, digest)
    raise UnsupportedKeyError(f"{algorithm.name} is not for signatures")


def _text(files: Mapping[str, bytes], name: str) -> str:
    with suppress(UnicodeDecodeError):
        if content := files.get(name, b"").decode("utf-8"):
            return content
    raise InvalidMemberError(f"{name} is missing or not text")
