"""`make bench-sign`: what a token costs through `jwks-operator sign`, beside signing it in the same process.

Both sides make the same token: the payload from the same claims, header, base64url, signature. The figure is CPU time
for a token, client and signer on one core, so that other load on the machine matters little; the ratio is the median
over pairs that alternate.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.mount import swap
from jwks_operator.keys.formats import write_file
from jwks_operator.keys.generate import generate
from jwks_operator.keys.opened_key import OpenedKey, open_entry
from jwks_operator.keys.secret_files import Form

GOALS = {"ES256": 0.6, "RS256": 0.9}
"""Algorithm → the least ratio of bare signing to signing through the socket."""
MOST_MEMORY = 45_000_000
CLAIMS = {
    "iss": "https://auth.example.com",
    "sub": "248289761001",
    "aud": ["https://api.example.com", "https://files.example.com"],
    "scope": "openid profile email offline_access " + " ".join(f"resource{number}:read" for number in range(16)),
    "jti": "01JD8QF4M2X6W0Z5T7N3R9K1B4",
    "client_id": "web-frontend",
}
_JSON = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Result:
    """CPU in µs for a token, medians; and the signer's resident memory in octets."""

    algorithm: str
    bare: float
    through: float
    ratio: float
    rate: float
    memory: int


def main() -> None:
    """Measure and print; exit 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=4000, help="tokens of ES256 in one run; a tenth of them of RS256")
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # client and signer share one core
    missed = False
    for algorithm, goal in GOALS.items():
        tokens = options.tokens if algorithm == "ES256" else options.tokens // 10
        result = measure(algorithm, tokens, options.pairs, options.connections)
        met = result.ratio >= goal and result.memory <= MOST_MEMORY
        missed |= not met
        sys.stdout.write(
            f"{algorithm}: bare {result.bare:.1f} µs, through the socket {result.through:.1f} µs CPU for a token, "
            f"ratio {result.ratio:.2f} (goal {goal}), {result.rate:.0f} tokens/s, {result.memory / 1e6:.1f} MB: "
            f"{'met' if met else 'MISSED'}\n"
        )
    sys.exit(missed)


def measure(algorithm: str, tokens: int, pairs: int, connections: int) -> Result:
    """Compare both ways in turn."""
    generated = generate(algorithm, 2048 if algorithm == "RS256" else None)
    files = {
        "web.kid": generated.kid.encode(),
        "web.alg": algorithm.encode(),
        "web.jwk": write_file(Form.JWK, [(generated.public, generated.private)]),
    }
    key = open_entry(files, "web").signer
    if key is None:
        raise SystemExit("bench: the key does not sign")
    bare, through, rates = list[float](), list[float](), list[float]()
    with run_signer(files) as (process, path), ExitStack() as stack:
        clients = [stack.enter_context(connect(path)) for _ in range(connections)]
        sign_through(process, clients, tokens // 10)
        for _ in range(pairs):
            bare.append(sign_bare(key, tokens))
            cpu, rate = sign_through(process, clients, tokens)
            through.append(cpu)
            rates.append(rate)
        memory = int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    ratio = statistics.median(one / other for one, other in zip(bare, through, strict=True))
    return Result(
        algorithm, statistics.median(bare), statistics.median(through), ratio, statistics.median(rates), memory
    )


def sign_bare(key: OpenedKey, tokens: int) -> float:
    """Return the CPU µs for a token that this process signs itself."""
    began = time.process_time_ns()
    for _ in range(tokens):
        key.sign_compact(_JSON({**CLAIMS, "exp": int(time.time()) + 300}).encode("ascii"), "JWT")
    return (time.process_time_ns() - began) / tokens / 1000


def sign_through(process: int, clients: list[socket.socket], tokens: int) -> tuple[float, float]:
    """Return the signer's CPU µs for a token, and tokens per second."""
    body = json.dumps({"claims": {**CLAIMS, "exp": int(time.time()) + 3000}}).encode()
    request = b"POST /v1/sign HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    began, cpu = time.monotonic(), cpu_of(process)
    for _ in range(tokens // len(clients)):
        for client in clients:
            client.sendall(request)
        for client in clients:
            if not client.recv(65536).startswith(b"HTTP/1.1 200 "):
                raise SystemExit("bench: the signer refused a token")
    done = tokens // len(clients) * len(clients)
    return (cpu_of(process) - cpu) / done / 1000, done / (time.monotonic() - began)


def cpu_of(process: int) -> int:
    """Return the nanoseconds that the main thread of a process has run."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0])


@contextmanager
def run_signer(files: dict[str, bytes]) -> Iterator[tuple[int, Path]]:
    """Run a signer over these files; give its pid and its socket."""
    with tempfile.TemporaryDirectory(prefix="jwks-bench-") as directory:
        volume, path = Path(directory) / "keys", Path(directory) / "sign.sock"
        swap(volume, files)
        command = [sys.executable, "-m", "jwks_operator", "sign", f"--keys={volume}", f"--socket={path}"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            while not path.exists():
                if process.poll() is not None:
                    raise SystemExit("bench: the signer did not start")
                time.sleep(0.05)
            yield process.pid, path
        finally:
            process.terminate()
            process.wait()


@contextmanager
def connect(path: Path) -> Iterator[socket.socket]:
    """Connect."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        yield client


if __name__ == "__main__":
    main()
