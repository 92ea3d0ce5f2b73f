"""The pairwise consistency check: what one half signs or encrypts, the other half verifies or decrypts.

Both halves are read back from their members, as every user of the key will read them.
"""

import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final, TypeAlias, cast

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from jwks_operator.keys.algorithms import Algorithm, KeyClass, Method
from jwks_operator.keys.curve_members import OKP_PRIVATE
from jwks_operator.keys.key_errors import JwkError, KeyProofError
from jwks_operator.keys.material import PrivateKey, PublicKey, load_private_unchecked, load_public, load_secret
from jwks_operator.keys.members import algorithm_of, thumbprint
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.signing import hash_of, sign, verify

_MESSAGE: Final = b"jwks-operator: this key opens what it closes"
_CONTENT_KEY: Final = bytes(range(32))
_NONCE: Final = bytes(12)
_IV: Final = bytes(16)


def check_pair(public: Mapping[str, object], private: PrivateJwk) -> None:
    """Raise KeyProofError unless the two halves are one working key.

    `public` is the written public form, empty for symmetric keys. Both halves are read back from their members, so
    that the proof covers the encoding as well as the key.
    """
    works = False
    with suppress(ValueError, InvalidSignature, InvalidTag, InvalidUnwrap, JwkError):
        members = private.reveal()
        algorithm = algorithm_of(members)
        if algorithm.key_class is KeyClass.SYMMETRIC:
            works = _SYMMETRIC_PROOFS[algorithm.method](load_secret(members), algorithm)
        elif thumbprint(public) == thumbprint(members) and algorithm_of(public) == algorithm:
            works = _proves_pair(private.opened(load_private_unchecked), load_public(public), algorithm)
    if not works:
        raise KeyProofError("a fresh key does not open what it closed")


def _proves_pair(private: PrivateKey, public: PublicKey, algorithm: Algorithm) -> bool:
    match private, public, algorithm.method:
        case rsa.RSAPrivateKey(), rsa.RSAPublicKey(), Method.RSA_OAEP:
            digest = hash_of(algorithm)
            oaep = padding.OAEP(padding.MGF1(digest), digest, label=None)
            return private.decrypt(public.encrypt(_CONTENT_KEY, oaep), oaep) == _CONTENT_KEY
        case _, _, Method.ECDH:
            return _agreed_by_both(private, public, algorithm.crv or "")
        case _:
            verify(public, algorithm, sign(private, algorithm, _MESSAGE), _MESSAGE)
            return True


def _agreed_by_both(private: PrivateKey, public: PublicKey, crv: str) -> bool:
    """A sender's ephemeral key and the receiver's key agree on one secret from either side."""
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(public, ec.EllipticCurvePublicKey):
        ephemeral = ec.generate_private_key(private.curve)
        return _same(private.exchange(ec.ECDH(), ephemeral.public_key()), ephemeral.exchange(ec.ECDH(), public))
    # One pair of types stands for both curves: crv was checked against the key type when the members were read.
    ours = cast(x25519.X25519PrivateKey, private)
    theirs = cast(x25519.X25519PrivateKey, OKP_PRIVATE[crv].generate())
    return _same(ours.exchange(theirs.public_key()), theirs.exchange(cast(x25519.X25519PublicKey, public)))


def _same(ours: bytes, theirs: bytes) -> bool:
    return hmac.compare_digest(ours, theirs)


def _proves_hmac(secret: bytes, algorithm: Algorithm) -> bool:
    signer, verifier = HMAC(secret, hash_of(algorithm)), HMAC(secret, hash_of(algorithm))
    signer.update(_MESSAGE)
    verifier.update(_MESSAGE)
    verifier.verify(signer.finalize())
    return True


def _proves_key_wrap(secret: bytes, _: Algorithm) -> bool:
    return aes_key_unwrap(secret, aes_key_wrap(secret, _CONTENT_KEY)) == _CONTENT_KEY


def _proves_gcm(secret: bytes, _: Algorithm) -> bool:
    # The nonce is constant because what is closed here is known to everybody and nobody gets to see it.
    cipher = AESGCM(secret)
    return cipher.decrypt(_NONCE, cipher.encrypt(_NONCE, _MESSAGE, None), None) == _MESSAGE


def _proves_cbc_hmac(secret: bytes, algorithm: Algorithm) -> bool:
    """The first half authenticates, the second encrypts (RFC 7518 section 5.2.2.1)."""
    half = len(secret) // 2
    cipher = Cipher(algorithms.AES(secret[half:]), modes.CBC(_IV))
    closing, opening = cipher.encryptor(), cipher.decryptor()
    closed = closing.update(_CONTENT_KEY) + closing.finalize()
    return opening.update(closed) + opening.finalize() == _CONTENT_KEY and _proves_hmac(secret[:half], algorithm)


_Proof: TypeAlias = Callable[[bytes, Algorithm], bool]
_SYMMETRIC_PROOFS: Final[Mapping[Method, _Proof]] = MappingProxyType(
    {
        Method.HMAC: _proves_hmac,
        Method.AES_KW: _proves_key_wrap,
        Method.AES_GCM: _proves_gcm,
        Method.AES_CBC_HMAC: _proves_cbc_hmac,
    }
)
