"""Signatures as JWS has them (RFC 7518 section 3, RFC 8037 section 3.1, RFC 8812, RFC 9964), and the compact form.

The operator signs only the check of a new key, probes and the set of historical keys.
"""

import base64
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from jwks_operator.keys.algorithms import CURVE_OCTETS, Algorithm, KeyClass, Method
from jwks_operator.keys.key_errors import InvalidMemberError, UnsupportedKeyError
from jwks_operator.keys.material import PrivateKey, PublicKey, load_private_unchecked, load_public
from jwks_operator.keys.members import algorithm_of, canonical_json, encode_octets, parse_json_strict
from jwks_operator.keys.private import PrivateJwk

HASHES: Final[Mapping[int, hashes.HashAlgorithm]] = MappingProxyType(
    {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}
)


def hash_of(algorithm: Algorithm) -> hashes.HashAlgorithm:
    """Return the hash function of an algorithm that has one; raises UnsupportedKeyError for the others."""
    if algorithm.hash_bits is None:
        raise UnsupportedKeyError(f"{algorithm.name} has no hash function")
    return HASHES[algorithm.hash_bits]


def pss_padding(algorithm: Algorithm) -> padding.PSS:
    """Return the padding of PS256, PS384 and PS512: the salt is as long as the hash (RFC 7518 section 3.5)."""
    digest = hash_of(algorithm)
    return padding.PSS(padding.MGF1(digest), digest.digest_size)


def sign(private: PrivateKey, algorithm: Algorithm, data: bytes) -> bytes:
    """Return the JWS signature of `data`; raises UnsupportedKeyError for a key that does not fit the algorithm.

    RSA PKCS#1, ECDSA (RFC 6979) and EdDSA give the same octets each time, PSS and ML-DSA others.
    """
    match private, algorithm.method:
        case rsa.RSAPrivateKey(), Method.RSA_PKCS1:
            return private.sign(data, padding.PKCS1v15(), hash_of(algorithm))
        case rsa.RSAPrivateKey(), Method.RSA_PSS:
            return private.sign(data, pss_padding(algorithm), hash_of(algorithm))
        case ec.EllipticCurvePrivateKey(), Method.ECDSA:
            r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hash_of(algorithm), deterministic_signing=True)))
            size = CURVE_OCTETS[algorithm.crv or ""]
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey(), Method.EDDSA:
            return private.sign(data)
        case mldsa.MLDSA44PrivateKey() | mldsa.MLDSA65PrivateKey() | mldsa.MLDSA87PrivateKey(), Method.ML_DSA:
            return private.sign(data)
    raise UnsupportedKeyError(f"the key does not sign with {algorithm.name}")


def verify(public: PublicKey, algorithm: Algorithm, signature: bytes, data: bytes) -> None:
    """Raise InvalidSignature unless it is one; UnsupportedKeyError for a key that does not fit the algorithm."""
    match public, algorithm.method:
        case rsa.RSAPublicKey(), Method.RSA_PKCS1:
            public.verify(signature, data, padding.PKCS1v15(), hash_of(algorithm))
        case rsa.RSAPublicKey(), Method.RSA_PSS:
            public.verify(signature, data, pss_padding(algorithm), hash_of(algorithm))
        case ec.EllipticCurvePublicKey(), Method.ECDSA:
            size = CURVE_OCTETS[algorithm.crv or ""]
            if len(signature) != 2 * size:
                raise InvalidSignature
            r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
            public.verify(encode_dss_signature(r, s), data, ec.ECDSA(hash_of(algorithm)))
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey(), Method.EDDSA:
            public.verify(signature, data)
        case mldsa.MLDSA44PublicKey() | mldsa.MLDSA65PublicKey() | mldsa.MLDSA87PublicKey(), Method.ML_DSA:
            public.verify(signature, data)
        case _:
            raise UnsupportedKeyError(f"the key does not verify with {algorithm.name}")


def sign_compact(private: PrivateJwk, payload: bytes, typ: str, algorithm_name: str | None = None) -> str:
    """Return a compact JWS (RFC 7515 section 7.1) with the header alg, kid and typ.

    `algorithm_name` stands in the header in place of the key's own (EdDSA for old readers). Raises
    UnsupportedKeyError for a key that is not for signatures. The key is the operator's own: its numbers are believed.
    """
    members = private.reveal()
    algorithm = _signature_algorithm(members)
    header = {"alg": algorithm_name or algorithm.name, "kid": private.kid, "typ": typ}
    signed = f"{encode_octets(canonical_json(header))}.{encode_octets(payload)}"
    signature = sign(private.opened(load_private_unchecked), algorithm, signed.encode("ascii"))
    return f"{signed}.{encode_octets(signature)}"


def verify_compact(public: Mapping[str, object], token: str, typ: str) -> bytes:
    """Return the payload of a compact JWS that `public` verifies; raises InvalidMemberError for any other text.

    The algorithm is the key's, never the header's, which must only agree (RFC 8725 section 3.1).
    """
    algorithm = _signature_algorithm(public)
    with suppress(ValueError, InvalidSignature):
        signed, _, signature = token.rpartition(".")
        header_part, payload = (_decoded(part) for part in signed.split("."))
        header = parse_json_strict(header_part)
        if isinstance(header, dict) and header.get("typ") == typ and _agrees(header.get("alg"), algorithm):
            verify(load_public(public), algorithm, _decoded(signature), signed.encode("ascii"))
            return payload
    raise InvalidMemberError(f"not a {typ} that the key verifies")


def _agrees(named: object, algorithm: Algorithm) -> bool:
    return named == algorithm.name or (named == Method.EDDSA == algorithm.method)


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _signature_algorithm(jwk: Mapping[str, object]) -> Algorithm:
    algorithm = algorithm_of(jwk)
    if algorithm.key_class is not KeyClass.SIGNATURE:
        raise UnsupportedKeyError(f"{algorithm.name} is not for signatures")
    return algorithm
