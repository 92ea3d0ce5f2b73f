"""The forms of a certificate chain: PEM, `x5c` and `x5t#S256` (RFC 7468; RFC 7517 sections 4.7 and 4.9).

No cryptography is imported here: a chain is carried, not understood.
"""

import base64
import hashlib
from collections.abc import Iterable

from jwks_operator.keys.members import encode_octets

_COLUMNS = 64


def x5t_s256(x5c: tuple[str, ...]) -> str:
    """Return the thumbprint of the first certificate of a chain in `x5c` form."""
    return encode_octets(hashlib.sha256(base64.b64decode(x5c[0])).digest())


def pem_chain(x5c: Iterable[str]) -> bytes:
    """Return the PEM file of a chain in `x5c` form, in the same order."""
    return "".join(map(_pem, x5c)).encode("ascii")


def _pem(der: str) -> str:
    lines = "\n".join(der[start : start + _COLUMNS] for start in range(0, len(der), _COLUMNS))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"
