"""Connections never use up the file descriptors: probes are answered at the limit."""

import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from demo.mount import swap
from serve.running import ask, serving
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


def test_the_probes_are_answered_at_the_limit(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    arguments = ["serve", f"--file={tmp_path}", "--port=0", "--admin-port=0"]
    server = subprocess.Popen([sys.executable, "-c", SERVING, *arguments], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        ports: dict[str, int] = {}
        for line in server.stderr:
            if found := re.search(r"(listening|admin) on http://127\.0\.0\.1:(\d+)", line):
                ports[found[1]] = int(found[2])
            if "listening" in ports:
                break
        with ExitStack() as clients:
            for _ in range(300):
                clients.enter_context(socket.create_connection(("127.0.0.1", ports["listening"]), timeout=10))
            for _ in range(5):
                assert ask("127.0.0.1", ports["admin"], "/healthz").status == 200
    finally:
        server.terminate()
        server.communicate(timeout=20)


def test_a_hang_up_does_not_end_it(tmp_path: Path) -> None:
    swap(tmp_path, {"jwks.json": jwks(EC)})
    with serving(tmp_path) as server:
        server.serves(jwks(EC))
        server.process.send_signal(signal.SIGHUP)
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        server.mount({"jwks.json": jwks(EC)})
        server.serves(jwks(EC))
        assert server.process.poll() is None
