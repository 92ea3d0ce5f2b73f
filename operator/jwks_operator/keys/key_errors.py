"""What can be wrong with a key. One small tree; no message holds a value that was read from a key.

    JwkError
    ├── MalformedJsonError      not one JSON document, or an object that names a member twice
    ├── MalformedDerError       not DER, or other elements than the structure has
    ├── UnsupportedKeyError     key type, algorithm, curve or size that the tables do not have
    ├── InvalidMemberError      a member is missing, of the wrong type, encoding or length, or contradicts alg
    ├── InconsistentKeyError    well-formed members that are not one key (off the curve, halves that differ)
    ├── NoSuchFormError         the key has no such form: a symmetric key is never public, nor a PEM file
    ├── CertificateError        a certificate that is unreadable, or an issuer that must not or cannot sign
    └── KeyProofError           a fresh key cannot check what it made: it must not be used

They are raised outside of any `except` block, so that no foreign exception, which may hold the whole text it
failed on, hangs on them as context.
"""


class JwkError(Exception):
    """Root of everything that this room raises about a key."""


class MalformedJsonError(JwkError):
    """The text is not one JSON document (RFC 8259) or an object names a member twice (RFC 7517 section 4)."""


class MalformedDerError(JwkError):
    """The octets are not DER (ITU-T X.690), or are cut off."""


class UnsupportedKeyError(JwkError):
    """The key type, algorithm, curve or size is not in the tables."""


class InvalidMemberError(JwkError):
    """A member is missing, has the wrong type, encoding or length, or contradicts the algorithm."""


class InconsistentKeyError(JwkError):
    """Each member is well formed, but together they are not one key."""


class NoSuchFormError(JwkError):
    """The key has no such form: symmetric keys have neither a public form nor a PEM file nor a certificate."""


class CertificateError(JwkError):
    """A certificate cannot be read or made, or its issuer must not sign it."""


class KeyProofError(JwkError):
    """A key failed its proof after generation; it must not be used."""
