"""The servers that are compared, each on free loopback ports, with the same content and the same certificate."""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PATH = "/.well-known/jwks.json"
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """A running server: its name, its process, and its port by (size of the set, whether TLS)."""

    name: str
    pids: tuple[int, ...]
    ports: dict[tuple[str, bool], int]

    def url(self, size: str, *, tls: bool) -> str:
        """Return where that set is."""
        return f"{'https' if tls else 'http'}://127.0.0.1:{self.ports[size, tls]}{PATH}"

    def cpu(self) -> float:
        """Return the CPU seconds of all its processes so far."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.pids]
        return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> float:
        """Return the resident memory of all its processes in MB."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids)
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def make_sets() -> dict[str, bytes]:
    """Return the sets: an ordinary one of 1.2 kB, and one with ML-DSA keys of 12 kB."""

    def member(octets: int, seed: int) -> str:
        return (
            base64.urlsafe_b64encode(bytes((seed + 7 * each * each) % 251 for each in range(octets)))
            .rstrip(b"=")
            .decode()
        )

    def rsa(kid: str, seed: int) -> dict[str, str]:
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": "w" + member(256, seed)[1:], "e": "AQAB"}

    ec = {"kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "x": member(32, 1), "y": member(32, 2)}
    classic = [{**ec, "kid": member(32, 3)}, rsa(member(32, 4), 5), rsa(member(32, 6), 7)]
    lattice = [
        {"kty": "AKP", "use": "sig", "alg": "ML-DSA-65", "kid": member(32, seed), "pub": member(1952, seed)}
        for seed in range(10, 14)
    ]
    contents = {"1.2 kB": classic, "12 kB": [*classic, *lattice]}
    return {size: json.dumps({"keys": keys}, separators=(",", ":")).encode() for size, keys in contents.items()}


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """Make a self-signed P-256 certificate."""
    crt, key = directory / "tls.crt", directory / "tls.key"
    openssl = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command = [*openssl, "-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(crt)]
    subprocess.run(command, check=True, capture_output=True)
    return crt, key


@contextlib.contextmanager
def run_jwks_server(directory: Path, contents: dict[str, bytes], *, tls: bool) -> Iterator[Peer]:
    """Run `jwks-operator serve`, one worker, as it is installed."""
    with contextlib.ExitStack() as stack:
        ports, pids = {}, []
        for size, content in contents.items():
            volume = directory / f"ours-{size.replace(' ', '')}"
            volume.mkdir(exist_ok=True)
            (volume / "jwks.json").write_bytes(content)
            port = ports[size, tls] = free_port()
            pair = [f"--tls-cert={directory}/tls.crt", f"--tls-key={directory}/tls.key"] if tls else []
            command = [sys.executable, "-m", "jwks_operator", "serve", f"--file={volume}", f"--port={port}", *pair]
            pids.append(stack.enter_context(run_on_first_core(command, [port])))
        yield Peer("jwks-operator", tuple(pids), ports)


@contextlib.contextmanager
def run_nginx(directory: Path, contents: dict[str, bytes], *, tls: bool) -> Iterator[Peer]:
    """Run nginx, one worker, static files from an open-file cache, the same headers."""
    ports, servers = {}, []
    for size, content in contents.items():
        root = directory / f"nginx-{size.replace(' ', '')}"
        (root / ".well-known").mkdir(parents=True, exist_ok=True)
        (root / ".well-known" / "jwks.json").write_bytes(content)
        port = ports[size, tls] = free_port()
        pair = f"ssl_certificate {directory}/tls.crt; ssl_certificate_key {directory}/tls.key;" if tls else ""
        servers.append(f"server {{ listen 127.0.0.1:{port}{' ssl' if tls else ''}; root {root}; {pair} }}")
    config = (HERE / "peers" / "nginx.conf").read_text()
    user = "user root;" if os.geteuid() == 0 else ""
    file = directory / f"nginx-{tls}.conf"
    file.write_text(
        config.replace("@USER@", user).replace("@DIRECTORY@", str(directory)).replace("@SERVERS@", "\n".join(servers))
    )
    command = ["nginx", "-c", str(file), "-p", str(directory), "-e", str(directory / "nginx.err")]
    with run_on_first_core(command, list(ports.values())) as pid:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        yield Peer("nginx", (pid, *map(int, children)), ports)


@contextlib.contextmanager
def run_go_server(directory: Path, contents: dict[str, bytes], *, tls: bool) -> Iterator[Peer]:
    """Run a Go net/http server on one core."""
    binary = directory / "fileserver"
    if not binary.exists():
        source = HERE / "peers" / "fileserver.go"
        subprocess.run(["go", "build", "-o", str(binary), str(source)], check=True, env={**os.environ, "GOFLAGS": ""})
    with contextlib.ExitStack() as stack:
        ports, pids = {}, []
        for size, content in contents.items():
            file = directory / f"go-{size.replace(' ', '')}.json"
            file.write_bytes(content)
            port = ports[size, tls] = free_port()
            pair = [str(directory / "tls.crt"), str(directory / "tls.key")] if tls else []
            command = ["env", "GOMAXPROCS=1", str(binary), f"127.0.0.1:{port}", str(file), *pair]
            pids.append(stack.enter_context(run_on_first_core(command, [port])))
        yield Peer("Go net/http", tuple(pids), ports)


@contextlib.contextmanager
def run_on_first_core(command: Sequence[str], ports: Sequence[int]) -> Iterator[int]:
    """Run a server on the first core until the block ends; yield its process id once its ports answer."""
    process = subprocess.Popen([*taskset_prefix(0), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        for port in ports:
            while not _answers(port):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"bench: {command[0]} does not start")
                time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def taskset_prefix(core: int) -> list[str]:
    """Return the prefix that keeps a command on one core, where there are several."""
    return ["taskset", "-c", str(core)] if (os.cpu_count() or 1) > 1 and shutil.which("taskset") else []


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
