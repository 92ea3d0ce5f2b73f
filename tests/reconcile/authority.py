"""A certificate authority as people keep it: a kubernetes.io/tls Secret that consents to one set."""

from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jwks_operator.kube.client import Object
from reconcile.life import REF, START

NAME = "corp-ca"
CONSENT = {"jwks-operator.dev/allow-set": REF.name}


def files(until: datetime = START + timedelta(days=3650), *, signs: bool = True) -> dict[str, bytes]:
    """Return tls.crt and tls.key of a new CA; one that does not sign is an ordinary certificate."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Corporate CA")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=signs, path_length=None), critical=True)
        .sign(key, hashes.SHA384())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"tls.crt": certificate.public_bytes(serialization.Encoding.PEM), "tls.key": private}


def secret(content: dict[str, bytes] | None = None, **other: Any) -> Object:
    """Return the Secret of a CA; `labels` and `type` as given, else as they have to be."""
    return {
        "metadata": {"name": NAME, "namespace": REF.namespace, "labels": other.get("labels", CONSENT)},
        "type": other.get("type", "kubernetes.io/tls"),
        "data": {name: b64encode(text).decode() for name, text in (content or files()).items()},
    }
