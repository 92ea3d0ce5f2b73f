"""A control plane of the test's own: it starts, survives faults and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from controlplane import Access, ControlPlane, ControlPlaneError
from controlplane.processes import free_ports

HACK = Path(__file__).parents[3] / "hack"


def processes_of(directory: Path) -> list[str]:
    """Command lines of all running processes that name the directory."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it may end meanwhile
            lines.append(entry.read_bytes().replace(b"\0", b" ").decode())
    return [line for line in lines if str(directory) in line]


def vanished(directory: Path, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while directory.exists() or processes_of(directory):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _heed_interrupts() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def up(*arguments: str, stdin: int = subprocess.DEVNULL) -> Iterator[tuple[subprocess.Popen[str], Access]]:
    """`python -m controlplane up` as a child; ended if the test has not done so."""
    environ = {**os.environ, "PYTHONPATH": str(HACK)}
    command = [sys.executable, "-m", "controlplane", "up", *arguments]
    with subprocess.Popen(
        command,
        env=environ,
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509 - nothing forks beside it
    ) as process:
        try:
            assert process.stdout is not None
            printed = process.stdout.readline()
            assert printed.startswith("KUBECONFIG="), "it did not start"
            yield process, Access.attach(Path(printed.strip().removeprefix("KUBECONFIG=")))
        finally:
            process.terminate()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_up_ends_in_good_order_at_a_signal(signum: signal.Signals) -> None:
    with up() as (process, access):
        assert len(processes_of(access.directory)) == 4  # three servers and the watcher
        process.send_signal(signum)
        assert process.wait(60) == 0
        assert not access.directory.exists()
        assert processes_of(access.directory) == []


def test_a_killed_parent_leaves_no_process_and_no_directory() -> None:
    with up() as (process, access):
        process.kill()
        process.wait()
        assert vanished(access.directory, 10)


def test_a_server_that_dies_by_itself_is_noticed() -> None:
    with ControlPlane.start() as plane:
        plane.check()
        pid = plane.pids()["kube-controller-manager"]
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(ControlPlaneError, match="kube-controller-manager ended with status -9"):
            plane.check()


def test_run_sets_kubeconfig_and_passes_the_status_on() -> None:
    environ = {**os.environ, "PYTHONPATH": str(HACK)}
    script = "kubectl auth whoami -o name --v=0 >/dev/null && dirname $KUBECONFIG && exit 7"
    command = [sys.executable, "-m", "controlplane", "run", "--", "sh", "-c", script]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 7, done.stderr
    assert not Path(done.stdout.strip()).exists()


def test_data_and_address_survive_a_crash_of_the_api_server() -> None:
    with ControlPlane.start() as plane:
        url = plane.url
        plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": "kept"}})

        plane.kill_apiserver()
        with pytest.raises(ControlPlaneError, match="no answer"):
            plane.api("GET", "/api/v1/namespaces/kept")
        plane.start_apiserver()

        assert plane.url == url
        assert plane.api("GET", "/api/v1/namespaces/kept")["status"]["phase"] == "Active"
        plane.restart_apiserver()
        assert plane.is_ready()
    assert processes_of(plane.directory) == []


def test_a_port_that_is_taken_meanwhile_costs_another_try() -> None:
    class SecondTry(Exception):
        """Seen enough: that other ports start is shown by all other tests."""

    with socket.create_server(("127.0.0.1", 0)) as taken:
        tries = iter([[taken.getsockname()[1], *free_ports(2)]])

        def ports(count: int) -> list[int]:
            try:
                return next(tries)
            except StopIteration:
                raise SecondTry from None

        with pytest.raises(SecondTry):
            ControlPlane.start(ports=ports)


def test_a_flag_the_api_server_does_not_know_is_reported_with_its_words() -> None:
    with pytest.raises(ControlPlaneError, match="unknown flag: --nonsense"):
        ControlPlane.start(apiserver_flags=["--nonsense"])
