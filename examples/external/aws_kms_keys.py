"""Lists the keys of AWS KMS whose alias begins with a prefix, as the JWK Set that `keys[].external` reads.

    python aws_kms_keys.py alias/auth- > jwks.json

Aliases sort by name, so let them end in a date: alias/auth-2026-11. Needs boto3 and cryptography, and the rights
kms:ListAliases and kms:GetPublicKey.
"""

import base64
import json
import sys

import boto3
from cryptography.hazmat.primitives.serialization import load_der_public_key

NAMES = {"secp256r1": ("ES256", "P-256", 32), "secp384r1": ("ES384", "P-384", 48)}


def public_jwk(kms, alias):
    """Return the public half of one key with its kid and its ref."""
    key = kms.get_public_key(KeyId=alias["TargetKeyId"])
    public = load_der_public_key(key["PublicKey"])
    alg, crv, size = NAMES[public.curve.name]
    point = public.public_numbers()
    x, y = (base64.urlsafe_b64encode(one.to_bytes(size, "big")).decode().rstrip("=") for one in (point.x, point.y))
    kid = alias["AliasName"].removeprefix("alias/")
    return {"kty": "EC", "crv": crv, "x": x, "y": y, "alg": alg, "use": "sig", "kid": kid, "ref": key["KeyId"]}


def main(prefix):
    """Print the set."""
    kms = boto3.client("kms")
    pages = kms.get_paginator("list_aliases").paginate()
    aliases = [alias for page in pages for alias in page["Aliases"] if alias["AliasName"].startswith(prefix)]
    aliases.sort(key=lambda alias: alias["AliasName"])
    json.dump({"keys": [public_jwk(kms, alias) for alias in aliases if "TargetKeyId" in alias]}, sys.stdout, indent=1)


main(sys.argv[1])
