"""Signs a token with the key in AWS KMS that the mounted Secret names; the key never leaves KMS.

    SIGNING_KEYS=/etc/signing python aws_kms_sign.py

Needs boto3 and cryptography, and the right kms:Sign. Read the three files again for each token, or when they change.
"""

import base64
import json
import os
import time
from pathlib import Path

import boto3
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ALGORITHMS = {"ES256": ("ECDSA_SHA_256", 32), "ES384": ("ECDSA_SHA_384", 48)}


def encode(octets):
    """Return unpadded base64url (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def sign(kms, keys, claims):
    """Return a token of these claims, signed by the key that the files name."""
    directory = (keys / "..data").resolve() if (keys / "..data").exists() else keys  # all three of one moment
    kid, alg, ref = ((directory / f"signing.{suffix}").read_text() for suffix in ("kid", "alg", "ref"))
    algorithm, size = ALGORITHMS[alg]
    header = {"alg": alg, "kid": kid, "typ": "JWT"}
    signed = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    # RAW takes 4096 octets; for longer tokens send the digest, with MessageType="DIGEST".
    answer = kms.sign(KeyId=ref, Message=signed.encode(), MessageType="RAW", SigningAlgorithm=algorithm)
    r, s = decode_dss_signature(answer["Signature"])
    return f"{signed}.{encode(r.to_bytes(size, 'big') + s.to_bytes(size, 'big'))}"


claims = {"iss": "https://auth.example.com", "sub": "user-1", "exp": int(time.time()) + 300}
print(sign(boto3.client("kms"), Path(os.environ["SIGNING_KEYS"]), claims))
