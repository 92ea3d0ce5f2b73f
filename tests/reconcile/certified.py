"""Sets whose keys have certificates, and looks at what there is of them."""

import json
import ssl
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SECRETS
from reconcile import authority
from reconcile.life import REF, Life

MONTH = timedelta(hours=720)
LIFE = timedelta(hours=2160)
MINUTE = timedelta(minutes=1)
TLS = {"formats": ["JWK", "PEM", "TLS"]}
SELF_SIGNED: dict[str, Any] = {"selfSigned": {}}
BY_CA: dict[str, Any] = {"caSecretRef": {"name": authority.NAME}}


def spec(certificate: dict[str, Any] | None = None, algorithm: str = "ES256", **more: Any) -> dict[str, Any]:
    entry = {"name": "signing", "algorithm": algorithm, "certificate": certificate or SELF_SIGNED}
    return {"keys": [entry], "secret": TLS, **more}


MANUAL: dict[str, Any] = {"rotation": {"policy": "Manual"}}


async def begun(written: dict[str, Any], ca: dict[str, Any] | None = None) -> Life:
    life = Life()
    await life.begin(written)
    if ca is not None:
        await life.people.create(SECRETS, REF.namespace, ca)
    await life.pass_()
    return life


async def jwks(life: Life) -> dict[str, dict[str, Any]]:
    data = (await life.read(CONFIGMAPS, REF.name))["data"]
    return {key["kid"]: key for key in json.loads(data["jwks.json"])["keys"]}


async def chain_of(life: Life, kid: str) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(b64decode(der)) for der in (await jwks(life))[kid].get("x5c", [])]


async def files(life: Life) -> dict[str, bytes]:
    return {name: b64decode(text) for name, text in (await life.read(SECRETS, REF.name))["data"].items()}


async def stamps(life: Life) -> dict[str, Any]:
    """Every witness of every key."""
    ring = (await life.keyring()).values()
    names = ("published", "inUseSince", "retired")
    return {doc["kid"]: {name: doc.get(name) for name in names} for doc in ring if "kid" in doc}


async def events(life: Life) -> list[str]:
    found, _ = await life.people.list(EVENTS, REF.namespace)
    return [event["reason"] for event in found]


def usable(content: dict[str, bytes], directory: Path) -> None:
    """Load the pair as every TLS server does: it fails if they do not belong together."""
    crt, key = directory / "tls.crt", directory / "tls.key"
    crt.write_bytes(content["signing.tls.crt"])
    key.write_bytes(content["signing.tls.key"])
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(crt, key)
