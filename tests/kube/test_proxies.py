"""Which proxy is used: as kubectl (Go's httpproxy) and requests read the environment."""

import pytest
from kubernetes.aio.client import Configuration

from jwks_operator.kube.client import Call
from jwks_operator.kube.errors import Unavailable
from jwks_operator.kube.proxies import describe_proxy, find_proxy
from jwks_operator.kube.transport import HttpTransport

PROXY = "http://proxy.example.com:3128"


@pytest.mark.parametrize(
    ("no_proxy", "server", "used"),
    [
        ("", "https://10.1.2.3:6443", True),
        ("10.0.0.0/8", "https://10.1.2.3:6443", False),
        ("10.0.0.0/8", "https://11.1.2.3:6443", True),
        ("10.1.2.3/8", "https://10.9.9.9", False),
        ("10.0.0.0/8", "https://api.example.com", True),
        ("fd00::/8", "https://[fd00::1]:6443", False),
        ("fd00::/8", "https://[fe80::1]:6443", True),
        ("10.0.0.0/99,.svc", "https://kubernetes.default.svc", False),
        ("10.1.2.3", "https://10.1.2.3:6443", False),
        ("10.1.2.3", "https://110.1.2.3:6443", True),
        ("10.1.2.3:6443", "https://10.1.2.3:6443", False),
        ("10.1.2.3:6443", "https://10.1.2.3", True),
        ("[fd00::1]:6443", "https://[fd00::1]:6443", False),
        ("fd00::1", "https://[fd00:0::1]:6443", False),
        ("example.com", "https://example.com", False),
        ("example.com", "https://api.example.com:6443", False),
        ("example.com", "https://notexample.com", True),
        (".example.com", "https://api.example.com", False),
        (".example.com", "https://example.com", True),
        ("*.example.com", "https://api.example.com", False),
        ("*.example.com", "https://example.com", True),
        ("EXAMPLE.com", "https://API.Example.COM", False),
        ("example.com:6443", "https://api.example.com:6443", False),
        ("example.com:443", "https://api.example.com", False),
        ("example.com:6443", "https://api.example.com:443", True),
        (" a , example.com ", "https://api.example.com.", False),
        ("*", "https://api.example.com", False),
        ("", "https://localhost:6443", False),
        ("", "https://127.9.9.9:6443", False),
        ("", "https://[::1]:6443", False),
    ],
)
def test_no_proxy(no_proxy: str, server: str, *, used: bool) -> None:
    assert find_proxy(server, {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}) == (PROXY if used else None)


@pytest.mark.parametrize(
    ("environ", "server", "proxy"),
    [
        ({"HTTPS_PROXY": "a:1", "HTTP_PROXY": "b:2"}, "https://x", "http://a:1"),
        ({"HTTPS_PROXY": "a:1", "HTTP_PROXY": "b:2"}, "http://x", "http://b:2"),
        ({"HTTPS_PROXY": "a:1", "https_proxy": "c:3"}, "https://x", "http://c:3"),
        ({"HTTPS_PROXY": "https://a:1"}, "https://x", "https://a:1"),
        ({"HTTP_PROXY": "b:2"}, "https://x", None),
        ({}, "https://x", None),
    ],
)
def test_the_proxy(environ: dict[str, str], server: str, proxy: str | None) -> None:
    assert find_proxy(server, environ) == proxy


def test_credentials_of_the_proxy_are_not_told() -> None:
    assert describe_proxy("http://me:hunter2@proxy.example.com:3128") == " through the proxy proxy.example.com:3128"
    assert describe_proxy(None) == ""


async def test_a_message_says_that_a_proxy_was_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    transport = HttpTransport(Configuration(host="https://192.0.2.1:6443"))
    with pytest.raises(Unavailable, match=r"^GET /version through the proxy 127\.0\.0\.1:1: Client") as caught:
        await transport.request(Call("GET", "/version"))
    assert "hunter2" not in str(caught.value)
    await transport.close()
