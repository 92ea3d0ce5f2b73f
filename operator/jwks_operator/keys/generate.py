"""New keys: `generate` makes and proves one; `KeyFactory` does so without stalling the event loop.

An RSA key takes 65 ms (2048 bits) to 600 ms (4096 bits) of CPU on average and releases the GIL meanwhile, so
it is made on a thread pool bounded to the cores. Every other key takes well under a millisecond and is made
in line.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from jwks_operator.keys.algorithms import ALGORITHMS, RSA_PUBLIC_EXPONENT, Algorithm
from jwks_operator.keys.errors import KeyProofError, UnsupportedKeyError
from jwks_operator.keys.material import (
    CURVES,
    PrivateKey,
    PublicKey,
    load_private_unchecked,
    load_public,
    members_of,
)
from jwks_operator.keys.members import public_jwk, thumbprint
from jwks_operator.keys.private import PrivateJwk

_PROOF_MESSAGE: Final = b"jwks-operator: this key checks what it signs"
_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {"ES256": hashes.SHA256(), "RS256": hashes.SHA256()}


@dataclass(frozen=True, slots=True)
class GeneratedKey:
    """A key that has proved itself: its kid is its thumbprint (RFC 7638), `public` may be published."""

    kid: str
    algorithm: str
    thumbprint: str
    public: dict[str, object]
    private: PrivateJwk


def generate(algorithm: str, modulus_length: int | None = None) -> GeneratedKey:
    """Make a key and let it prove itself once.

    `algorithm` is a JOSE name, `modulus_length` bits for RSA (None: the algorithm's default) and None for all
    others. Raises UnsupportedKeyError for what the table does not have, KeyProofError when the proof fails.
    """
    row = ALGORITHMS.get(algorithm)
    if row is None:
        raise UnsupportedKeyError(f"algorithm {algorithm} is not one of {', '.join(ALGORITHMS)}")
    key = _new_key(row, modulus_length)
    members = {"kty": row.kty, **members_of(key)}
    kid = thumbprint(members)
    common = {"use": row.use, "key_ops": list(row.private_ops), "alg": row.name, "kid": kid}
    private = PrivateJwk.from_members(members | common)
    public = public_jwk(members | common)
    prove(public, private)
    return GeneratedKey(kid=kid, algorithm=row.name, thumbprint=kid, public=public, private=private)


def prove(public: Mapping[str, object], private: PrivateJwk) -> None:
    """Raise KeyProofError unless the written public half verifies what the written private half signs.

    Both are read back from their members, so that the proof covers the encoding as well as the key.
    """
    signer = load_private_unchecked(private.reveal())
    with suppress(InvalidSignature):
        _sign_and_verify(signer, load_public(public), _HASHES[str(public["alg"])])
        return
    raise KeyProofError("a fresh key does not verify its own signature")


def _sign_and_verify(private: PrivateKey, public: PublicKey, digest: hashes.HashAlgorithm) -> None:
    match private, public:
        case rsa.RSAPrivateKey(), rsa.RSAPublicKey():
            signature = private.sign(_PROOF_MESSAGE, padding.PKCS1v15(), digest)
            public.verify(signature, _PROOF_MESSAGE, padding.PKCS1v15(), digest)
        case ec.EllipticCurvePrivateKey(), ec.EllipticCurvePublicKey():
            signature = private.sign(_PROOF_MESSAGE, ec.ECDSA(digest))
            public.verify(signature, _PROOF_MESSAGE, ec.ECDSA(digest))
        case _:
            raise KeyProofError("the halves of a fresh key are of different key types")


def _new_key(row: Algorithm, modulus_length: int | None) -> PrivateKey:
    bits = row.default_modulus_length if modulus_length is None else modulus_length
    if bits is not None and bits not in row.modulus_lengths:
        allowed = ", ".join(map(str, row.modulus_lengths)) or "none, its size is fixed"
        raise UnsupportedKeyError(f"{bits} is no modulus length of {row.name} (allowed: {allowed})")
    if bits is not None:
        return rsa.generate_private_key(public_exponent=RSA_PUBLIC_EXPONENT, key_size=bits)
    return ec.generate_private_key(CURVES[row.crv or ""])


class KeyFactory:
    """Makes keys for an event loop; RSA on a thread pool of `workers` threads (default: the usable cores)."""

    def __init__(self, workers: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(max_workers=workers or _usable_cores(), thread_name_prefix="rsa-key")

    async def generate(self, algorithm: str, modulus_length: int | None = None) -> GeneratedKey:
        """Make a key as `generate` does, without stalling the loop.

        A caller that is cancelled waits no longer: a key not begun is never made, one begun is dropped.
        Raises RuntimeError after `close`.
        """
        row = ALGORITHMS.get(algorithm)
        if row is None or row.kty != "RSA":
            return generate(algorithm, modulus_length)
        return await asyncio.get_running_loop().run_in_executor(self._pool, generate, algorithm, modulus_length)

    async def close(self) -> None:
        """Drop what has not begun (its callers are cancelled) and wait for the threads to end.

        May be called twice.
        """
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)


def _usable_cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
