"""Checks how a JWK Set is served over HTTP, from one response: what breaks verifiers."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from jwks_operator.api.durations import format_duration
from jwks_operator.edges.freshness import find_directive, parse_age
from jwks_operator.plugin.findings import Finding, Verdict, error_finding, ok_finding, warning_finding
from jwks_operator.plugin.jwks_fetch import FetchResult

MEDIA_TYPES = ("application/jwk-set+json", "application/json")
# Our own server spreads five minutes over the last tenth below them.
SHORT, LONG = timedelta(minutes=4), timedelta(hours=24)
SOON = timedelta(days=14)
LARGE = 64 << 10


def http_findings(answer: FetchResult, now: datetime) -> Iterator[Finding]:
    """Yield the findings of a response, except those of its body."""
    if answer.status != 200:
        yield error_finding("http", f"{answer.url} answers {answer.status}", "serve the set there, or correct the URL")
        return
    yield from _transport(answer, now)
    media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in MEDIA_TYPES:
        yield warning_finding(
            "http", f"Content-Type is {media or 'missing'}", f"send {MEDIA_TYPES[0]} (RFC 7517 section 8.5)"
        )
    if len(answer.body) > LARGE:
        yield warning_finding("http", f"{len(answer.body)} bytes", f"keep it below {LARGE}: some clients read no more")
    yield from _caching(answer)


def max_age(answer: FetchResult) -> timedelta | None:
    """Return how long shared caches may keep the answer (RFC 9111 section 5.2); None if the response does not say."""
    told = answer.headers.get("cache-control", "")
    found = (find_directive(told, directive) for directive in ("s-maxage", "max-age"))
    return next((one for one in found if one is not None), None)


def stale_window(answer: FetchResult) -> timedelta:
    """Return how long a cache may serve the response after that (RFC 5861 section 3)."""
    return find_directive(answer.headers.get("cache-control", ""), "stale-while-revalidate") or timedelta()


def answer_age(answer: FetchResult) -> timedelta:
    """Return how long a cache on the way has had the answer (RFC 9111 section 5.1)."""
    return parse_age(answer.headers.get("age", ""))


def _transport(answer: FetchResult, now: datetime) -> Iterator[Finding]:
    if urlsplit(answer.url).scheme != "https" and not _is_local(urlsplit(answer.url).hostname or ""):
        yield warning_finding(
            "tls", "served without TLS: an attacker on the network path can replace the keys", "serve https"
        )
    if answer.redirects:
        yield warning_finding("http", f"{answer.redirects} redirects", "name the last URL: many clients follow none")
    if answer.expires is not None:
        left = answer.expires - now
        told = f"the certificate expires {answer.expires:%Y-%m-%d}"
        yield warning_finding("tls", told, "renew it") if left < SOON else ok_finding("tls", told)


def _caching(answer: FetchResult) -> Iterator[Finding]:
    told = answer.headers.get("cache-control", "").lower()
    kept = max_age(answer)
    if "no-store" in told or "no-cache" in told or "private" in told:
        cure = "allow caching for 300 to 3600 s: AWS STS and others break, and every verifier asks for every token"
        yield error_finding("caching", f"Cache-Control: {told}", cure)
    elif kept is None:
        cure = "send Cache-Control: max-age=300 or more, so that you know how long"
        yield warning_finding("caching", "no max-age: each cache guesses how long to keep the set", cure)
    elif kept < SHORT:
        yield warning_finding("caching", f"max-age {format_duration(kept)}", "300 s or more spare the server")
    elif kept > LONG:
        cure = "shorten it: a new key has to wait that long, and a revoked one is trusted that long"
        yield warning_finding("caching", f"max-age {format_duration(kept)}", cure)
    else:
        yield ok_finding("caching", f"max-age {format_duration(kept)}")
    if "etag" not in answer.headers:
        yield Finding(Verdict.NOTE, "caching", "no ETag", "send one, and answer 304: most fetches change nothing")
    elif answer.not_modified is False:
        yield warning_finding("caching", "If-None-Match with its ETag is not answered by 304", "answer 304")


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith((".svc", ".cluster.local"))
