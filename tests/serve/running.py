"""A real `jwks-operator serve` process over a volume, and the plainest of clients."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from demo.mount import swap

JWKS = "/.well-known/jwks.json"


@dataclass(frozen=True)
class Answer:
    """One response, as it was."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Running:
    """The process; `url` is where it listens, `admin` where its admin port is, if it has one."""

    def __init__(self, volume: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self.volume = volume
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            # Most tests end it when nobody asks any more: it drains only where a test says so.
            [sys.executable, "-m", "jwks_operator", "serve", "--drain=0", *arguments, "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environ or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self._wait_for("listening on")
        self.admin = self._found("admin on") or ""
        self.scheme, self.host, self.port = self._place(self.url)

    def mount(self, files: Mapping[str, bytes]) -> None:
        """Swap the volume as the kubelet does."""
        swap(self.volume, files)

    def ask(self, path: str = JWKS, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request on a connection of its own."""
        return ask(self.host, self.port, path, method, headers)

    def ask_admin(self, path: str) -> Answer:
        """Ask the admin port."""
        _, host, port = self._place(self.admin)
        return ask(host, port, path)

    def connect(self) -> socket.socket:
        """Open a bare connection."""
        return socket.create_connection((self.host, self.port), timeout=10)

    def exchange(self, octets: bytes) -> bytes:
        """Send octets, half-close and read until the server closes."""
        with self.connect() as client:
            with suppress(OSError):  # it may have closed after the first octets
                client.sendall(octets)
                client.shutdown(socket.SHUT_WR)
            return read_all(client)

    def serves(self, body: bytes, path: str = JWKS) -> float:
        """Wait until this is what is served; return how long it took."""
        return until(lambda: self.ask(path).body == body)

    def stop(self) -> int:
        """Send SIGTERM and wait."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def close(self) -> None:
        """End it in any case."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def log(self) -> str:
        """What it said so far."""
        return "\n".join(self.lines)

    def rss(self) -> int:
        """Resident memory in octets."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as errors:
            for line in errors:
                self.lines.append(line.decode().rstrip())

    def _wait_for(self, text: str) -> str:
        until(lambda: self._found(text) or self.process.poll() is not None, 30)
        found = self._found(text)
        assert found, self.log
        return found

    def _found(self, text: str) -> str | None:
        return next((line.partition(text)[2].strip() for line in self.lines if text in line), None)

    @staticmethod
    def _place(url: str) -> tuple[str, str, int]:
        found = re.match(r"(https?)://\[?([^/\]]+?)\]?:(\d+)", url)
        assert found, url
        return found[1], found[2], int(found[3])


@contextmanager
def serving(volume: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run the server over `volume`."""
    running = Running(volume, f"--file={volume}", *arguments, environ=environ)
    try:
        yield running
    finally:
        running.close()


def ask(host: str, port: int, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request(method, path, headers={"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def read_all(client: socket.socket) -> bytes:
    """Read until the other side closes or resets."""
    parts = []
    try:
        while part := client.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def answers(octets: bytes) -> list[tuple[int, bytes]]:
    """Split what a connection gave into status and body of each response; all of it must be responses."""
    found, place = [], 0
    while place < len(octets):
        end = octets.find(b"\r\n\r\n", place)
        assert end >= 0, octets[place:]
        head, place = octets[place:end], end + 4
        assert re.match(rb"HTTP/1\.1 \d{3} ", head), head
        status = int(head[9:12])
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        size = int(length[1]) if length and status not in {204, 304} else 0
        assert len(octets) >= place + size
        found.append((status, octets[place : place + size]))
        place += size
    return found


def until(condition: Callable[[], object], seconds: float = 60) -> float:
    """Wait until it holds; return how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.005)
    return time.monotonic() - began
