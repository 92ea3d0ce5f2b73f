"""One HTTP GET of a public URL at one address of its host. What is connected to is what was checked.

The connection goes to the address that was looked up before, whatever the name says by now; Host, SNI and certificate
stay those of the URL. The socket is made only for an address that the rules allow, which also covers a host that is
written as an address: nobody looks such a host up. Each answer comes over a new connection. No redirect is followed,
no cookie kept; size, time and what gzip may unfold to have bounds.

Where HTTPS_PROXY or HTTP_PROXY lead the way, the proxy connects, and its own rules decide about addresses.
"""

import asyncio
import socket
import ssl
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from jwks_operator import __version__
from jwks_operator.edges.freshness import compute_lifetime, parse_age
from jwks_operator.edges.public_address import AddressRules
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.members import parse_json_strict
from jwks_operator.kube.sockets import make_connector, make_socket

TIMEOUT: Final = 5.0
"""Seconds for a whole answer."""
MOST: Final = 1024 * 1024
"""Octets of a document: more than a ConfigMap can hold."""
PRIVATE = "has an address that is not public, so it is not asked"


@dataclass(frozen=True, slots=True)
class Look:
    """One request: a URL, at one address of its host, as a verifier with this Accept-Encoding asks."""

    url: str
    address: str
    encoding: str = "identity"
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A JWK Set as an edge serves it, and what the headers say of the copy."""

    keys: tuple[Mapping[str, Any], ...]
    age: timedelta
    lifetime: timedelta


class NoDocument(Exception):
    """No JWK Set came back; the text is the end of a sentence about the edge."""


class AddressRefused(OSError):
    """An address that may not be connected to."""


class Fetch(Protocol):
    """Gets the document of one look; NoDocument if that cannot be told."""

    async def __call__(self, look: Look) -> Document:
        """Ask once, over a new connection."""
        ...


class EdgeFetch:
    """The production Fetch."""

    def __init__(self, rules: AddressRules, tls: ssl.SSLContext, timeout: float = TIMEOUT, most: int = MOST) -> None:
        self._rules = rules
        self._tls = tls
        self._timeout = timeout
        self._most = most

    async def __call__(self, look: Look) -> Document:
        """Ask once."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._get(look)
        except TimeoutError:
            problem = f"did not answer within {self._timeout:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = _describe(error)
        # Raised outside of `except`, so that no foreign exception hangs on to it as context.
        raise NoDocument(problem)

    async def _get(self, look: Look) -> Document:
        headers = {
            "Accept": "application/jwk-set+json, application/json",
            "Accept-Encoding": look.encoding,
            "User-Agent": f"jwks-operator/{__version__}",
        }
        async with (
            aiohttp.ClientSession(
                connector=self._connector(look),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            ) as session,
            session.get(look.url, headers=headers, allow_redirects=False, proxy=look.proxy) as answer,
        ):
            if 300 <= answer.status < 400:
                raise NoDocument("redirects, and redirects are not followed")
            if answer.status != 200:
                raise NoDocument(f"answers {answer.status}")
            body = bytearray()
            async for part in answer.content.iter_any():
                body += part
                if len(body) > self._most:
                    raise NoDocument(f"answered more than {self._most} octets")
            plain = self._unpack(bytes(body), answer.headers.get("Content-Encoding", "identity").lower())
            age = parse_age(answer.headers.get("Age", ""))
            return Document(_parse(plain), age, compute_lifetime(answer.headers))

    def _connector(self, look: Look) -> aiohttp.TCPConnector:
        if look.proxy is not None:
            return make_connector(force_close=True, ssl=self._tls)
        return aiohttp.TCPConnector(
            socket_factory=self._socket,
            resolver=_Pinned(look.address),
            use_dns_cache=False,
            force_close=True,
            ssl=self._tls,
        )

    def _socket(self, info: Any) -> socket.socket:
        """Make the socket for the very address that is connected to; raises AddressRefused."""
        if not self._rules.allows(info[4][0]):
            raise AddressRefused
        return make_socket(info)

    def _unpack(self, body: bytes, encoding: str) -> bytes:
        if encoding == "identity":
            return body
        if encoding != "gzip":
            raise NoDocument("answers in an encoding that was not asked for")
        unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        plain = b""
        with suppress(zlib.error):
            plain = unpacking.decompress(body, self._most + 1)
        if len(plain) > self._most:
            raise NoDocument(f"answered more than {self._most} octets")
        if not unpacking.eof:
            raise NoDocument("answers something that is no gzip")
        return plain


class _Pinned(AbstractResolver):
    """Resolves every name to the one address that was chosen before."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the address."""
        kind = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        flags = socket.AI_NUMERICHOST
        return [ResolveResult(hostname=host, host=self._address, port=port, family=kind, proto=0, flags=flags)]

    async def close(self) -> None:
        """Close nothing."""


def _parse(body: bytes) -> tuple[Mapping[str, Any], ...]:
    """Return the keys of a JWK Set (RFC 7517 section 5); raises NoDocument if it is none."""
    try:
        document = parse_json_strict(body)
    except JwkError:
        document = None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise NoDocument("answers something that is no JWK Set")
    return tuple(keys)


def _describe(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "has a TLS certificate that is refused"
        case aiohttp.ClientSSLError():
            return "does not agree on TLS"
        case AddressRefused():
            return PRIVATE
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, AddressRefused):
            return PRIVATE
        case aiohttp.ClientConnectorError():
            return "could not be reached"
    return "gave a broken answer"
