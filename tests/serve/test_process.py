"""The process: its start, its end, its workers, and what it never does under load."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from demo.mount import swap
from serve.running import JWKS, Running, serving, until
from serve.sets import EC, RSA, but, jwks

PRIVATE = jwks(but(EC, d="c2VjcmV0LXNlY3JldA"))


def fails(*arguments: str) -> str:
    """Run the command, which must refuse to start; return what it says."""
    command = [sys.executable, "-m", "jwks_operator", "serve", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=30, text=True, check=False)
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_starts_with_nothing_follows_and_ends_on_sigterm(tmp_path: Path) -> None:
    with serving(tmp_path, "--drain=10") as server:
        empty = server.ask()
        assert (empty.status, empty.headers["Retry-After"]) == (503, "5")
        assert server.ask("/readyz").status == 503
        assert b"[-] no set yet" in server.ask("/readyz?verbose").body
        assert server.ask("/healthz").status == 200
        server.mount({"jwks.json": jwks(EC)})
        server.serves(jwks(EC))
        assert server.ask("/readyz").status == 200
        time.sleep(0.2)  # the watch has begun
        delays = []
        for body in (jwks(RSA), jwks(EC, RSA), jwks(EC)):
            server.mount({"jwks.json": body})
            delays.append(server.serves(body))
        assert min(delays) < 0.1
        with server.connect() as idle:
            idle.sendall(b"GET /keys HTTP/1.1\r\nHost: h\r\n\r\n")
            began = time.monotonic()
            assert server.stop() == 0
        assert time.monotonic() - began < 10, "an idle connection does not use up the drain"


def test_a_planted_private_set_is_never_served(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    with serving(tmp_path, "--admin-port=0") as server:
        server.serves(jwks(EC))
        server.mount({"jwks.json": PRIVATE})
        until(lambda: b"[-] the newest content is not served" in server.ask_admin("/readyz?verbose").body)
        assert server.ask().body == jwks(EC)
        assert server.ask_admin("/readyz").status == 200
        metrics = server.ask_admin("/metrics").body
        assert b'jwks_server_loads_refused_total{set=""} 1\n' in metrics
        assert b'jwks_server_set_stale{set=""} 1\n' in metrics
        seen = metrics + server.ask_admin("/readyz?verbose").body + server.log.encode()
        assert b"c2VjcmV0" not in seen
        assert "keys[0]: a member is not public" in server.log


def test_a_planted_first_set_is_not_served_either(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": PRIVATE})
    with serving(tmp_path) as server:
        assert server.ask().status == 503
        assert server.ask("/readyz").status == 503


def test_several_sets_and_an_admin_port(tmp_path: Path) -> None:
    swap(tmp_path / "one", {"jwks.json": jwks(EC)})
    swap(tmp_path / "two", {"jwks.json": jwks(RSA)})
    arguments = [f"--set=one={tmp_path}/one", f"--set=two={tmp_path}/two", "--admin-port=0"]
    server = Running(tmp_path, *arguments)
    try:
        assert server.ask("/one/keys").body == jwks(EC)
        assert server.ask(f"/two{JWKS}").body == jwks(RSA)
        assert [server.ask(path).status for path in ("/keys", "/healthz", "/readyz", "/metrics")] == [404] * 4
        assert [server.ask_admin(path).status for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
        assert server.ask_admin("/two/keys").status == 404
        metrics = server.ask_admin("/metrics").body
        for line in (b'set_keys{set="one"} 1', b'set_loaded{set="two"} 1', b'requests_total{code="200"} 2'):
            assert b"jwks_server_" + line + b"\n" in metrics
    finally:
        server.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_load_sees_old_or_new_and_nothing_in_between(tmp_path: Path, workers: int) -> None:
    versions = [jwks(EC, *(but(RSA, kid=f"{number}-{each}") for each in range(number % 5))) for number in range(30)]
    swap(tmp_path, {"jwks.json": versions[0]})
    with serving(tmp_path, f"--workers={workers}") as server:
        server.serves(versions[0])
        load = Load(server, 16)
        for version in versions[1:]:
            server.mount({"jwks.json": version})
            time.sleep(0.03)
        until(lambda: server.ask().body == versions[-1])
        time.sleep(0.1)
        load.end()
    assert load.errors == []
    assert set(load.bodies) <= set(versions)
    assert len(load.bodies) > 3
    assert load.bodies.total() > 500


def test_sigterm_under_load_loses_no_request(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    with serving(tmp_path, "--drain=10") as server:
        load = Load(server, 16)
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)  # the time it takes until nobody sends requests here any more
        load.end()
        assert server.process.wait(10) == 0
    assert load.errors == []
    assert set(load.bodies) == {jwks(EC)}
    assert load.closed > 0  # they were asked to go elsewhere


class Load:
    """Clients in threads that ask one request after another on kept connections, until `end`."""

    def __init__(self, server: Running, clients: int) -> None:
        self.bodies: Counter[bytes] = Counter()
        self.errors: list[str] = []
        self.closed = 0
        self._lock = threading.Lock()
        self._server = server
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop asking."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._server.host, self._server.port, timeout=10)
        while not self._ended.is_set():
            try:
                connection.request("GET", JWKS)
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                with self._lock:
                    self.errors.append(repr(error))
                return
            with self._lock:
                self.bodies[body] += 1
                self.closed += response.will_close
        connection.close()


def counted(server: Running) -> int:
    found = re.search(rb"_duration_seconds_count (\d+)", server.ask_admin("/metrics").body)
    assert found
    return int(found[1])


def test_a_worker_that_dies_is_replaced_and_none_is_missed(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    with serving(tmp_path, "--workers=2", "--admin-port=0", "--drain=2") as server:
        until(lambda: server.ask_admin("/readyz").status == 200)
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        assert len(children) == 2
        os.kill(int(children[0]), signal.SIGKILL)
        until(lambda: server.ask_admin("/readyz").status == 503)
        assert server.ask().body == jwks(EC)
        until(lambda: server.ask_admin("/readyz").status == 200)
        for _ in range(20):
            assert server.ask().status == 200
        until(lambda: counted(server) >= 20)  # the supervisor asks its workers each second
        assert b"jwks_server_workers 2\n" in server.ask_admin("/metrics").body
        assert server.stop() == 0


def test_workers_end_with_their_supervisor(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    with serving(tmp_path, "--workers=2", "--drain=0.5") as server:
        server.serves(jwks(EC))
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        server.process.kill()
        server.process.wait()
        until(lambda: not any(_lives(int(child)) for child in children))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_too_many_connections_are_told_so(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    with serving(tmp_path, "--max-connections=3", "--admin-port=0") as server:
        crowd = [server.connect() for _ in range(3)]
        refused = server.ask()
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        for client in crowd:
            client.close()
        until(lambda: server.ask().status == 200)
        assert b"jwks_server_connections_rejected_total 0\n" not in server.ask_admin("/metrics").body


def test_the_access_log_is_json_and_holds_no_query(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    with serving(tmp_path, "--access-log") as server:
        server.ask("/keys?token=c2VjcmV0")
        server.ask("/nothing", headers={"Authorization": "c2VjcmV0"})
        assert server.process.stdout is not None
        lines = [json.loads(server.process.stdout.readline()) for _ in range(2)]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/keys", 200),
        ("GET", "/nothing", 404),
    ]
    assert lines[0]["bytes"] == len(jwks(EC))
    assert "c2VjcmV0" not in json.dumps(lines)


def test_it_starts_without_what_it_does_not_need_and_stays_small(tmp_path: Path) -> None:
    heavy = {"kopf", "kubernetes", "pydantic", "cryptography", "aiohttp", "yaml"}
    code = f"import sys, jwks_operator.serve.serve_command; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    swap(tmp_path, {"jwks.json": jwks(EC)})
    with serving(tmp_path, environ={"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}) as server:
        server.serves(jwks(EC))
        assert server.rss() < 45_000_000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "what to serve?"),
        (["--set=a/b=/x"], "is not NAME=VALUE"),
        (["--set=one=/x", "--set=one=/y"], "two sets have the same name"),
        (["--watch-configmap=a/b", "--watch-configmap=c/d"], "two sets have the same name"),
        (["--file=/x", "--set=shop=/y"], "a set without a name is served alone"),
        (["--watch-configmap=a/b", "--set=shop=/y"], "a set without a name is served alone"),
        (["--file=/x", "--watch-configmap=shop=a/b"], "a set without a name is served alone"),
        (["--set=healthz=/x"], "the path of a probe"),
        (["--watch-configmap=metrics=a/b"], "the path of a probe"),
        (["--watch-configmap=auth"], "NAMESPACE/NAME"),
        (["--file=/x", "--tls-cert=/x"], "belong together"),
        (["--file=/x", "--tls-cert=/nothing", "--tls-key=/nothing", "--port=0"], "cannot be read"),
    ],
)
def test_a_command_line_without_sense_is_refused(arguments: list[str], says: str) -> None:
    assert says in fails(*arguments)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_taken_port_is_said_plainly(tmp_path: Path, workers: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = fails(f"--file={tmp_path}", f"--port={port}", f"--workers={workers}")
    assert f"cannot listen on 127.0.0.1 port {port}" in said


def test_the_clock_of_the_answers_goes_on(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    with serving(tmp_path) as server:
        first = server.ask().headers["Date"]
        until(lambda: server.ask().headers["Date"] != first, 2)
