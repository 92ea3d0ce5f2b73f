"""A CA for the tests: what `certificates` never makes, a certificate that may sign others."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from jwks_operator.keys.certificates import Authority
from jwks_operator.keys.formats import render
from jwks_operator.keys.generate import GeneratedKey
from jwks_operator.keys.secret_files import Form
from keys.samples import fresh

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
YEAR = timedelta(days=365)


def authority_of(key: GeneratedKey, **change: Any) -> tuple[bytes, bytes]:
    """The two files of a CA, certificate and key; `change` spoils it."""
    made = {"ca": True, "usage": True, "begin": NOW - YEAR, "end": NOW + YEAR, "identified": b"", **change}
    private: Any = load_pem_private_key(render(key.public, key.private, Form.PEM), password=None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the CA")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(made["begin"])
        .not_valid_after(made["end"])
        .add_extension(x509.BasicConstraints(ca=made["ca"], path_length=None), critical=True)
        .add_extension(x509.KeyUsage(*(False,) * 5, made["usage"], *(False,) * 3), critical=True)
    )
    if made["identified"]:
        builder = builder.add_extension(x509.SubjectKeyIdentifier(made["identified"]), critical=False)
    return builder.sign(private, _digest(key)).public_bytes(Encoding.PEM), render(key.public, key.private, Form.PEM)


def _digest(key: GeneratedKey) -> Any:
    return SHA256() if key.public["kty"] in ("RSA", "EC") else None


def ca(algorithm: str = "ES256", **change: Any) -> Authority:
    return Authority.load(*authority_of(fresh(algorithm, None, 1), **change))
