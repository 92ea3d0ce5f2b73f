"""What is in this PEM file, if not exactly one private key that can be read? And the command that makes one of it."""

import base64
import binascii
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from jwks_operator.keys.wrong_forms import COMPROMISED, TO_SET, Place

_LABELS: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+?)-----")
_PRIVATE: Final = "PRIVATE KEY"
_TO_PKCS8: Final = "openssl pkey -in FILE -out key.pem"
_ENCRYPTED: Final = rb"Proc-Type: *4, *ENCRYPTED"
_OPENSSH: Final = 'ssh-keygen -p -N "" -m PKCS8 -f FILE'
_OPENSSH_ED25519: Final = (
    "python3 -c 'import sys; from cryptography.hazmat.primitives.serialization import *; "
    "k = load_ssh_private_key(sys.stdin.buffer.read(), None); "
    "print(k.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())' < FILE > key.pem "
    "(pip install cryptography)"
)
_WITHOUT_KEY: Final = (
    ("CERTIFICATE REQUEST", "a request for a certificate"),
    ("CERTIFICATE", "a certificate"),
    ("PUBLIC KEY", "a public key"),
    ("PKCS7", "a PKCS#7 file"),
    ("CMS", "a PKCS#7 file"),
    ("X509 CRL", "a list of revoked certificates"),
    ("PARAMETERS", "the parameters of a key"),
)


def name_pem(data: bytes, place: Place) -> str:
    """Return what stands in a PEM file in place of what is wanted there, and the cure; empty if it cannot be told."""
    labels = [label.decode("ascii") for label in _LABELS.findall(data)]
    private = [label for label in labels if _PRIVATE in label]
    if place is Place.PUBLIC:
        if private:
            return COMPROMISED
        return f"{_what(labels)} in PEM, and {place} is needed; {TO_SET}"
    if rb"\n" in data:
        return "a PEM file whose line breaks are written as \\n; printf '%b' \"$(cat FILE)\" > key.pem"
    if len(private) > 1:
        return f"{len(private)} private keys in one PEM file; put the one to import there alone"
    if not private:
        return f"{_what(labels)} in PEM, which holds no private key; give that (often tls.key or privkey.pem)"
    return _of_private(private[0], data)


def _of_private(label: str, data: bytes) -> str:
    if label.startswith("OPENSSH"):
        return f"a private key in the form of OpenSSH; {_from_openssh(data)}"
    if label.startswith("PGP"):
        return "a private key of OpenPGP, which no JOSE library reads; make a key of its own for tokens"
    if "ENCRYPTED" in label or re.search(_ENCRYPTED, data):
        return f"an encrypted private key, and the operator has no passphrases; {_TO_PKCS8}"
    if b"-----END " not in data:
        return "a PEM file that ends early; copy it whole"
    return ""


def _what(labels: Sequence[str]) -> str:
    told = (name for label in labels for ending, name in _WITHOUT_KEY if label.endswith(ending))
    return next(told, "something else")


def _from_openssh(data: bytes) -> str:
    """`ssh-keygen` writes every key as PKCS#8 but those of Ed25519, which it leaves as they are."""
    body = b"".join(line for line in data.splitlines() if not line.startswith(b"-----"))
    blob = b""
    with suppress(binascii.Error, ValueError):
        blob = base64.b64decode(body, validate=True)
    if b"ssh-ed25519" not in blob:
        return _OPENSSH
    return _OPENSSH_ED25519 if b"\0\0\0\4none" in blob[:32] else f'ssh-keygen -p -N "" -f FILE && {_OPENSSH_ED25519}'
