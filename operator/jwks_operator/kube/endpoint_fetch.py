"""One HTTP GET to a pod, for the one question whether it serves a key. Never more than asked for.

No redirect is followed, no proxy is used, no cookie is kept, nothing is decompressed, and an answer has a size and a
time. A certificate is not checked, as the kubelet does not for its probes: the address comes from the API server and
what is served is public.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp
from yarl import URL

from jwks_operator import __version__
from jwks_operator.kube.sockets import make_connector

TIMEOUT: Final = 2.0
"""Seconds for a whole answer."""
MOST: Final = 1024 * 1024
"""Octets of an answer: more than a ConfigMap can hold."""
_HEADERS = {
    "Accept": "application/jwk-set+json, application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"jwks-operator/{__version__}",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a set is served: an IP address, a port, a path, and whether it is spoken to in TLS."""

    ip: str
    port: int
    path: str
    secure: bool = False

    @property
    def url(self) -> URL:
        """The address as a URL."""
        scheme = "https" if self.secure else "http"
        return URL.build(scheme=scheme, host=self.ip, port=self.port, path=self.path)


class NoAnswer(Exception):
    """Nothing usable came back; the text completes a sentence about the endpoint."""


class Fetch(Protocol):
    """Gets what is served at an address; NoAnswer if that cannot be told."""

    async def __call__(self, address: Address) -> bytes:
        """Return the body of a 200."""
        ...


class HttpFetch:
    """The production Fetch; `close` it in the end. Its session is made at its first use, on the running loop."""

    def __init__(self, timeout: float = TIMEOUT, most: int = MOST) -> None:
        self._timeout = timeout
        self._most = most
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, address: Address) -> bytes:
        """Ask once."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._get(address)
        except TimeoutError:
            problem = f"did not answer within {self._timeout:g} s"
        except NoAnswer:
            raise
        except Exception:  # noqa: BLE001 - only NoAnswer passes
            problem = "could not be reached"
        # Raised outside of `except`, so that no foreign exception hangs on to it as context.
        raise NoAnswer(problem)

    async def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            await self._session.close()

    async def _get(self, address: Address) -> bytes:
        if self._session is None:
            connector = make_connector(force_close=True, ssl=False)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        async with self._session.get(address.url, headers=_HEADERS, allow_redirects=False) as response:
            if response.status != 200:
                raise NoAnswer(f"does not serve a set at {address.path}")  # no code: it is not for the tenant
            body = bytearray()
            async for part in response.content.iter_any():
                body += part
                if len(body) > self._most:
                    raise NoAnswer(f"answered more than {self._most} octets")
            return bytes(body)
