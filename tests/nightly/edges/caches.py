"""Real caches in front of a real server, on loopback: Varnish, which tells Age, and nginx, which does not."""

import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nightly.edges.debian import Program, find_program

PATIENCE = 60.0

_VCL = """vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{origin}"; }}
"""
_NGINX = """daemon off; master_process off; pid {home}/pid; error_log {home}/error.log warn;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c; uwsgi_temp_path {home}/d;
  scgi_temp_path {home}/e;
  proxy_cache_path {home}/cache keys_zone=keys:1m inactive=1h;
  server {{
    listen {host}:{port};
    location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_cache keys; }}
  }}
}}
"""


@contextmanager
def varnish(home: Path, origin: int, host: str, port: int, *options: str) -> Iterator[None]:
    """Run Varnish with the VCL that it comes with; `options` are parameters, such as `default_grace=0`."""
    home.mkdir()
    (home / "keys.vcl").write_text(_VCL.format(origin=origin))
    parameters = [word for option in options for word in ("-p", option)]
    command = ["-F", "-j", "none", "-n", str(home / "work"), "-a", f"{host}:{port}", "-T", "none", "-s", "malloc,8m"]
    with _running(find_program("varnishd"), [*command, *parameters, "-f", str(home / "keys.vcl")], home, host, port):
        yield


@contextmanager
def nginx(home: Path, origin: int, host: str, port: int) -> Iterator[None]:
    """Run nginx with `proxy_cache` and nothing else."""
    home.mkdir()
    (home / "nginx.conf").write_text(_NGINX.format(home=home, host=host, port=port, origin=origin))
    with _running(find_program("nginx"), ["-p", str(home), "-c", str(home / "nginx.conf")], home, host, port):
        yield


def find_port() -> int:
    """Return a port that is free on every address of 127.0.0.0/8 that is used here."""
    with socket.socket() as first:
        first.bind(("127.0.0.1", 0))
        return int(first.getsockname()[1])


@dataclass(frozen=True)
class Copy:
    """What an edge answered."""

    status: int
    age: str | None
    body: bytes


def ask(host: str, port: int, name: str, encoding: str = "identity") -> Copy:
    """Return the answer of an edge to a verifier that asks for this name."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    headers = {"Host": f"{name}:{port}", "Accept-Encoding": encoding, "Connection": "close"}
    connection.request("GET", "/.well-known/jwks.json", headers=headers)
    answer = connection.getresponse()
    copy = Copy(answer.status, answer.getheader("Age"), answer.read())
    connection.close()
    return copy


@contextmanager
def _running(program: Program, arguments: list[str], home: Path, host: str, port: int) -> Iterator[None]:
    log = home / "output"
    with log.open("wb") as output:
        command = [program.path, *arguments]
        process = subprocess.Popen(
            command, env=dict(program.environ), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not _listens(host, port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
