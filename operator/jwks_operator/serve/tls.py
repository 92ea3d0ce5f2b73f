"""TLS: one context whose certificate is replaced in place, so that no connection notices.

The pair is read into memory and tried on a context of its own first; then the live context gets the same octets
through a file in memory, so that nothing that happens on disk in between can leave it without its key.
"""

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jwks_operator.httpd.counters import Stats
from jwks_operator.serve.mounted import follow, resolve_directory

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325 section 4.2)."""

_log = logging.getLogger(__name__)


class CertificateRefused(ValueError):
    """The pair of certificate and key cannot be used; the message says why."""


class Tls:
    """The context for a listener, and its certificate as it is on disk."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Load the pair. Raises CertificateRefused."""
        self._certificate = certificate
        self._key = key
        self.stats = Stats()
        self._pem = b""
        self._complaint = ""
        self.context = _context()
        self._load(self._read())

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the files until `stop` is set; a pair that cannot be used leaves the last good one in place."""
        await follow(lambda: self._certificate.parent, self.reload, stop)

    async def reload(self) -> None:
        """Load the pair on disk if it is valid."""
        try:
            pem = await asyncio.to_thread(self._read)
            if pem == self._pem:
                self._complaint = ""
                return
            self._load(pem)
        except CertificateRefused as refused:
            if str(refused) != self._complaint:
                self._complaint = str(refused)
                self.stats.tls_refused += 1
                _log.error("%s; still using the last good certificate", refused)
            return
        self._complaint = ""
        self.stats.tls_reloads += 1
        _log.info("using the new certificate from %s", self._certificate)

    def _read(self) -> bytes:
        try:
            return b"\n".join(
                (resolve_directory(path.parent) / path.name).read_bytes() for path in (self._certificate, self._key)
            )
        except OSError as error:
            raise CertificateRefused(f"certificate or key cannot be read: {error.strerror}") from None

    def _load(self, pem: bytes) -> None:
        with _in_memory(pem) as file:
            try:
                _context().load_cert_chain(file)
            except (ssl.SSLError, OSError, ValueError):
                raise CertificateRefused(f"{self._certificate} and {self._key} are not a pair in PEM") from None
            self.context.load_cert_chain(file)
        self._pem = pem


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextlib.contextmanager
def _in_memory(pem: bytes) -> Iterator[str]:
    descriptor = os.memfd_create("certificate")
    try:
        os.write(descriptor, pem)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
