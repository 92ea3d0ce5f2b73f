"""One GET of a JWK Set as a careful client does it: bounded in time and size, redirects counted, TLS checked."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from jwks_operator import __version__
from jwks_operator.kube.proxies import describe_proxy, find_proxy

SECONDS = 10.0
MAX_BYTES = 1 << 20
MAX_REDIRECTS = 5
_AGENT = f"kubectl-jwks/{__version__}"


@dataclass(frozen=True, slots=True)
class FetchResult:
    """An answer: headers have lower-case names; `expires` is when the server's certificate does, for https."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    redirects: int = 0
    expires: datetime | None = None
    not_modified: bool | None = None
    """Whether a second request with the ETag was answered by 304; None without an ETag."""


@dataclass(frozen=True, slots=True)
class FetchFailure:
    """There was no response; `problem` says why."""

    problem: str


async def fetch(url: str, ca_file: str | None = None, *, revisit: bool = False) -> FetchResult | FetchFailure:
    """Return the response of a URL; with `revisit`, send a second request with the ETag. Never raises."""
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        return FetchFailure("not an http or https URL")
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError:
        return FetchFailure(f"the CA file {ca_file} cannot be read")
    proxy = find_proxy(url)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    problem = ""
    try:
        async with aiohttp.ClientSession(timeout=timeout, headers={"User-Agent": _AGENT}, proxy=proxy) as session:
            return await _fetched(session, url, context, revisit=revisit)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        problem = _problem(error) + describe_proxy(proxy)
    return FetchFailure(problem)


def _problem(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(error.certificate_error, "verify_message", "") or "it cannot be verified"
            return f"its TLS certificate is refused: {why}"
        case aiohttp.ClientSSLError():
            return "TLS cannot be agreed on"
        case aiohttp.TooManyRedirects():
            return f"more than {MAX_REDIRECTS} redirects"
        case TimeoutError():
            return f"no whole answer within {SECONDS:g} s"
        case aiohttp.ClientConnectorError():
            return f"no connection: {(error.os_error.strerror or 'refused').lower()}"
    return f"a broken answer ({type(error).__name__})"


async def _fetched(
    session: aiohttp.ClientSession, url: str, context: ssl.SSLContext, *, revisit: bool
) -> FetchResult | FetchFailure:
    async with session.get(url, ssl=context, max_redirects=MAX_REDIRECTS) as answer:
        expires = _expiry(answer)
        body = b""
        async for chunk in answer.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) > MAX_BYTES:
                return FetchFailure(f"more than {MAX_BYTES} bytes")
        headers = {name.lower(): value for name, value in answer.headers.items()}
        where, redirects, status = str(answer.url), len(answer.history), answer.status
    again = None
    if revisit and "etag" in headers:
        conditional = {"If-None-Match": headers["etag"]}
        async with session.get(where, ssl=context, headers=conditional, allow_redirects=False) as second:
            again = second.status == 304
    return FetchResult(where, status, headers, body, redirects, expires, again)


def _expiry(answer: aiohttp.ClientResponse) -> datetime | None:
    """Return when the certificate of the connection expires."""
    connection = answer.connection
    stream: Any = None if connection is None or connection.transport is None else connection.transport
    certificate = None if stream is None else stream.get_extra_info("peercert")
    if not certificate or "notAfter" not in certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
