"""cert-manager, built from Go modules into the cache, as a process beside an API server, and its Certificates."""

import asyncio
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from controlplane import ControlPlane
from controlplane.binaries import cache_root, module_sources
from controlplane.build import build_once, compile_go
from controlplane.console import say
from controlplane.errors import ControlPlaneError
from controlplane.golang import find_go, read_required_go
from scale.api import Api, Failed, Object
from scale.generator import Ref
from scale.processes import end_process, last_words, start_process

ROOM = 400 * 2**20
"""Bytes for the binary and the linker's scratch."""
SERVED_TRIES, SERVED_PAUSE = 60, 0.5
GROUP_PATH = "/apis/cert-manager.io/v1"
CERTIFICATES = f"{GROUP_PATH}/certificates"
ISSUER = "self-signed"
_MODULE = Path(__file__).parents[1] / "peers" / "certmanager"
_NAME = "github.com/cert-manager/cert-manager"


def read_version() -> str:
    """Return the pinned version, such as v1.21.2."""
    found = re.search(rf"^\s*{re.escape(_NAME)} (v\S+)$", (_MODULE / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise ControlPlaneError(f"{_MODULE / 'go.mod'} requires no {_NAME}")
    return found[1]


def resolve() -> Path:
    """Return the directory of the binary and of its CRDs, after building it if nobody has.

    Raises ControlPlaneError with the cure when that is impossible.
    """
    flags = ["-trimpath", "-buildvcs=false", "-ldflags", f"-s -w -X {_NAME}/pkg/util.AppVersion={read_version()}"]
    digest = hashlib.sha256()
    for part in (sys.platform, platform.machine(), *flags):
        digest.update(part.encode() + b"\0")
    for name, content in sorted(module_sources(_MODULE).items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    cached = cache_root(os.environ).parent / "peers" / f"cert-manager-{read_version()}-{digest.hexdigest()[:12]}"
    if not cached.is_dir():
        build_once(cached, ROOM, lambda result: _build(result, flags))
    return cached


def _build(result: Path, flags: list[str]) -> None:
    say(f"building cert-manager {read_version()} from Go modules (some 10 minutes on 2 cores, once)")
    compile_go(_MODULE, flags, ["."], result)
    go = find_go(read_required_go((_MODULE / "go.mod").read_text()), cache_root(os.environ))
    found = subprocess.run(
        [str(go), "list", "-m", "-f", "{{.Dir}}", _NAME],
        cwd=_MODULE,
        env={**os.environ, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=True,
    )
    shutil.copytree(Path(found.stdout.strip()) / "deploy" / "crds", result / "crds", ignore=_no_yaml)


def _no_yaml(_: object, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".yaml")]


class CertManager:
    """The controllers with their defaults, as the administrator; the log goes to a file."""

    def __init__(self, plane: ControlPlane, build: Path) -> None:
        self._command = [str(build / "certmanager"), f"--kubeconfig={plane.kubeconfig}"]
        self._log = plane.directory / "log" / "cert-manager.log"

    async def __aenter__(self) -> Self:
        self._process = start_process(self._command, self._log)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            sys.stderr.write(f"cert-manager's last words:\n{last_words(self._log)}\n")
        await end_process(self._process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid


async def wait_until_served(api: Api) -> None:
    """Wait until the API server takes requests for Certificates, which is a moment after their kind is Established."""
    for _ in range(SERVED_TRIES):
        try:
            await api.send("GET", f"{CERTIFICATES}?limit=1")
        except Failed:
            await asyncio.sleep(SERVED_PAUSE)
        else:
            return
    raise Failed("Certificates are not served")


async def add_issuer(api: Api, namespace: str) -> None:
    """Create the issuer of a namespace's Certificates."""
    body = {"metadata": {"name": ISSUER}, "spec": {"selfSigned": {}}}
    await api.send("POST", f"{GROUP_PATH}/namespaces/{namespace}/issuers", _typed("Issuer", body))


async def add_certificate(api: Api, ref: Ref) -> None:
    """Create a Certificate with a P-256 key; its Secret has its name."""
    spec = {
        "secretName": ref.name,
        "dnsNames": [f"{ref.name}.example"],
        "privateKey": {"algorithm": "ECDSA", "size": 256},
        "issuerRef": {"group": "cert-manager.io", "kind": "Issuer", "name": ISSUER},
    }
    body = _typed("Certificate", {"metadata": {"name": ref.name}, "spec": spec})
    await api.send("POST", f"{GROUP_PATH}/namespaces/{ref.namespace}/certificates", body)


async def find_wrong(api: Api, certificates: Collection[Ref]) -> list[str]:
    """Return which Secrets lack a P-256 key with its own certificate."""
    found: list[str] = []
    for namespace in sorted({ref.namespace for ref in certificates}):
        pages = api.pages(f"/api/v1/namespaces/{namespace}/secrets")
        secrets = {secret["metadata"]["name"]: secret async for page in pages for secret in page}
        for ref in certificates:
            if ref.namespace == namespace:
                found += [f"{namespace}/{ref.name}: {what}" for what in _wrong(secrets.get(ref.name))]
    return found


def _wrong(secret: Object | None) -> Iterator[str]:
    if secret is None:
        yield "has no Secret"
        return
    certificate = x509.load_pem_x509_certificate(b64decode(secret["data"]["tls.crt"]))
    key = load_pem_private_key(b64decode(secret["data"]["tls.key"]), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        yield "has another kind of key"
    elif key.public_key() != certificate.public_key():
        yield "has the certificate of another key"


def _typed(kind: str, body: Object) -> Object:
    return {"apiVersion": "cert-manager.io/v1", "kind": kind, **body}
