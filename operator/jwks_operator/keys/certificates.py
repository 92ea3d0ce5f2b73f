"""X.509 certificates for keys, and what a published JWK says of them (RFC 5280; RFC 7517 sections 4.7 and 4.9).

Everything that a certificate depends on comes in from outside, serial number and times included; there is no clock
here. The part that is signed is equal for equal input; so is the signature, except with PSS and ML-DSA, which are
randomised. A certificate is therefore kept beside its key and renewed when due, never recomputed.
"""

import base64
import ipaddress
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x448, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

from jwks_operator.keys.algorithms import ALGORITHMS, Algorithm, KeyClass, Method
from jwks_operator.keys.chain import pem_chain
from jwks_operator.keys.chain_order import key_or_none, order_chain, public_key_of
from jwks_operator.keys.key_errors import CertificateError, InconsistentKeyError, NoSuchFormError
from jwks_operator.keys.material import PublicKey, load_private_unchecked, load_public, members_of
from jwks_operator.keys.members import algorithm_of, encode_octets
from jwks_operator.keys.pkcs8 import pem_algorithms
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.keys.signing import hash_of, pss_padding
from jwks_operator.keys.unreadable import CERTIFICATE_ERRORS, KEY_ERRORS

_LONGEST_CHAIN: Final = 36 * 1024
"""Octets of a chain from elsewhere: room for three certificates of ML-DSA-87, and ten chains fit into one object."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a certificate is to say.

    `names` are subject alternative names: IP addresses, URIs (anything with ://) and else DNS names. `serial` is
    positive and below 2**159 (RFC 5280 section 4.1.2.2); times have whole seconds and a time zone.
    """

    common_name: str
    names: tuple[str, ...]
    not_before: datetime
    duration: timedelta
    serial: int


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA that may sign: its certificate, the certificates above it, and its key, which is private."""

    certificate: x509.Certificate
    chain: bytes
    _key: CertificateIssuerPrivateKeyTypes
    scheme: Algorithm | None = None
    """What the CA must sign with, if its key is for RSASSA-PSS alone."""

    @classmethod
    def load(cls, chain: bytes, key: bytes) -> Self:
        """Read the PEM files of a CA Secret: `tls.crt`, in any order, and `tls.key`, unencrypted.

        Raises CertificateError for what cannot be read, for a certificate that is not of a CA or must not sign, and
        for a key that is not the certificate's.
        """
        certificates = load_chain(chain)
        private = None
        with suppress(*KEY_ERRORS):
            private = load_pem_private_key(key, password=None)
        if (
            private is None
            or members_of(private) is None
            or isinstance(private, x25519.X25519PrivateKey | x448.X448PrivateKey)
        ):
            raise CertificateError("the CA key is no unencrypted private key that can sign")
        if all(key_or_none(each) != private.public_key() for each in certificates):
            raise CertificateError("the CA key is not the key of the CA certificate")
        certificates = order_chain(certificates, private.public_key())
        _check_may_sign(certificates[0])
        scheme = next((ALGORITHMS[name] for name in pem_algorithms(key)), None)
        return cls(certificates[0], _pem(certificates), cast(CertificateIssuerPrivateKeyTypes, private), scheme)

    def __repr__(self) -> str:
        return "Authority(<redacted>)"


def self_signed(public: Mapping[str, object], private: PrivateJwk, terms: Terms) -> bytes:
    """Return the PEM certificate of a key, signed by itself.

    Raises NoSuchFormError for symmetric keys and those of X25519 and X448, which cannot sign; CertificateError for
    terms that no certificate can say.
    """
    algorithm = _certifiable(public)
    key = private.opened(load_private_unchecked)
    if isinstance(key, x25519.X25519PrivateKey | x448.X448PrivateKey):
        raise NoSuchFormError(f"a key of {algorithm.crv} cannot sign its own certificate; use a CA")
    subject = _name(terms)
    builder = _builder(load_public(public), algorithm, terms).issuer_name(subject)
    return _pem([_signed(builder, cast(CertificateIssuerPrivateKeyTypes, key), algorithm)])


def ca_signed(public: Mapping[str, object], authority: Authority, terms: Terms) -> bytes:
    """Return the PEM chain of a key's certificate, signed by a CA: the certificate first, then those of the CA.

    It ends no later than the CA's own. Raises NoSuchFormError for symmetric keys, CertificateError for terms that no
    certificate can say and for a CA that is not valid at `terms.not_before`.
    """
    algorithm = _certifiable(public)
    issuer = authority.certificate
    left = issuer.not_valid_after_utc - terms.not_before
    if left <= timedelta() or terms.not_before < issuer.not_valid_before_utc:
        raise CertificateError("the CA certificate is not valid at that time")
    within = Terms(terms.common_name, terms.names, terms.not_before, min(terms.duration, left), terms.serial)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority._key.public_key())
    with suppress(x509.ExtensionNotFound):
        its_own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(its_own)
    builder = _builder(load_public(public), algorithm, within).issuer_name(issuer.subject)
    signed = _signed(builder.add_extension(identifier, critical=False), authority._key, authority.scheme)
    return _pem([signed]) + authority.chain


def load_chain(chain: bytes) -> list[x509.Certificate]:
    """Return the certificates of a PEM file, at least one, whose names and times can be read; raises CertificateError.

    `cryptography` reads a certificate in parts, each when it is asked for: what is broken must show here. What it only
    warns of, such as a serial number that is not positive (RFC 5280 section 4.1.2.2), its next version will refuse.
    """
    with warnings.catch_warnings(), suppress(*CERTIFICATE_ERRORS, CryptographyDeprecationWarning):
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        certificates = x509.load_pem_x509_certificates(chain)
        for certificate in certificates:
            _ = certificate.subject, certificate.issuer
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return certificates
    raise CertificateError("not a PEM file of certificates, or one of them is none that RFC 5280 allows")


def has_foreign_certificate(jwk: Mapping[str, object], public: Mapping[str, object]) -> bool:
    """Tell whether `x5c` of a JWK (RFC 7517 section 4.7) is seen to begin with the certificate of another key."""
    listed = jwk.get("x5c")
    with suppress(CertificateError, UnicodeEncodeError):
        first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], str) else ""
        key = key_or_none(load_chain(pem_chain([first]))[0])
        return key is not None and key != load_public(public)
    return False


def check_certificate_key(public: Mapping[str, object], chain: bytes) -> None:
    """Raise InconsistentKeyError unless the first certificate of the PEM chain is for the key."""
    _certifiable(public)
    if public_key_of(load_chain(chain)[0]) != load_public(public):
        raise InconsistentKeyError("the certificate is of another key")


def certificate_members(public: Mapping[str, object], chain: bytes) -> dict[str, object]:
    """Return `x5c` and `x5t#S256` of a key with this PEM chain; raises as `check_certificate_key`."""
    check_certificate_key(public, chain)
    ders = [certificate.public_bytes(Encoding.DER) for certificate in load_chain(chain)]
    thumbprint = hashes.Hash(hashes.SHA256())
    thumbprint.update(ders[0])
    return {
        "x5c": [_base64(der) for der in ders],
        "x5t#S256": encode_octets(thumbprint.finalize()),
    }


def read_issued_chain(public: Mapping[str, object], chain: bytes) -> tuple[tuple[str, ...], datetime, datetime]:
    """Return the chain that another issuer made for a key as `x5c`, and from when to when its first one is valid.

    The certificates may stand in any order. Raises CertificateError for a chain that cannot be read or is too long to
    be published, InconsistentKeyError for one of another key.
    """
    _certifiable(public)
    certificates = order_chain(load_chain(chain), load_public(public))
    ders = [certificate.public_bytes(Encoding.DER) for certificate in certificates]
    if sum(map(len, ders)) > _LONGEST_CHAIN:
        raise CertificateError(f"more than {_LONGEST_CHAIN // 1024} KiB of certificates; leave out what clients have")
    leaf = certificates[0]
    return tuple(map(_base64, ders)), leaf.not_valid_before_utc, leaf.not_valid_after_utc


def _certifiable(public: Mapping[str, object]) -> Algorithm:
    if not public:
        raise NoSuchFormError("a symmetric key has no certificate")
    return algorithm_of(public)


def _check_may_sign(certificate: x509.Certificate) -> None:
    """A CA says so (RFC 5280 section 4.2.1.9), and a stated key usage includes signing certificates (4.2.1.3)."""
    basic = usage = None
    with suppress(x509.ExtensionNotFound, *CERTIFICATE_ERRORS):
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    if basic is None or not basic.ca:
        raise CertificateError("the CA certificate is not that of a CA (basicConstraints)")
    if usage is not None and not usage.key_cert_sign:
        raise CertificateError("the CA certificate must not sign certificates (keyUsage)")


def _builder(key: PublicKey, algorithm: Algorithm, terms: Terms) -> x509.CertificateBuilder:
    with suppress(*CERTIFICATE_ERRORS):
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(terms))
            .public_key(key)
            .serial_number(terms.serial)
            .not_valid_before(terms.not_before)
            .not_valid_after(terms.not_before + terms.duration)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(algorithm), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        if terms.names:
            names = x509.SubjectAlternativeName([_alternative(name) for name in terms.names])
            builder = builder.add_extension(names, critical=False)
        return builder
    raise CertificateError("no certificate can have these names, times or serial number")


def _name(terms: Terms) -> x509.Name:
    with suppress(*CERTIFICATE_ERRORS):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, terms.common_name)])
    raise CertificateError("the common name does not have 1 to 64 characters")


def _alternative(name: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.UniformResourceIdentifier(name) if "://" in name else x509.DNSName(name)


def _usage(algorithm: Algorithm) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=algorithm.key_class is KeyClass.SIGNATURE,
        content_commitment=False,
        key_encipherment=algorithm.method is Method.RSA_OAEP,
        data_encipherment=False,
        key_agreement=algorithm.method is Method.ECDH,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(
    builder: x509.CertificateBuilder, key: CertificateIssuerPrivateKeyTypes, algorithm: Algorithm | None
) -> x509.Certificate:
    """Sign with the hash of the key's own algorithm, for a CA with one that fits its curve."""
    if isinstance(key, rsa.RSAPrivateKey):
        scheme = pss_padding(algorithm) if algorithm and algorithm.method is Method.RSA_PSS else padding.PKCS1v15()
        return builder.sign(key, _hash_for(algorithm), rsa_padding=scheme)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        long = hashes.SHA512() if key.key_size > 384 else hashes.SHA384()
        return builder.sign(key, long if key.key_size > 256 else hashes.SHA256(), ecdsa_deterministic=True)
    return builder.sign(key, None)


def _hash_for(algorithm: Algorithm | None) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    digest = hash_of(algorithm) if algorithm else hashes.SHA256()
    return cast(hashes.SHA256 | hashes.SHA384 | hashes.SHA512, digest)


def _base64(der: bytes) -> str:
    return base64.b64encode(der).decode("ascii")


def _pem(certificates: list[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
