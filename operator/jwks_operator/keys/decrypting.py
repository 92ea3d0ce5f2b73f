"""Decryption of compact JWE (RFC 7516 section 5.2) with the receiver's or the holder's key.

The algorithm is the key's, never the header's, which must only agree (RFC 8725 section 3.1). Whatever is wrong with a
token, the message is the same, so that nobody learns where it failed.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final, Never, TypeAlias, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x448, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from cryptography.hazmat.primitives.padding import PKCS7

from jwks_operator.keys.algorithms import ALGORITHMS, Algorithm, KeyClass, Method
from jwks_operator.keys.curve_members import ec_public, okp_public
from jwks_operator.keys.key_errors import InvalidMemberError, JwkError, UnsupportedKeyError
from jwks_operator.keys.material import load_private_unchecked, load_secret
from jwks_operator.keys.members import algorithm_of, octets, parse_json_strict
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.signing import hash_of

CONTENT: Final = MappingProxyType(
    {row.name: row for row in ALGORITHMS.values() if row.method in (Method.AES_GCM, Method.AES_CBC_HMAC)
     and not row.name.endswith("KW")}
)  # fmt: skip
"""The values of `enc` (RFC 7518 section 5.1)."""
REFUSED: Final = ("crit", "zip")
"""Headers that would need more than this module does; compression also lets a short token grow without bound."""

Header: TypeAlias = Mapping[str, object]
OpenContentKey: TypeAlias = Callable[[Header, bytes], bytes]
"""Returns the content key for a header and an encrypted key."""


class DecryptionFailed(JwkError):
    """The token cannot be decrypted with this key; the message says no more."""


def read_jwe_header(token: str) -> dict[str, object]:
    """Return the protected header of a compact JWE, unchecked; raises DecryptionFailed for any other text."""
    header: object = None
    with suppress(ValueError, JwkError):
        header = parse_json_strict(_decoded(token.partition(".")[0]))
    if not isinstance(header, dict) or token.count(".") != 4:
        raise DecryptionFailed("not a compact JWE")
    return header


def content_key_opener(private: PrivateJwk) -> OpenContentKey:
    """Return what opens content keys with this key; raises UnsupportedKeyError for a key that decrypts nothing."""
    members = private.reveal()
    algorithm = algorithm_of(members)
    if algorithm.key_class is KeyClass.SYMMETRIC and algorithm.method is not Method.HMAC:
        secret = load_secret(members)
        if algorithm.name in CONTENT:
            return lambda _header, encrypted: secret if not encrypted else _refuse()
        if algorithm.method is Method.AES_KW:
            return lambda _header, encrypted: aes_key_unwrap(secret, encrypted)
        return lambda header, encrypted: _open_gcm_wrapped(secret, header, encrypted)
    if algorithm.key_class is not KeyClass.ENCRYPTION:
        raise UnsupportedKeyError(f"{algorithm.name} is not for decryption")
    key = private.opened(load_private_unchecked)
    if isinstance(key, rsa.RSAPrivateKey):
        digest = hash_of(algorithm)
        oaep = padding.OAEP(padding.MGF1(digest), digest, label=None)
        return lambda _, encrypted: key.decrypt(encrypted, oaep)
    agreeing = cast(ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey, key)
    return lambda header, encrypted: _agree(agreeing, algorithm, header, encrypted)


def decrypt_compact(opener: OpenContentKey, algorithm: Algorithm, token: str) -> bytes:
    """Return the plaintext of a compact JWE; raises DecryptionFailed."""
    header = read_jwe_header(token)
    content = CONTENT.get(str(header.get("enc")))
    named = "dir" if algorithm.name in CONTENT else algorithm.name
    fitting = header.get("alg") == named and not any(name in header for name in REFUSED)
    with suppress(ValueError, TypeError, InvalidTag, InvalidUnwrap, JwkError):
        protected, *others = token.split(".")
        encrypted, iv, ciphertext, tag = (_decoded(part) for part in others)
        if fitting and content is not None and (named != "dir" or content.name == algorithm.name):
            key = opener(header, encrypted)
            if len(key) == content.octets:
                return _open_content(content, key, (iv, ciphertext, tag), protected.encode("ascii"))
    raise DecryptionFailed("the token cannot be decrypted with this key")


def _open_content(content: Algorithm, key: bytes, parts: tuple[bytes, bytes, bytes], protected: bytes) -> bytes:
    """Authenticate and decrypt (RFC 7518 sections 5.2.2.2 and 5.3)."""
    iv, ciphertext, tag = parts
    if content.method is Method.AES_GCM:
        if len(iv) != 12 or len(tag) != 16:
            _refuse()
        return AESGCM(key).decrypt(iv, ciphertext + tag, protected)
    half = len(key) // 2
    length = (len(protected) * 8).to_bytes(8, "big")
    made = hmac.digest(key[:half], protected + iv + ciphertext + length, f"sha{content.hash_bits}")
    if not hmac.compare_digest(made[:half], tag):
        _refuse()
    cipher = Cipher(algorithms.AES(key[half:]), modes.CBC(iv)).decryptor()
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(cipher.update(ciphertext) + cipher.finalize()) + unpadder.finalize()


def _agree(
    key: ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey,
    algorithm: Algorithm,
    header: Header,
    encrypted: bytes,
) -> bytes:
    """Derive the content key from the sender's ephemeral key, or the key that wraps it (RFC 7518 section 4.6.2)."""
    sender = header.get("epk")
    if not isinstance(sender, dict) or sender.get("crv") != algorithm.crv or sender.get("kty") != algorithm.kty:
        _refuse()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        secret = key.exchange(ec.ECDH(), ec_public(sender))
    else:
        secret = key.exchange(okp_public(sender))  # type: ignore[arg-type]  # the curve is the key's
    _, _, wrap = algorithm.name.partition("+")
    name = (wrap and algorithm.name) or str(header["enc"])
    size = int(wrap[1:4]) // 8 if wrap else CONTENT[name].octets or 0
    parts = [name.encode("ascii"), *(octets(header, each) if each in header else b"" for each in ("apu", "apv"))]
    info = b"".join(len(part).to_bytes(4, "big") + part for part in parts) + (size * 8).to_bytes(4, "big")
    derived = ConcatKDFHash(hashes.SHA256(), size, info).derive(secret)
    if wrap:
        return aes_key_unwrap(derived, encrypted)
    return derived if not encrypted else _refuse()


def _open_gcm_wrapped(secret: bytes, header: Header, encrypted: bytes) -> bytes:
    return AESGCM(secret).decrypt(octets(header, "iv"), encrypted + octets(header, "tag"), None)


def _refuse() -> Never:
    raise InvalidMemberError("refused")


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
