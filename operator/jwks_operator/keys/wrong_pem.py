"""What is in this PEM file, if not exactly one private key that can be read? And the command that makes one of it."""

import base64
import binascii
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from jwks_operator.keys import der
from jwks_operator.keys.import_place import COMPROMISED, NEW_KEY, TO_SET, Place
from jwks_operator.keys.key_errors import MalformedDerError

_LABELS: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+?)-----")
_PRIVATE: Final = "PRIVATE KEY"
_TO_PKCS8: Final = "openssl pkey -in FILE -out key.pem"
_FROM_BODY: Final = "sed '/^-----/d' FILE | base64 -d | openssl pkey -inform DER -out key.pem"
_ENCRYPTED: Final = rb"Proc-Type: *4, *ENCRYPTED"
_OPENSSH: Final = 'ssh-keygen -p -N "" -m PKCS8 -f FILE'
_OPENSSH_ED25519: Final = (
    "python3 -c 'import sys; from cryptography.hazmat.primitives.serialization import *; "
    "k = load_ssh_private_key(sys.stdin.buffer.read(), None); "
    "print(k.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())' < FILE > key.pem "
    "(pip install cryptography)"
)
_NOT_HERE: Final = (
    ("PGP", f"a private key of OpenPGP, which no JOSE library reads; {NEW_KEY}"),
    ("TSS2", f"a key that only a TPM can use, so the file holds none; {NEW_KEY}"),
    ("ENCRYPTED SIGSTORE", f"an encrypted key of cosign, which has no other form; {NEW_KEY}"),
    ("ENCRYPTED COSIGN", f"an encrypted key of cosign, which has no other form; {NEW_KEY}"),
)
"""Private keys that nothing makes a key for tokens of, by the begin of their labels."""
_WITHOUT_KEY: Final = (
    ("CERTIFICATE REQUEST", "a request for a certificate"),
    ("CERTIFICATE", "a certificate"),
    ("PUBLIC KEY", "a public key"),
    ("PKCS7", "a PKCS#7 file"),
    ("CMS", "a PKCS#7 file"),
    ("X509 CRL", "a list of revoked certificates"),
    ("PARAMETERS", "the parameters of a key"),
    ("NATS USER JWT", "the credentials of NATS"),
    ("AGE ENCRYPTED FILE", "a file encrypted with age (age -d -i IDENTITY FILE > plain)"),
)


def name_pem(data: bytes, place: Place) -> str:
    """Return what stands in a PEM file in place of what is wanted there, and the cure; empty if it cannot be told."""
    labels = [label.decode("ascii") for label in _LABELS.findall(data)]
    private = [label for label in labels if _PRIVATE in label]
    if place is Place.PUBLIC:
        if private:
            return COMPROMISED
        return f"{_what(labels)} in PEM, and {place} is needed; {TO_SET}"
    if len(private) > 1:
        return f"{len(private)} private keys in one PEM file; put the one to import there alone"
    if rb"\n" in data:
        return "a PEM file whose line breaks are written as \\n; printf '%b' \"$(cat FILE)\" > key.pem"
    if not private:
        return f"{_what(labels)} in PEM, which holds no private key; give that (often tls.key or privkey.pem)"
    return next((told for tell in _TELLS if (told := tell(private[0], data))), "")


def _other_product(label: str, data: bytes) -> str:
    if label.startswith("OPENSSH"):
        return f"a private key in the form of OpenSSH; {_from_openssh(data)}"
    return next((told for begin, told in _NOT_HERE if label.startswith(begin)), "")


def _encrypted(label: str, data: bytes) -> str:
    if "ENCRYPTED" in label or re.search(_ENCRYPTED, data):
        return f"an encrypted private key, and the operator has no passphrases; {_TO_PKCS8}"
    return ""


def _cut_off(_: str, data: bytes) -> str:
    return "" if b"-----END " in data else "a PEM file that ends early; copy it whole"


def _wrong_label(label: str, data: bytes) -> str:
    """Another last line than the first one, or a body in the form of another label (RFC 7468)."""
    _, _, rest = data.partition(f"-----BEGIN {label}-----".encode())
    body, _, end = rest.partition(b"-----END ")
    if not end.startswith(f"{label}-----".encode()):
        return f"a PEM file whose first and last line name different things; {_FROM_BODY}"
    with suppress(binascii.Error, ValueError, MalformedDerError):
        parts = der.parse_sequence(base64.b64decode(b"".join(body.split()), validate=True))
        right = next((name for name, tags in _BODIES if tuple(part.tag for part in parts[: len(tags)]) == tags), label)
        return "" if right == label else f"the body of {right} under the label {label}; {_FROM_BODY}"
    return ""


_TELLS: Final = (_other_product, _encrypted, _cut_off, _wrong_label)
_BODIES: Final = (
    ("PRIVATE KEY", (der.INTEGER, der.SEQUENCE, der.OCTET_STRING)),
    ("EC PRIVATE KEY", (der.INTEGER, der.OCTET_STRING)),
    ("RSA PRIVATE KEY", (der.INTEGER,) * 9),
)
"""The labels of private keys, and the tags that their bodies begin with (RFC 5958, RFC 5915, RFC 8017)."""


def _what(labels: Sequence[str]) -> str:
    told = (name for label in labels for ending, name in _WITHOUT_KEY if label.endswith(ending))
    return next(told, f"a block {labels[0][:40]}" if labels else "something else")


def _from_openssh(data: bytes) -> str:
    """`ssh-keygen` writes every key as PKCS#8 but those of Ed25519, which it leaves as they are."""
    body = b"".join(line for line in data.splitlines() if not line.startswith(b"-----"))
    blob = b""
    with suppress(binascii.Error, ValueError):
        blob = base64.b64decode(body, validate=True)
    if b"ssh-ed25519" not in blob:
        return _OPENSSH
    return _OPENSSH_ED25519 if b"\0\0\0\4none" in blob[:32] else f'ssh-keygen -p -N "" -f FILE && {_OPENSSH_ED25519}'
