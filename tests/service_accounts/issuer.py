"""A real `jwks-operator sign-service-accounts` process over two volumes."""

import json
import signal
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from demo.mount import swap
from jwks_operator.keys.generate import GeneratedKey
from serve.running import until
from service_accounts.oracle import Caller
from sign.running import secret_files

ISSUER = "https://kubernetes.default.svc.cluster.local"


def segment(claims: Mapping[str, object]) -> str:
    """Return claims as the second segment of a token."""
    return urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def claims(**others: object) -> dict[str, object]:
    """Return claims as kube-apiserver asks for."""
    now = int(time.time())
    return {"iss": ISSUER, "sub": "system:serviceaccount:a:b", "iat": now, "nbf": now, "exp": now + 600, **others}


Key = GeneratedKey | Mapping[str, object]


def published(*keys: Key) -> dict[str, bytes]:
    """Return the files of the ConfigMap as the operator writes them."""
    jwks = {"keys": [key.public if isinstance(key, GeneratedKey) else dict(key) for key in keys]}
    return {"jwks.json": json.dumps(jwks).encode()}


class Issuer:
    """The processes at one socket, their volumes, and what they log."""

    def __init__(self, place: Path, *arguments: str) -> None:
        self.private, self.public, self.socket = place / "private", place / "public", place / "run" / "sa.sock"
        self.lines: list[str] = []
        self._arguments = arguments
        self._processes: list[subprocess.Popen[bytes]] = []
        self._readers: list[threading.Thread] = []
        (place / "run").mkdir(exist_ok=True)

    def mount(self, active: GeneratedKey | None, *keys: Key) -> None:
        """Swap both volumes as the kubelet does: the key that signs, and those that are published."""
        swap(self.public, published(*keys))
        swap(self.private, secret_files("signing", active) if active else {})

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a signer and wait until it listens."""
        lines: list[str] = []
        command = [sys.executable, "-m", "jwks_operator", "sign-service-accounts", f"--keys={self.private}"]
        command += [f"--published={self.public / 'jwks.json'}", f"--issuer={ISSUER}", f"--socket={self.socket}"]
        process = subprocess.Popen(
            [*command, *self._arguments, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        reader = threading.Thread(target=self._read, args=(process, lines), daemon=True)
        reader.start()
        self._processes.append(process)
        self._readers.append(reader)
        until(lambda: any("listening on" in line for line in lines) or process.poll() is not None, 240)
        assert process.poll() is None, self.log
        return process

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The newest one."""
        return self._processes[-1]

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def terminate(self) -> None:
        """End it as the kubelet does."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        self.process.kill()
        self.process.wait()

    def hand_over(self) -> None:
        """Let a successor take the socket of the living one, which ends by itself."""
        former = self.process
        self.start("--take-over")
        assert former.wait(60) == 0, self.log

    def caller(self) -> Caller:
        return Caller(self.socket)

    def page(self, path: str) -> tuple[int, str]:
        """Ask the admin port of the newest process."""
        client = HTTPConnection(self.log.rpartition("admin on http://")[2].split()[0], timeout=60)
        try:
            client.request("GET", path)
            response = client.getresponse()
            return response.status, response.read().decode()
        finally:
            client.close()

    def close(self) -> None:
        """End all in any case."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for reader in self._readers:
            reader.join()
        for process in self._processes:
            assert process.stdout is not None
            process.stdout.close()

    def output(self) -> str:
        """Return the standard output of the newest process, which has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read().decode()

    def _read(self, process: subprocess.Popen[bytes], lines: list[str]) -> None:
        assert process.stderr is not None
        with process.stderr as errors:
            for line in errors:
                lines.append(line.decode().rstrip())
                self.lines.append(lines[-1])


@contextmanager
def issuing(
    place: Path,
    active: GeneratedKey | None,
    *keys: GeneratedKey | Mapping[str, object],
    arguments: tuple[str, ...] = (),
) -> Iterator[Issuer]:
    """Run a signer over volumes with these keys."""
    issuer = Issuer(place, *arguments)
    issuer.mount(active, *keys)
    try:
        issuer.start()
        yield issuer
    finally:
        issuer.close()
