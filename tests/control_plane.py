"""Fixtures for tests on a real API server: one control plane for the whole test session, also under pytest-xdist.

Whichever worker has collected its tests first starts it as a process of its own, before any test's time runs. That
process lives as long as the main pytest process holds a pipe open, so it ends with the session however that ends. It
is shared: a test must not stop it or leave cluster-wide objects behind; for faults start another one with
`ControlPlane.start()`. Namespaces stay until it ends: the deletion of one costs the API server seventy requests.
"""

import fcntl
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest

from controlplane import Access, ControlPlaneError
from controlplane.build import resolve_binaries

SESSION = "CONTROL_PLANE_SESSION"  # environment variable: directory shared by the workers of one session
HACK = Path(__file__).parents[1] / "hack"


@pytest.fixture(scope="session")
def control_plane() -> Access:
    """The session's control plane, ready and with an audit log."""
    session = Path(os.environ[SESSION])
    _start_once(session)  # for those who ask for this fixture by its name, while they run
    if not (kubeconfig := _kubeconfig(session)):
        raise ControlPlaneError((session / "err").read_text())
    return Access.attach(kubeconfig)


@pytest.fixture
def namespace(control_plane: Access, request: pytest.FixtureRequest) -> str:
    """A new namespace, named after the test."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    name = f"{words[:40]}-{secrets.token_hex(4)}"
    control_plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


def pytest_configure(config: pytest.Config) -> None:
    """In the main process, make the session's directory and hold its pipe open until the end."""
    if hasattr(config, "workerinput"):
        return
    session = Path(tempfile.mkdtemp(prefix="control-plane-session-"))
    os.mkfifo(session / "life")
    life = os.open(session / "life", os.O_RDWR)
    os.environ[SESSION] = str(session)
    config.add_cleanup(lambda: _end(session, life))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build missing binaries and start the control plane here, where the progress can be seen."""
    if any(map(_uses_control_plane, session.items)) and not session.config.option.collectonly:
        with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            resolve_binaries()
        _start_once(Path(os.environ[SESSION]))


def _uses_control_plane(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "control_plane" in item.fixturenames


def _start_once(session: Path) -> None:
    """Start the control plane unless another worker has."""
    with (session / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (session / "out").exists():
            _start(session)


def _start(session: Path) -> None:
    """Start the control plane in the background and wait until it is ready or has failed.

    Not by `subprocess`: this process may end before that one, and nobody here waits for it.
    """
    writing = os.O_WRONLY | os.O_CREAT
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "controlplane", "up", "--audit", "--until-stdin-closes"],
        {**os.environ, "PYTHONPATH": str(HACK)},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, str(session / "life"), os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(session / "out"), writing, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, str(session / "err"), writing, 0o600),
        ],
        setpgroup=0,  # a terminal's Ctrl-C is for pytest alone
    )
    while not _kubeconfig(session) and os.waitpid(pid, os.WNOHANG) == (0, 0):
        time.sleep(0.05)


def _kubeconfig(session: Path) -> Path | None:
    """What the control plane printed when it was ready."""
    out = session / "out"
    found = re.fullmatch(r"KUBECONFIG=(.+)\n", out.read_text()) if out.exists() else None
    return Path(found[1]) if found else None


def _end(session: Path, life: int) -> None:
    """Let go of the pipe and wait until the control plane has removed itself."""
    os.close(life)
    kubeconfig = _kubeconfig(session)
    end = time.monotonic() + 30
    while kubeconfig and kubeconfig.parent.exists() and time.monotonic() < end:
        time.sleep(0.05)
    shutil.rmtree(session)
