"""New keys: `generate` makes and checks one; `KeyFactory` does so without blocking the event loop.

An RSA key takes 65 ms (2048 bits) to 600 ms (4096 bits) of CPU on average and releases the GIL meanwhile, so
it is made on a thread pool bounded to the cores, whose threads leave the cores to every other thread that is ready to
run. Every other key takes well under a millisecond and is made in line.
"""

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from jwks_operator.keys.algorithms import ALGORITHMS, RSA_PUBLIC_EXPONENT, Algorithm, KeyClass
from jwks_operator.keys.curve_members import EC_CURVES, OKP_PRIVATE
from jwks_operator.keys.key_errors import UnsupportedKeyError
from jwks_operator.keys.lattice_members import ML_DSA_PRIVATE
from jwks_operator.keys.material import PrivateKey, members_of
from jwks_operator.keys.members import common_members, encode_octets, public_jwk, thumbprint
from jwks_operator.keys.pairwise_check import check_pair
from jwks_operator.keys.private import PrivateJwk

_KID_OCTETS: Final = 32
LOWEST: Final = 19
"""The nice value of the threads that generate keys."""


@dataclass(frozen=True, slots=True)
class GeneratedKey:
    """A key that passed its pairwise consistency check; `public` may be published and is empty for a symmetric key.

    `kid` is the thumbprint (RFC 7638), for a symmetric key random: a thumbprint would let every reader of the kid
    test guesses at the key (RFC 7638 section 7).
    """

    kid: str
    algorithm: str
    thumbprint: str
    public: dict[str, object]
    private: PrivateJwk


def generate(algorithm: str, modulus_length: int | None = None, crv: str | None = None) -> GeneratedKey:
    """Generate a key and run its pairwise consistency check.

    `algorithm` is a JOSE name, `modulus_length` bits for RSA and `crv` a curve for the algorithms that know several
    (None: the algorithm's default); both are None for all others. Raises UnsupportedKeyError for what the table
    does not have, KeyProofError when the check fails.
    """
    row = _row(algorithm, modulus_length, crv)
    symmetric = row.key_class is KeyClass.SYMMETRIC
    members = _new_secret(row) if symmetric else members_of(_new_pair(row, modulus_length)) or {}
    print_of_key = thumbprint(members | {"alg": row.name})
    kid = encode_octets(os.urandom(_KID_OCTETS)) if symmetric else print_of_key
    complete = members | common_members(row, row.private_ops, kid)
    private = PrivateJwk.from_members(complete)
    public = {} if symmetric else public_jwk(complete)
    check_pair(public, private)
    return GeneratedKey(kid=kid, algorithm=row.name, thumbprint=print_of_key, public=public, private=private)


def is_slow(algorithm: str) -> bool:
    """Tell whether a key of this algorithm takes so long that nothing else should wait for it."""
    row = ALGORITHMS.get(algorithm)
    return row is not None and row.kty == "RSA"


def _row(name: str, modulus_length: int | None, crv: str | None) -> Algorithm:
    row = ALGORITHMS.get(name)
    if row is None:
        raise UnsupportedKeyError(f"algorithm {name} is not one of {', '.join(ALGORITHMS)}")
    if modulus_length is not None and modulus_length not in row.modulus_lengths:
        allowed = ", ".join(map(str, row.modulus_lengths)) or "none, its size is fixed"
        raise UnsupportedKeyError(f"{modulus_length} is no modulus length of {row.name} (allowed: {allowed})")
    if crv is None:
        return row
    if crv not in row.curves:
        allowed = ", ".join(row.curves) or "none, it has no curves"
        raise UnsupportedKeyError(f"{crv} is no curve of {row.name} (allowed: {allowed})")
    return row.on(crv)


def _new_pair(row: Algorithm, modulus_length: int | None) -> PrivateKey:
    match row.kty:
        case "RSA":
            bits = modulus_length or row.default_modulus_length or 0
            return rsa.generate_private_key(public_exponent=RSA_PUBLIC_EXPONENT, key_size=bits)
        case "EC":
            return ec.generate_private_key(EC_CURVES[row.crv or ""])
        case "OKP":
            return OKP_PRIVATE[row.crv or ""].generate()
    return ML_DSA_PRIVATE[row.name].generate()


def _new_secret(row: Algorithm) -> dict[str, object]:
    return {"kty": row.kty, "k": encode_octets(os.urandom(row.octets or 0))}


class KeyFactory:
    """Makes keys for an event loop; RSA on a thread pool of `workers` threads (default: the usable cores)."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or _usable_cores()
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="rsa-key", initializer=_lower_priority)

    async def generate(self, algorithm: str, modulus_length: int | None = None, crv: str | None = None) -> GeneratedKey:
        """Generate a key as `generate` does, without blocking the loop.

        A caller that is cancelled waits no longer: a key not begun is never made, one begun is dropped.
        Raises RuntimeError after `close`.
        """
        if not is_slow(algorithm):
            return generate(algorithm, modulus_length, crv)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, generate, algorithm, modulus_length, crv)

    async def close(self) -> None:
        """Drop what has not begun (its callers are cancelled) and wait for the threads to end.

        May be called twice.
        """
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)


def _lower_priority() -> None:
    """Give this thread the lowest priority: on Linux each thread has its own (setpriority(2)), elsewhere none has."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)


def _usable_cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
