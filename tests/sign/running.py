"""A real `jwks-operator sign` process over a volume, and the plainest of clients."""

import functools
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.mount import swap
from jwks_operator.keys.formats import write_file
from jwks_operator.keys.generate import GeneratedKey, generate
from jwks_operator.keys.secret_files import ALG, FILES, KID, Form
from serve.running import until

UID = os.geteuid()


def make_key(algorithm: str, number: int = 0) -> GeneratedKey:
    """Generate a key; the same arguments give the same key within a process."""
    return _generated(algorithm, number)


@functools.cache
def _generated(algorithm: str, _: int) -> GeneratedKey:
    return generate(algorithm)


def secret_files(
    entry: str, active: GeneratedKey, form: Form = Form.JWK, retired: tuple[GeneratedKey, ...] = ()
) -> dict[str, bytes]:
    """Return the files of an entry as the operator writes them."""
    file = next(each for each in FILES if each.form is form)
    pairs = [(each.public, each.private) for each in (active, *retired)]
    return {
        KID.name_for(entry): active.kid.encode(),
        ALG.name_for(entry): active.algorithm.encode(),
        file.name_for(entry): write_file(form, pairs),
    }


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body)
        return found

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.json["cure"]
        return str(self.json["type"]).rpartition(":")[2]


class Client(http.client.HTTPConnection):
    """HTTP/1.1 over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))  # with a timeout it would not wait for room in the backlog: EAGAIN, unix(7)
        self.sock.settimeout(60)

    def post(self, body: object, path: str = "/v1/sign", method: str = "POST") -> Answer:
        """Send one request and read its answer; a body that is not bytes is sent as JSON."""
        self.request(method, path, body if isinstance(body, bytes) else json.dumps(body))
        response = self.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())


class Signer:
    """The process, its volume and its socket."""

    def __init__(self, place: Path, *arguments: str, prefix: tuple[str, ...] = ()) -> None:
        self.volume, self.socket = place / "keys", place / "run" / "sign.sock"
        self.lines: list[str] = []
        # Most tests end it when nobody asks any more: it drains only where a test says so.
        command = [*prefix, sys.executable, "-m", "jwks_operator", "sign", "--drain=0"]
        self.process = subprocess.Popen(
            [*command, f"--keys={self.volume}", f"--socket={self.socket}", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self) -> None:
        """Wait until it listens; a machine that is busy may need minutes."""
        until(lambda: "listening on" in self.log or self.process.poll() is not None, 240)
        assert self.process.poll() is None, self.log

    def mount(self, files: Mapping[str, bytes]) -> None:
        """Swap the volume as the kubelet does."""
        swap(self.volume, files)

    def client(self) -> Client:
        return Client(self.socket)

    def post(self, body: object, path: str = "/v1/sign", method: str = "POST") -> Answer:
        """Send one request on a connection of its own."""
        client = self.client()
        try:
            return client.post(body, path, method)
        finally:
            client.close()

    def ask_admin(self, path: str) -> Answer:
        """Ask the admin port."""
        address = self.log.partition("admin on http://")[2].split()[0]
        client = http.client.HTTPConnection(address, timeout=60)
        try:
            client.request("GET", path)
            response = client.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            client.close()

    def stop(self) -> int:
        """Send SIGTERM and wait."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        self.process.kill()
        self.process.wait()

    def output(self) -> str:
        """Return the whole standard output of a process that has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read().decode()

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def close(self) -> None:
        """End it in any case."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as errors:
            for line in errors:
                self.lines.append(line.decode().rstrip())


@contextmanager
def signing(place: Path, files: Mapping[str, bytes], *arguments: str, prefix: tuple[str, ...] = ()) -> Iterator[Signer]:
    """Run a signer over a volume with these files."""
    for name in ("keys", "run"):
        (place / name).mkdir(exist_ok=True)
    if files:
        swap(place / "keys", files)
    signer = Signer(place, *arguments, prefix=prefix)
    try:
        signer.start()
        yield signer
    finally:
        signer.close()


def claims(**others: object) -> dict[str, object]:
    """Return claims that live for five minutes."""
    return {"iss": "https://auth.example.com", "sub": "user-1", "exp": int(time.time()) + 300, **others}
