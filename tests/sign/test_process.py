"""The process: who may call, its socket, its memory, its counters and its audit log."""

import hashlib
import json
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.mount import swap
from jwks_operator.sign.usage import MOST_JTI
from serve.running import read_all, until
from sign.running import UID, Answer, claims, make_key, secret_files, signing

KEY = make_key("ES256")
FILES = secret_files("web", KEY)
NOBODY = 65534
AS_ROOT = pytest.mark.skipif(UID != 0, reason="only root can become another user")

BECOME = f"import os; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})"
"""Once it runs, Python needs no more of the files that another user may not read."""

CALL = """
import socket, sys
%s
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(60)
    try:
        client.connect(sys.argv[1])
    except OSError as error:
        sys.exit(error.strerror)
    print(client.recv(65536).decode())
"""
READ = """
import sys
%s
open(f"/proc/{sys.argv[1]}/mem", "rb")
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user can enter, as pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="jwks-sign-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def run_as_nobody(script: str, argument: object) -> subprocess.CompletedProcess[str]:
    """Run a script as another user."""
    command = [sys.executable, "-c", script % BECOME, str(argument)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def refuses(*arguments: str) -> str:
    """Run the command, which must refuse to start; return what it says."""
    command = [sys.executable, "-m", "jwks_operator", "sign", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=240, text=True, check=False)
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    return done.stderr


def test_only_allowed_users_are_answered(tmp_path: Path) -> None:
    with signing(tmp_path, FILES, "--allow-uid=4711", "--admin-port=0") as signer:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(signer.socket))
            told = read_all(client)
        assert told.startswith(b"HTTP/1.1 403 ")
        assert b"--allow-uid" in told
        until(lambda: b'uses_total{entry="",kid="",uid="-1",outcome="caller"} 1' in signer.ask_admin("/metrics").body)


@AS_ROOT
def test_another_user_needs_the_mode_and_the_list(place: Path) -> None:
    with signing(place, FILES) as signer:
        assert "Permission denied" in run_as_nobody(CALL, signer.socket).stderr
    with signing(place, FILES, "--socket-mode=0666") as signer:
        assert "HTTP/1.1 403 " in run_as_nobody(CALL, signer.socket).stdout


def test_the_socket_has_its_mode_from_the_start_and_goes_with_the_signer(tmp_path: Path) -> None:
    with signing(tmp_path, FILES, "--socket-mode=0620", "--drain=5") as signer:
        assert stat.S_IMODE(signer.socket.stat().st_mode) == 0o620
        assert signer.stop() == 0
        assert not signer.socket.exists()


def test_a_stale_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    with signing(tmp_path, FILES) as killed:
        killed.kill()
        assert killed.socket.exists()
        with signing(tmp_path, FILES) as signer:
            arguments = (f"--keys={signer.volume}", f"--socket={signer.socket}")
            assert "another signer listens" in refuses(*arguments)
            assert signer.post({"claims": claims()}).status == 200


def test_what_cannot_work_is_told_at_the_start(tmp_path: Path) -> None:
    assert "shorter path" in refuses("--keys=/x", f"--socket=/tmp/{'x' * 120}")
    assert "cannot listen" in refuses("--keys=/x", f"--socket={tmp_path}/no/such/directory")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refuses(f"--keys={tmp_path}", f"--socket={tmp_path / 's'}", f"--admin-port={port}")
    assert "cannot start: Address already in use" in told.replace("address", "Address")
    assert "not an octal mode" in refuses("--keys=/x", "--socket=/x", "--socket-mode=rw")


def test_no_core_dump_has_the_keys_and_the_memory_belongs_to_root(tmp_path: Path) -> None:
    with signing(tmp_path, FILES) as signer:
        proc = Path(f"/proc/{signer.process.pid}")
        assert re.search(r"Max core file size +0 +0 ", (proc / "limits").read_text())
        assert (proc / "mem").stat().st_uid == 0


@AS_ROOT
def test_another_process_of_the_same_user_cannot_read_the_memory(place: Path) -> None:
    swap(place / "keys", FILES)
    (place / "run").mkdir()
    for path in (place / "keys", *(place / "keys").rglob("*"), place / "run"):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    become = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    with signing(place, {}, prefix=become) as signer:
        assert "PermissionError" in run_as_nobody(READ, signer.process.pid).stderr


def test_uses_are_counted_by_entry_kid_user_and_outcome(tmp_path: Path) -> None:
    with signing(tmp_path, FILES, "--admin-port=0") as signer:
        for _ in range(3):
            signer.post({"claims": claims()})
        signer.post({"claims": {}})
        page = signer.ask_admin("/metrics").body.decode()
        labels = f'entry="web",kid="{KEY.kid}",uid="{UID}"'
        assert f'jwks_signer_uses_total{{{labels},outcome="ok"}} 3' in page
        assert f'jwks_signer_uses_total{{{labels},outcome="no-exp"}} 1' in page
        assert f'jwks_signer_key_active{{entry="web",kid="{KEY.kid}",alg="ES256"}} 1' in page
        assert f'jwks_signer_key_last_use_timestamp_seconds{{entry="web",kid="{KEY.kid}"}} 1' in page
        assert "jwks_signer_request_duration_seconds_count 4" in page
        assert signer.ask_admin("/readyz").status == 200


def test_a_signer_without_a_key_is_not_ready(tmp_path: Path) -> None:
    with signing(tmp_path, {}, "--admin-port=0") as signer:
        assert signer.ask_admin("/readyz").status == 503
        assert signer.ask_admin("/healthz").status == 200
        signer.mount(FILES)
        until(lambda: signer.ask_admin("/readyz").status == 200)


def test_the_audit_log_has_a_line_for_each_use_and_neither_payload_nor_token(tmp_path: Path) -> None:
    with signing(tmp_path, FILES, "--audit-log") as signer:
        token = str(signer.post({"claims": claims(jti="token-1", secret="not for logs")}).json["token"])
        signer.post({"claims": {}})
        signer.stop()
        output = signer.output()
    payload = token.split(".")[1]
    octets = urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    (line,) = [json.loads(each) for each in output.splitlines()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line.pop("time"))
    assert line == {
        "use": "sign", "entry": "web", "kid": KEY.kid, "uid": UID, "jti": "token-1",
        "sha256": hashlib.sha256(octets).hexdigest(),
    }  # fmt: skip
    assert "not for logs" not in output
    assert payload not in output


def test_a_use_that_cannot_be_logged_gives_no_token(tmp_path: Path) -> None:
    with signing(tmp_path, FILES, "--audit-log") as signer:
        assert signer.process.stdout is not None
        signer.process.stdout.close()  # its reader is gone: EPIPE
        refused = signer.post({"claims": claims()})
        assert (refused.status, refused.code) == (503, "audit")


def test_a_full_pipe_refuses_uses_and_stops_nothing(tmp_path: Path) -> None:
    with signing(tmp_path, FILES, "--audit-log", "--admin-port=0") as signer:
        client, answers = signer.client(), list[Answer]()
        while len(answers) < 5000 and (not answers or answers[-1].status == 200):
            answers.append(client.post({"claims": claims(jti="x" * 4096)}))
        assert (answers[-1].status, answers[-1].code) == (503, "audit")
        assert signer.ask_admin("/healthz").status == 200
        assert signer.process.stdout is not None
        for _ in answers[:-1]:
            assert len(json.loads(signer.process.stdout.readline())["jti"]) == MOST_JTI
        assert client.post({"claims": claims()}).status == 200
        client.close()


def test_resident_memory_stays_within_45_mb(tmp_path: Path) -> None:
    with signing(tmp_path, FILES) as signer:
        client = signer.client()
        for _ in range(200):
            assert client.post({"claims": claims()}).status == 200
        client.close()
        pages = int(Path(f"/proc/{signer.process.pid}/statm").read_text().split()[1])
    assert pages * os.sysconf("SC_PAGE_SIZE") <= 45_000_000
