"""The keys of a mounted consumer Secret, opened for use: they sign or decrypt, and never give themselves out.

The bytes of the files are opened here; what leaves this module are kids, algorithm names, signatures and plaintexts.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from jwks_operator.keys.algorithms import KeyClass, Method
from jwks_operator.keys.decrypting import content_key_opener, decrypt_compact
from jwks_operator.keys.formats import read_file
from jwks_operator.keys.jwk import parse_private
from jwks_operator.keys.key_errors import InvalidMemberError, UnsupportedKeyError
from jwks_operator.keys.material import load_private_unchecked, load_secret
from jwks_operator.keys.members import algorithm_of, encode_octets, public_jwk, text
from jwks_operator.keys.pairwise_check import check_pair
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.secret_files import ALG, FILES, KID, REF, Form
from jwks_operator.keys.signing import sign

_JSON: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class OpenedKey:
    """The active key of an entry that signs; `alg` is its published name, which may be EdDSA."""

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


class DecryptionKey:
    """A key of an entry that decrypts; also a retired one, as long as the Secret has it."""

    __slots__ = ("_algorithm", "_open", "kid")

    def __init__(self, private: PrivateJwk) -> None:
        """Raises UnsupportedKeyError for a key that does not decrypt."""
        self.kid = private.kid
        self._algorithm = algorithm_of(private.reveal())
        self._open = content_key_opener(private)

    def decrypt_compact(self, token: str) -> bytes:
        """Return the plaintext of a compact JWE (RFC 7516 section 7.1); raises DecryptionFailed."""
        return decrypt_compact(self._open, self._algorithm, token)


@dataclass(frozen=True, slots=True)
class OpenedEntry:
    """The keys of one entry: kid and published algorithm of the active one, and what its keys can do."""

    kid: str
    alg: str
    signer: OpenedKey | None
    """None unless the active key signs."""
    receivers: Mapping[str, DecryptionKey]
    """Keys that decrypt by kid; empty if the active key signs."""


def active_kid(files: Mapping[str, bytes], entry: str) -> str:
    """Return the kid of the active key of an entry; raises InvalidMemberError if no file names one."""
    return _text(files, KID.name_for(entry))


def open_entry(files: Mapping[str, bytes], entry: str) -> OpenedEntry:
    """Open the keys of an entry from the files of a consumer Secret (data key → bytes).

    A key is opened only if its halves belong together: nothing that asks for a signature checks it. Raises JwkError.
    """
    kid, algorithm = active_kid(files, entry), _text(files, ALG.name_for(entry))
    found: dict[str, tuple[PrivateJwk, str]] = {}
    for file in FILES:
        content = files.get(file.name_for(entry))
        if content is not None and file.form is not Form.TEXT:
            for value in read_file(file.form, content, kid, algorithm):
                private, alg = _private_of(value)
                found.setdefault(private.kid, (private, alg))
    if kid not in found and REF.name_for(entry) in files:
        raise UnsupportedKeyError(f"the private half of the entry {entry} is held elsewhere; sign where it is")
    if kid not in found:
        raise InvalidMemberError(f"no file holds the active key of the entry {entry}")
    active, alg = found[kid]
    if _signs(active):
        _check(active)
        return OpenedEntry(kid, alg, OpenedKey(active, alg), {})
    receivers = [private for private, _ in found.values() if not _signs(private)]
    for private in receivers:
        _check(private)
    return OpenedEntry(kid, alg, None, {private.kid: DecryptionKey(private) for private in receivers})


def _signs(private: PrivateJwk) -> bool:
    return algorithm_of(private.reveal()).use == "sig"


def _check(private: PrivateJwk) -> None:
    members = private.reveal()
    symmetric = algorithm_of(members).key_class is KeyClass.SYMMETRIC
    check_pair({} if symmetric else public_jwk(members), private)


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
