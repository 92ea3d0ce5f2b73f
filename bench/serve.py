"""`make bench-serve`: requests per second and p99 beside nginx, in pairs, in one run.

Needs nginx and wrk (Debian: apt install nginx-light wrk). Each case runs both servers several times in turn, the
order alternating; the ratio is the median of the ratios of the pairs. Server and load generator have a core each.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

import serve_peers
from serve_peers import Peer, taskset_prefix
from serve_report import write_report

Starter = Callable[..., AbstractContextManager[Peer]]
HEADERS = {"User-Agent": "Go-http-client/1.1", "Accept": "application/json", "Accept-Encoding": "identity"}
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked for: which set, on how many connections, 200 or 304, with TLS or not."""

    size: str
    connections: int
    status: int
    tls: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the load generator: requests a second, p99 in milliseconds, the server's CPU µs for a request."""

    rate: float
    p99: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Result:
    """One case of one peer against ours; ratios are ours divided by theirs, medians over the pairs."""

    case: Case
    peer: str
    ours: Measured
    theirs: Measured
    rate_ratio: float
    p99_ratio: float
    cpu_ratio: float
    rate_ratios: list[float]


def main() -> None:
    """Measure, print, and write docs/serving-performance.md if asked to."""
    parser = argparse.ArgumentParser(prog="make bench-serve", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test: two cases, one short pair")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one run")
    parser.add_argument("--apiserver", action="store_true", help="also kube-apiserver's /openid/v1/jwks")
    parser.add_argument("--write", type=Path, help="directory for serving-performance.md and .json")
    options = parser.parse_args()
    for tool, package in (("nginx", "nginx-light"), ("wrk", "wrk")):
        if shutil.which(tool) is None:
            raise SystemExit(f"bench: {tool} is missing; on Debian: apt install {package}")
    pairs, seconds = (1, 0.7) if options.quick else (options.pairs, options.seconds)
    extra = [measure_apiserver(seconds)] if options.apiserver else []
    with tempfile.TemporaryDirectory(prefix="jwks-bench-") as directory:
        results, memory = measure(Path(directory), list(list_cases(quick=options.quick)), pairs, seconds)
    document = {
        "machine": describe_machine(),
        "pairs": pairs,
        "seconds": seconds,
        "results": [asdict(result) for result in results],
        "rss_mb": memory,
        "apiserver": [asdict(one) for one in extra],
    }
    if options.write:
        (options.write / "serving-performance.json").write_text(json.dumps(document, indent=1) + "\n")
    text = write_report(document)
    sys.stdout.write(text)
    if options.write:
        (options.write / "serving-performance.md").write_text(text)


def list_cases(*, quick: bool) -> Iterator[Case]:
    """Yield what is measured."""
    if quick:
        yield from (Case("1.2 kB", 64, 200, tls=False), Case("1.2 kB", 64, 304, tls=False))
        return
    for tls in (False, True):
        for size in ("1.2 kB", "12 kB"):
            for connections in (64, 512):
                yield Case(size, connections, 200, tls)
        for connections in (64, 512):
            yield Case("1.2 kB", connections, 304, tls)


def measure(directory: Path, wanted: list[Case], pairs: int, seconds: float) -> tuple[list[Result], dict[str, float]]:
    """Run all cases against all peers that are here."""
    serve_peers.make_certificate(directory)
    contents = serve_peers.make_sets()
    starters: list[Starter] = [serve_peers.run_nginx, *([serve_peers.run_go_server] if shutil.which("go") else [])]
    results, memory = list[Result](), dict[str, float]()
    for tls in sorted({case.tls for case in wanted}):
        with contextlib.ExitStack() as stack:
            own = stack.enter_context(serve_peers.run_jwks_server(directory, contents, tls=tls))
            peers = [stack.enter_context(starter(directory, contents, tls=tls)) for starter in starters]
            for case in (case for case in wanted if case.tls == tls):
                for peer in peers:
                    enough = pairs if peer.name == "nginx" else 1
                    results.append(compare(case, own, peer, (enough, seconds)))
                    sys.stderr.write(f"{case} {peer.name}: {results[-1].rate_ratio:.2f}\n")
            for peer in (own, *peers):
                count = len(contents) if peer.name != "nginx" else 1
                memory[f"{peer.name}{', TLS' if tls else ''}"] = round(peer.rss() / count, 1)
    return results, memory


def compare(case: Case, own: Peer, peer: Peer, effort: tuple[int, float]) -> Result:
    """Run both in turn, `effort` = (pairs, seconds of a run)."""
    found: dict[str, list[Measured]] = {own.name: [], peer.name: []}
    for number in range(effort[0]):
        order = (own, peer) if number % 2 == 0 else (peer, own)
        for each in order:
            found[each.name].append(run(each, case, effort[1]))
    both = list(zip(found[own.name], found[peer.name], strict=True))
    rates = [mine.rate / theirs.rate for mine, theirs in both]
    p99s = [mine.p99 / theirs.p99 for mine, theirs in both]
    cpus = [mine.cpu / theirs.cpu for mine, theirs in both]
    return Result(
        case, peer.name, _median(found[own.name]), _median(found[peer.name]),
        round(statistics.median(rates), 3), round(statistics.median(p99s), 3),
        round(statistics.median(cpus), 3), [round(rate, 3) for rate in rates],
    )  # fmt: skip


def run(peer: Peer, case: Case, seconds: float) -> Measured:
    """Run the load generator once against a peer; once more if the machine had no time for it.

    Hundreds of TLS handshakes take most of a second of both cores before the first request: they get it on top.
    """
    if case.tls:
        seconds += case.connections / 256
    for _ in range(5):
        before = peer.cpu()
        rate, p99, count = run_load(peer.url(case.size, tls=case.tls), case, seconds)
        if count > 100:
            return Measured(rate, p99, (peer.cpu() - before) / count * 1e6)
    raise SystemExit(f"bench: {peer.name} answers hardly anything")


def run_load(url: str, case: Case, seconds: float, headers: dict[str, str] | None = None) -> tuple[float, float, int]:
    """Return requests a second, p99 in ms, and how many; every answer must have the status of the case."""
    asked = HEADERS | (headers or {})
    context = ssl._create_unverified_context()  # noqa: S323 - our own certificate on loopback
    with urllib.request.urlopen(urllib.request.Request(url, headers=asked), context=context) as response:  # noqa: S310 - loopback
        etag = response.headers["ETag"]
    if case.status == 304:
        asked["If-None-Match"] = etag
    lines = [part for name, value in asked.items() for part in ("-H", f"{name}: {value}")]
    whole = max(1, round(seconds))
    command = ["wrk", "-t1", f"-c{case.connections}", f"-d{whole}s", "--latency", *lines, url]
    done = subprocess.run([*taskset_prefix(1), *command], capture_output=True, text=True, check=True)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if rate is None or p99 is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"bench: {url} did not answer as it should:\n{done.stdout}")
    count = re.search(r"(\d+) requests in", done.stdout)
    return float(rate[1]), float(p99[1]) * _UNITS[p99[2]], int(count[1]) if count else 0


def measure_apiserver(seconds: float) -> Measured:
    """Measure kube-apiserver's own endpoint, which is HTTPS and asks for a token."""
    from controlplane import ControlPlane  # noqa: PLC0415 - only who asks for it needs a control plane

    with ControlPlane.start() as plane:
        token = {"Authorization": f"Bearer {plane.admin_token}", "Accept": "application/jwk-set+json"}
        rate, p99, _ = run_load(f"{plane.url}/openid/v1/jwks", Case("", 64, 200, tls=True), seconds, token)
        return Measured(rate, p99, 0)


def describe_machine() -> str:
    """Say what this ran on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    versions = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr.strip()
    return (
        f"{os.cpu_count()} cores ({cpu[1] if cpu else platform.machine()}), Linux {platform.release()}, "
        f"Python {platform.python_version()}, {versions.removeprefix('nginx version: ')}; load average "
        f"{os.getloadavg()[0]:.1f} at the end"
    )


def _median(found: list[Measured]) -> Measured:
    return Measured(
        round(statistics.median(one.rate for one in found)),
        round(statistics.median(one.p99 for one in found), 2),
        round(statistics.median(one.cpu for one in found), 1),
    )


if __name__ == "__main__":
    main()
