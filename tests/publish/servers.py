"""Servers of S3 and Azure Blob Storage on loopback, each a process of its own: moto and azurite. GCS is in `gcs.py`."""

import base64
import hashlib
import hmac
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

from clients.node_verifier import NODE, modules
from release.freeze import find_uv

HERE = Path(__file__).parent
CONTAINER = "published"
START_SECONDS = 240
ACCOUNT = "loopback"
ACCOUNT_KEY = base64.b64encode(hashlib.sha256(b"of the tests alone").digest()).decode()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def process(command: list[str], port: int, environ: Mapping[str, str], log: Path) -> Iterator[None]:
    """Run a server; the context begins when its port answers."""
    with log.open("wb") as output:
        running = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **environ}, cwd=log.parent
        )
    try:
        began = time.monotonic()
        while True:
            assert running.poll() is None, log.read_text()
            assert time.monotonic() - began < START_SECONDS, log.read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                break
        yield
    finally:
        running.terminate()
        running.wait(30)


def ask(port: int, method: str, path: str, headers: Mapping[str, str] | None = None) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request(method, path, headers=headers or {})
    reply = client.getresponse()
    text = reply.read()
    client.close()
    assert reply.status in {200, 201}, text


def python_of(script: Path) -> str:
    """Return the interpreter of the environment that a script and its lock ask for; installs it where it is missing."""
    uv, name = find_uv(), str(script)
    subprocess.run([uv, "sync", "--quiet", "--locked", f"--python={sys.executable}", "--script", name], check=True)
    found = subprocess.run([uv, "python", "find", "--script", name], check=True, capture_output=True, text=True)
    return found.stdout.strip()


@contextmanager
def serve_s3(folder: Path) -> Iterator[str]:
    """Moto with a bucket; gives its URL."""
    script, port = HERE / "s3" / "serve_s3.py", free_port()
    with process([python_of(script), str(script), str(port)], port, {}, folder / "s3.log"):
        ask(port, "PUT", f"/{CONTAINER}")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def serve_azure(folder: Path) -> Iterator[str]:
    """Azurite with a container; gives the URL of the account."""
    main = modules(HERE / "azure") / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    port = free_port()
    options = [
        "--blobHost=127.0.0.1",
        f"--blobPort={port}",
        "--inMemoryPersistence",
        "--skipApiVersionCheck",
        "--silent",
    ]
    environ = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{ACCOUNT_KEY}"}
    with process([str(NODE), str(main), *options, "--disableTelemetry"], port, environ, folder / "azure.log"):
        ask(port, "PUT", f"/{ACCOUNT}/{CONTAINER}?restype=container", _signed())
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"


def _signed() -> dict[str, str]:
    """Headers of the request that makes the container (Shared Key of Azure Storage); obstore makes none."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    lines = ["PUT", *[""] * 11, *(f"{name}:{value}" for name, value in headers.items())]
    text = "\n".join([*lines, f"/{ACCOUNT}/{ACCOUNT}/{CONTAINER}", "restype:container"])
    digest = hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()
    return {**headers, "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"}
