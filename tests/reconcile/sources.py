"""Keys of other issuers, in the objects that a set imports from."""

import json
import subprocess
from base64 import b64encode
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from jwks_operator.keys.generate import GeneratedKey, generate
from jwks_operator.keys.jwk import thumbprint
from jwks_operator.keys.material import load_private
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Object
from reconcile.life import REF, START, Life

_CA = ec.generate_private_key(ec.SECP256R1())
CONSENT = {"jwks-operator.dev/allow-set": REF.name}
TLS = "kubernetes.io/tls"


def importing(algorithm: str = "ES256", public: bool = False, **more: Any) -> dict[str, Any]:
    """A spec whose one entry imports the private key of Secret `old`, and the public ones of ConfigMap `old` too."""
    sources: dict[str, Any] = {"secretRef": {"name": "old", "key": "tls.key"}}
    if public:
        sources["publicRef"] = {"name": "old", "key": "jwks.json"}
    return {"keys": [{"name": "signing", "algorithm": algorithm, "import": sources, **more}]}


def old_key(algorithm: str = "ES256", modulus_length: int | None = None) -> GeneratedKey:
    return generate(algorithm, modulus_length)


def pem(key: GeneratedKey, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return load_private(key.private.reveal()).private_bytes(Encoding.PEM, form, NoEncryption())


def jwk(key: GeneratedKey, **more: Any) -> bytes:
    return json.dumps({**key.private.reveal(), **more}).encode()


def public_set(*keys: Any) -> str:
    return json.dumps({"keys": list(keys)})


def named(key: GeneratedKey, kid: str) -> dict[str, Any]:
    """The public JWK of a key under a kid of its issuer's."""
    return {**key.public, "kid": kid}


def weak_pem() -> bytes:
    """An RSA key of 1024 bits: cryptography makes none, openssl does."""
    made = subprocess.run(["openssl", "genrsa", "1024"], capture_output=True, check=True).stdout
    assert load_pem_private_key(made, None)
    return made


async def offer(life: Life, content: bytes, kind: str = "Opaque", labels: dict[str, str] | None = None) -> Object:
    """Create the Secret `old`, which consents unless other labels are given."""
    data = {"tls.key": b64encode(content).decode()}
    if kind == TLS:
        data["tls.crt"] = b64encode(issued(content)).decode()
    metadata = {"name": "old", "labels": CONSENT if labels is None else labels}
    return await life.people.create(SECRETS, REF.namespace, {"metadata": metadata, "type": kind, "data": data})


async def publish(life: Life, text: str, labels: dict[str, str] | None = None) -> Object:
    """Create the ConfigMap `old` with the other issuer's public keys."""
    metadata = {"name": "old", "labels": CONSENT if labels is None else labels}
    return await life.people.create(CONFIGMAPS, REF.namespace, {"metadata": metadata, "data": {"jwks.json": text}})


async def renew(life: Life, content: bytes, certificate: bytes | None = None) -> None:
    """Put another key, or the same under another certificate, into the Secret `old`."""
    crt = issued(content) if certificate is None else certificate
    data = {"tls.key": b64encode(content).decode(), "tls.crt": b64encode(crt).decode()}
    await life.edit(SECRETS, "old", lambda seen: seen.update(data=data))


def issued(content: bytes) -> bytes:
    """A new certificate for a PEM key as cert-manager writes it: its own first, then that of the issuer."""
    key: Any = load_pem_private_key(content, None)
    issuer, leaf = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("the CA", "auth"))
    chain = [
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=90))
        .sign(_CA, SHA256())
        for subject, public in ((leaf, key.public_key()), (issuer, _CA.public_key()))
    ]
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def print_of(key: GeneratedKey) -> str:
    return thumbprint(key.private.reveal())


async def begin(spec: dict[str, Any], content: bytes | None = None, kind: str = "Opaque") -> Life:
    life = Life()
    await life.begin(spec)
    if content is not None:
        await offer(life, content, kind)
    await life.pass_()
    return life


async def message(life: Life, kind: str = "Degraded") -> str:
    found = {c["type"]: c for c in (await life.status())["conditions"]}
    return str(found[kind]["message"])
