"""The errors that `cryptography` raises for unreadable bytes; its documentation names only some.

An Ed448 key of 32 octets, for example, is neither a ValueError nor an unsupported algorithm but an internal error of
OpenSSL, and a certificate with an extension twice has an exception of its own. A reader of foreign bytes suppresses
all of these and raises a JwkError.
"""

from typing import Final

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm

KEY_ERRORS: Final = (ValueError, TypeError, UnsupportedAlgorithm, InternalError)
"""What reading a key may raise."""

CERTIFICATE_ERRORS: Final = (
    *KEY_ERRORS,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What reading a certificate, or a part of it, may raise."""
