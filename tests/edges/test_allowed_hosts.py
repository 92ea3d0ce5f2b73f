"""Which URLs are asked at all: those of the administrator's list, and nothing that only looks like them."""

import pytest

from jwks_operator.edges.allowed_hosts import AllowedHosts, HostPattern


def allowed(url: str, *patterns: str) -> bool:
    return AllowedHosts.parse(patterns).find_refusal(url) is None


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("keys.example.com", "https://keys.example.com/jwks.json"),
        ("keys.example.com", "https://KEYS.example.com:443/"),
        ("Keys.Example.com", "https://keys.example.com/"),
        ("https://keys.example.com", "https://keys.example.com/"),
        ("*.example.com", "https://keys.example.com/"),
        ("*.*.example.com", "https://a.b.example.com/"),
        ("*", "https://edge/"),
        ("keys.example.com:8443", "https://keys.example.com:8443/"),
        ("http://edge.internal", "http://edge.internal/"),
        ("http://edge.internal:8080", "http://edge.internal:8080/"),
        ("192.0.2.1", "https://192.0.2.1/"),
    ],
)
def test_a_url_is_allowed_by_a_pattern(pattern: str, url: str) -> None:
    assert allowed(url, "other.example.com", pattern)


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("*.example.com", "https://example.com/"),
        ("*.example.com", "https://a.b.example.com/"),
        ("*.example.com", "https://keys.example.com.evil.test/"),
        ("keys.example.com", "https://evil.test/keys.example.com"),
        ("keys.example.com", "https://keys-example.com/"),
        ("keys.example.com", "http://keys.example.com/"),
        ("keys.example.com", "https://keys.example.com:8443/"),
        ("keys.example.com", "https://keys.example.com./"),
        ("http://edge.internal", "https://edge.internal/"),
        ("keys.example.com", "https://me@keys.example.com/"),
        ("keys.example.com", "https://keys.example.com@evil.test/"),
        ("keys.example.com", "https://keys.example.com/#fragment"),
        ("keys.example.com", "ftp://keys.example.com/"),
        ("keys.example.com", "https://keys.example.com:99999/"),
        ("*", "https://[::1]/"),
        ("*", "https://127.0.0.1/"),
    ],
)
def test_a_url_that_only_looks_like_it_is_refused(pattern: str, url: str) -> None:
    assert not allowed(url, pattern)


def test_without_a_pattern_nothing_is_allowed() -> None:
    assert "does not allow" in (AllowedHosts().find_refusal("https://keys.example.com/") or "")


@pytest.mark.parametrize(
    "text",
    ["", "https://", "keys.example.com/", "ftp://a", "a:0", "a:65536", "a:", "-a", "a..b", "k*.a.test", "a b", "[::1]"],
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no host such as|has no port"):
        HostPattern.parse(text)
