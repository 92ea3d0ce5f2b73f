"""Connections never use up the file descriptors: probes are answered at the limit."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import pytest

from demo.mount import swap
from serve.running import ask, read_all, serving, until
from serve.sets import EC, jwks

LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from jwks_operator.serve.descriptors import allow_connections
print(allow_connections({wanted}), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def allowed(soft: int, hard: int, wanted: int) -> tuple[int, int]:
    code = LIMITED.format(soft=soft, hard=hard, wanted=wanted)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    connections, limit = done.stdout.split()
    return int(connections), int(limit)


def test_the_soft_limit_is_raised_as_far_as_is_needed_and_allowed() -> None:
    assert allowed(256, 4096, 1000) == (1000, 1128)
    assert allowed(256, 512, 1000) == (512 - 128, 512)
    assert allowed(1024, 1024, 100) == (100, 1024)


SERVING = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
from jwks_operator.__main__ import main
main()
"""


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[dict[str, int]]:
    """Where a server with 256 descriptors listens, and its admin port; it takes 128 connections then."""
    swap(tmp_path, {"jwks.json": jwks(EC)})
    arguments = ["serve", f"--file={tmp_path}", "--port=0", "--admin-port=0"]
    server = subprocess.Popen([sys.executable, "-c", SERVING, *arguments], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        found = (re.search(r"(listening|admin) on http://127\.0\.0\.1:(\d+)", line) for line in server.stderr)
        yield {match[1]: int(match[2]) for match in islice(filter(None, found), 2)}
    finally:
        server.terminate()
        server.communicate(timeout=20)


def test_the_probes_are_answered_at_the_limit(ports: dict[str, int]) -> None:
    with ExitStack() as clients:
        for number in range(1, 301):
            clients.enter_context(connect(ports["listening"]))
            if number % 20 == 0:
                assert ask("127.0.0.1", ports["admin"], "/healthz").status == 200
        until(lambda: counted(ports, "accepted") + counted(ports, "rejected") == 300)
        assert counted(ports, "accepted") == 128
        assert ask("127.0.0.1", ports["admin"], "/healthz").status == 200


def test_of_many_refused_clients_the_newest_are_told_so(ports: dict[str, int]) -> None:
    with ExitStack() as clients:
        for _ in range(128):
            clients.enter_context(connect(ports["listening"]))
        refused = [clients.enter_context(connect(ports["listening"])) for _ in range(100)]
        until(lambda: counted(ports, "rejected") == 100)
        assert read_all(refused[-1]).startswith(b"HTTP/1.1 503 ")


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def counted(ports: dict[str, int], what: str) -> int:
    page = ask("127.0.0.1", ports["admin"], "/metrics").body
    found = re.search(rb"^jwks_server_connections_%s_total (\d+)" % what.encode(), page, re.MULTILINE)
    assert found, page
    return int(found[1])


def test_a_hang_up_does_not_end_it(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    with serving(tmp_path) as server:
        server.serves(jwks(EC))
        for count in (1, 2):
            server.process.send_signal(signal.SIGHUP)
            until(lambda: server.log.count("SIGHUP: nothing to do") == count)  # noqa: B023 - now
        server.mount({"jwks.json": jwks(EC)})
        server.serves(jwks(EC))
        assert server.process.poll() is None
