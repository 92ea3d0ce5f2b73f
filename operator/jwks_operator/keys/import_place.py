"""What a file was given as, and the words that every message about a wrong file shares.

In the commands FILE is the file as it was put into the object.
"""

from enum import StrEnum
from typing import Final

PEM_BEGINS: Final = b"-----BEGIN "


class Place(StrEnum):
    """What the file was given as."""

    PRIVATE = "a private key in PEM or a JWK"
    PUBLIC = "a JWK Set of public keys"


COMPROMISED: Final = "a private key where everybody may read it: it is compromised; replace it, and revoke it"
TO_SET: Final = (
    "python3 -c 'import sys; from jwcrypto.jwk import JWK, JWKSet; s = JWKSet(); "
    "s.add(JWK.from_pem(sys.stdin.buffer.read())); print(s.export(private_keys=False))' < FILE > jwks.json "
    "(pip install jwcrypto), and give it the kid and the alg of its tokens"
)
NEW_KEY: Final = "make a key of its own for tokens: openssl genpkey -algorithm ed25519 -out key.pem"


def is_pem(data: bytes) -> bool:
    """Tell whether a file is meant to be PEM (RFC 7468); text around the blocks is allowed, JSON around them is not."""
    return PEM_BEGINS in data and data.lstrip()[:1] not in {b"{", b"["}


def to_set_from(command: str) -> str:
    """Return the command that makes a JWK Set of the file `public.pem`, which `command` makes."""
    return f"{command} && {TO_SET.replace('FILE', 'public.pem')}"
