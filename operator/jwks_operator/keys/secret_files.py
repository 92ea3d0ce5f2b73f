"""The files of the consumer Secret, one row each: what writes and what reads the Secret uses this table and no other.

A data key of the Secret is `<entry>.<suffix>`; the name of an entry has no dots (it is a DNS label, RFC 1123). No
cryptography is imported here: API and planner read the table too. The bytes are made and read in `keys.formats`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Format(StrEnum):
    """How private keys are written into the Secret."""

    JWK = "JWK"
    JWK_SET = "JWKSet"
    PEM = "PEM"
    TLS = "TLS"


class Form(StrEnum):
    """What the bytes of one file are."""

    JWK = "JWK"
    """One private JWK (RFC 7517 section 4): the key in use."""
    JWK_SET = "JWKSet"
    """A set of private JWKs (RFC 7517 section 5): the key in use first, then keys that only open or verify."""
    PEM = "PEM"
    """One PKCS #8 private key (RFC 7468 section 10): the key in use."""
    TEXT = "Text"
    """A text without private members."""


@dataclass(frozen=True, slots=True)
class SecretFile:
    """One file of an entry: its name, what its bytes are, which format asks for it, and which keys can have it."""

    suffix: str
    form: Form
    format: Format | None = None
    """The format of `spec.secret.formats` that asks for the file; None: it is always written."""
    symmetric: bool = True
    """Whether a symmetric key can have the file."""
    certified: bool = False
    """Whether only a key with a certificate can have the file."""
    external: bool | None = False
    """Whether the file is for keys whose private half is held elsewhere; None: for all keys."""

    def name_for(self, entry: str) -> str:
        """Return the data key of the file for an entry."""
        return f"{entry}.{self.suffix}"

    def suits(self, *, symmetric: bool, certified: bool, external: bool) -> bool:
        """Tell whether a key can have this file."""
        here = self.external in {None, external}
        return here and (self.symmetric or not symmetric) and (certified or not self.certified)


KID: Final = SecretFile("kid", Form.TEXT, external=None)
"""The kid of the key in use."""
ALG: Final = SecretFile("alg", Form.TEXT, external=None)
"""The algorithm of the key in use, under its published name."""
REF: Final = SecretFile("ref", Form.TEXT, external=True)
"""What names the private half of the key in use where it is held."""
CHAIN: Final = SecretFile("tls.crt", Form.TEXT, Format.TLS, symmetric=False, certified=True)
"""The certificate chain of the key in use."""
JWKS: Final = SecretFile("jwks", Form.JWK_SET, Format.JWK_SET)
"""The key in use, if the format is asked for, and every key that may still be needed to open or verify, always."""

FILES: Final = (
    KID,
    ALG,
    REF,
    SecretFile("jwk", Form.JWK, Format.JWK),
    SecretFile("pem", Form.PEM, Format.PEM, symmetric=False),
    CHAIN,
    SecretFile("tls.key", Form.PEM, Format.TLS, symmetric=False, certified=True),
    JWKS,
)
"""Every file; recovery reads them in this order, so a file with one key comes before a set."""

_BY_SUFFIX: Final = {file.suffix: file for file in FILES}


def split_name(name: str) -> tuple[str, SecretFile | None]:
    """Return the entry and the file that a data key names; no file for a data key that is not in the table."""
    entry, _, suffix = name.partition(".")
    return entry, _BY_SUFFIX.get(suffix)


def is_in_use(file: SecretFile, kid: str, named: str) -> bool:
    """Tell whether a private key of a file is the key in use, if `<entry>.kid` names the kid `named`.

    A file of one key holds nothing else. A set also holds keys that wait or are retired.
    """
    return file.form is not Form.JWK_SET or kid == named
