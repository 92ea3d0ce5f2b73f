"""The certificates of a chain in the order that RFC 7517 section 4.7 demands, whatever order they came in.

Issuers write chains leaf first, root first, or sorted by name. Which certificate is the key's, and which is the issuer
of which, can be told from them.
"""

from contextlib import suppress

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from jwks_operator.keys.key_errors import CertificateError, InconsistentKeyError
from jwks_operator.keys.unreadable import CERTIFICATE_ERRORS


def order_chain(certificates: list[x509.Certificate], key: object) -> list[x509.Certificate]:
    """Return each certificate once: that of the public key first, then each the issuer of the one before.

    What is of no use for that comes last, as it came. Raises InconsistentKeyError if none is of the key, also if the
    only one that is has issued another one of them: then the key is that of a CA, and not the one that was meant.
    """
    rest = list(dict.fromkeys(certificates))
    of_key = [each for each in rest if key_or_none(each) == key]
    following = next((each for each in of_key if not any(_issued(other, each) for other in rest)), None)
    if following is None:
        raise InconsistentKeyError("the certificate is of another key")
    found: list[x509.Certificate] = []
    while following is not None:
        rest.remove(following)
        found.append(following)
        last = following
        following = next((each for each in rest if _issued(last, each)), None)
    return [*found, *rest]


def key_or_none(certificate: x509.Certificate) -> object:
    """Return the public key of a certificate; None if it cannot be read."""
    with suppress(*CERTIFICATE_ERRORS):
        return certificate.public_key()
    return None


def public_key_of(certificate: x509.Certificate) -> object:
    """Return the public key of a certificate; raises CertificateError if it cannot be read."""
    key = key_or_none(certificate)
    if key is None:
        raise CertificateError("the certificate holds no key, or one of an unknown type")
    return key


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether another certificate is its issuer's; a self-signed one ends a chain.

    The name decides where the algorithm of the signature cannot be computed here.
    """
    if certificate.issuer != issuer.subject or certificate.issuer == certificate.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except CERTIFICATE_ERRORS:
        return True
    return True
