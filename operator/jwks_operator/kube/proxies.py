"""Which proxy is on the way to a URL? HTTPS_PROXY, HTTP_PROXY and NO_PROXY, read as Go's httpproxy and requests do.

kubectl is a Go program, and anyone who sets these variables expects the same from everything that talks to the cluster.
The standard library knows neither address ranges nor ports in NO_PROXY. An entry of NO_PROXY is one of:

* `*`: no proxy at all;
* an address range, `10.0.0.0/8` or `fd00::/8`, or an address, for hosts that are written as addresses;
* a domain, `example.com`: that host and all below it; `.example.com` and `*.example.com`: all below it;
* an address or a domain with a port, `example.com:6443` or `[::1]:6443`: for that port only.

`localhost` and loopback addresses are never asked for by a proxy. A variable in lower case goes before the other.
"""

import os
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def find_proxy(url: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the URL of the proxy on the way to a URL; None if there is none. Never raises."""
    parts = urlsplit(url)
    proxy = _variable(environ, f"{parts.scheme}_proxy") if parts.scheme in _PORTS else ""
    host = (parts.hostname or "").rstrip(".")
    if not proxy or not host or _bypasses(host, parts.port or _PORTS[parts.scheme], _variable(environ, "no_proxy")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def describe_proxy(proxy: str | None) -> str:
    """Return words for a message about a request: empty without a proxy, and never its credentials."""
    if proxy is None:
        return ""
    parts = urlsplit(proxy)
    port = f":{parts.port}" if parts.port else ""
    return f" through the proxy {parts.hostname}{port}"


def _variable(environ: Mapping[str, str], name: str) -> str:
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _bypasses(host: str, port: int, no_proxy: str) -> bool:
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = (entry.strip().lower() for entry in no_proxy.split(","))
    return any(_matches(entry, host, port) for entry in entries if entry)


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if "/" in entry:
        return address is not None and _contains(entry, host)
    name, wanted = _split(entry)
    if wanted and wanted != str(port):
        return False
    if (named := _address(name)) is not None or address is not None:
        return named == address
    below = name.removeprefix("*")
    exact = not below.startswith(".")
    return (exact and host == below) or host.endswith(below if not exact else f".{below}")


def _split(entry: str) -> tuple[str, str]:
    """Split a port off, if there is one; an IPv6 address has brackets then."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _contains(entry: str, host: str) -> bool:
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        return False
