"""The configurations of gateways in examples/ are read by the gateways themselves, as far as they can be had."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from clients.foreign_verifiers import build_gateway_configs, build_oauth2_proxy
from clients.gateways import envoy_binary, nginx_binary
from cluster.stage import ROOT
from examples.test_gateways import config_of, documents

pytestmark = pytest.mark.timeout(1800)
GATEWAYS = ROOT / "examples" / "gateways"
NGINX = """\
daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
%s
}
"""


def run(*command: str | Path, environ: Mapping[str, str] = {}, **more: Any) -> subprocess.CompletedProcess[str]:
    environment = os.environ | environ
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, check=False, **more)


def test_envoy_reads_its_configuration(tmp_path: Path) -> None:
    text = config_of("envoy", "envoy.yaml")
    for content, code in ((text, 0), (text.replace("remote_jwks", "remote_keys"), 1)):
        (tmp_path / "envoy.yaml").write_text(content)
        done = run(envoy_binary(), "--mode", "validate", "--config-path", tmp_path / "envoy.yaml")
        assert done.returncode == code, done.stderr


def test_nginx_reads_its_configuration_without_what_only_nginx_plus_has(tmp_path: Path) -> None:
    open_source = re.sub(r"^\s*auth_jwt\w* .*;\n", "", config_of("nginx-plus", "default.conf"), flags=re.MULTILINE)
    open_source = re.sub(r"^map \$jwt_.*?^}\n", "", open_source, flags=re.MULTILINE | re.DOTALL)
    local = open_source.replace("/var/cache/nginx", str(tmp_path)).replace("//api:", "//127.0.0.1:")
    local = local.replace("https://auth.example.com", "https://127.0.0.1")
    for content, code in ((local, 0), (local.replace("proxy_cache_valid", "proxy_cache_for"), 1)):
        (tmp_path / "nginx.conf").write_text(NGINX % content)
        done = run(nginx_binary(), "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf")
        assert done.returncode == code, done.stderr


def test_oauth2_proxy_takes_its_arguments() -> None:
    """All of them; the provider of the people who log in is not asked here."""
    (deployment,) = (each for each in documents(GATEWAYS / "oauth2-proxy.yaml") if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith(f":{version_of_oauth2_proxy()}")
    secrets = {"CLIENT_ID": "x", "CLIENT_SECRET": "x", "COOKIE_SECRET": "0123456789abcdef"}
    environ = {f"OAUTH2_PROXY_{name}": value for name, value in secrets.items()}
    local = [each.replace("https://login.example.com", "https://127.0.0.1:1") for each in container["args"]]
    local = [each.replace("https://auth.example.com", "https://127.0.0.1:1") for each in local]
    done = run(build_oauth2_proxy(), "--config-test", *local, environ=environ)
    assert "configuration is valid" in done.stdout + done.stderr
    assert run(build_oauth2_proxy(), "--config-test", *local, "--no-such=1", environ=environ).returncode


def version_of_oauth2_proxy() -> str:
    module = (ROOT / "tests" / "clients" / "oauth2proxy" / "go.mod").read_text()
    (version,) = re.findall(r"^require github.com/oauth2-proxy/oauth2-proxy/v7 (v[\d.]+)", module, re.MULTILINE)
    return str(version)


def wrong(text: str) -> Iterator[str]:
    """The same manifests, each time with one field by another name."""
    for field in ("localJWKS:", "remoteJWKS:", "jwksUri:", "requestPrincipals:"):
        if field in text:
            yield text.replace(field, f"other{field}")


@pytest.mark.parametrize(("name", "count"), [("envoy-gateway", 2), ("istio", 2)])
def test_manifests_of_gateways_are_what_their_own_types_read(name: str, count: int) -> None:
    text = (GATEWAYS / f"{name}.yaml").read_text()
    done = run(build_gateway_configs(), input=text)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == count
    mistakes = list(wrong(text))
    assert len(mistakes) == 2
    for each in mistakes:
        assert "unknown field" in run(build_gateway_configs(), input=each).stderr
