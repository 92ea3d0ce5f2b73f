"""The operator as a process against a real API server, with the rights it has in production."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from cluster.faulty import FaultyWay
from controlplane import ControlPlane
from jwks_operator.api.names import GROUP, LABEL_MANAGED_BY, LABEL_SET, MANAGED_BY, PLURAL, VERSION

ROOT = Path(__file__).parents[3]
CRD = ROOT / "crds" / f"{PLURAL}.{GROUP}.yaml"
SPEC = {"keys": [{"name": "signing", "algorithm": "ES256"}]}
ACCOUNT = "system:serviceaccount:default:operator"
RULES = [
    {"apiGroups": [GROUP], "resources": [PLURAL], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list", "watch"]},
]


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane of this module's own: it is stopped and started, and its CRD comes and goes."""
    with ControlPlane.start(audit=True) as plane:
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        subject = {"kind": "ServiceAccount", "namespace": "default", "name": "operator"}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "operator"}
        name = {"metadata": {"name": "operator"}}
        plane.api("POST", "/api/v1/namespaces/default/serviceaccounts", name)
        plane.api("POST", f"{rbac}/clusterroles", name | {"rules": RULES})
        plane.api("POST", f"{rbac}/clusterrolebindings", name | {"subjects": [subject], "roleRef": role})
        yield plane


@pytest.fixture
def crd(plane: ControlPlane) -> None:
    apply_crd(plane)


@pytest.fixture
def shop(plane: ControlPlane, request: pytest.FixtureRequest) -> str:
    name = re.sub("[^a-z0-9]+", "-", request.node.name)[-60:].strip("-")
    plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


class Process:
    """A running operator: what it printed, its log, its health."""

    def __init__(self, kubeconfig: Path, *namespaces: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.popen = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("stub_operator.py")), str(self.port), *namespaces],
            env={"KUBECONFIG": str(kubeconfig), "PATH": "/usr/bin:/bin", "HOME": str(kubeconfig.parent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.log: list[dict[str, Any]] = []
        self._readers = [threading.Thread(target=self._read_out), threading.Thread(target=self._read_log)]
        for reader in self._readers:
            reader.start()

    def _read_out(self) -> None:
        assert self.popen.stdout
        self.lines.extend(iter(self.popen.stdout.readline, ""))

    def _read_log(self) -> None:
        assert self.popen.stderr
        for line in self.popen.stderr:
            self.log.append(json.loads(line))

    def worked_on(self, ref: str) -> int:
        return self.lines.count(f"WORK {ref}\n")

    def health(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, "no answer"

    def ready(self) -> bool:
        return self.health("/readyz")[0] == 200

    def told(self, text: str) -> int:
        return sum(text in record["message"] for record in self.log)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit code."""
        self.popen.send_signal(number)
        return self.popen.wait(timeout=30)


@contextmanager
def operator(plane: ControlPlane, *namespaces: str, kubeconfig: Path | None = None) -> Iterator[Process]:
    process = Process(kubeconfig or plane.kubeconfig_for_service_account("default", "operator"), *namespaces)
    try:
        yield process
    except BaseException:
        print(*process.lines, *map(json.dumps, process.log), sep="\n")  # noqa: T201 - shown for a failed test
        raise
    finally:
        if process.popen.poll() is None:
            process.popen.kill()
        process.popen.wait()
        for reader in process._readers:
            reader.join()
        for pipe in (process.popen.stdout, process.popen.stderr):
            assert pipe
            pipe.close()


PATIENCE = 60.0
"""Seconds that are enough for anything on a busy machine."""


def wait(what: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def apply_crd(plane: ControlPlane) -> None:
    done = plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    assert done.returncode == 0, done.stderr
    assert plane.kubectl("wait", "--for=condition=Established", f"crd/{PLURAL}.{GROUP}").returncode == 0


def delete_crd(plane: ControlPlane) -> None:
    assert plane.kubectl("delete", "--ignore-not-found", "crd", f"{PLURAL}.{GROUP}").returncode == 0


def create_set(plane: ControlPlane, namespace: str, name: str) -> None:
    body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "JsonWebKeySet", "metadata": {"name": name}, "spec": SPEC}

    def created() -> bool:
        done = plane.kubectl("create", "-n", namespace, "-f", "-", input=yaml.safe_dump(body))
        return done.returncode == 0

    wait(created)  # a CRD that was just applied is served a moment later


def looks_at_sets(plane: ControlPlane) -> int:
    """How often an operator has asked for the sets."""
    return sum(event["user"].get("username") == ACCOUNT for event in plane.audit_events(f"/{GROUP}/{VERSION}/{PLURAL}"))


def owned(name: str, of: str, **data: str) -> dict[str, Any]:
    labels = {LABEL_MANAGED_BY: MANAGED_BY, LABEL_SET: of}
    return {"metadata": {"name": name, "labels": labels}, "data": data}


def test_it_waits_for_its_crd_says_so_once_and_starts_when_it_comes(plane: ControlPlane, shop: str) -> None:
    delete_crd(plane)
    with operator(plane) as process:
        wait(lambda: process.told("waiting for its CRD"))
        looked = looks_at_sets(plane)
        wait(lambda: looks_at_sets(plane) > looked + 2)
        assert process.told("waiting for its CRD") == 1
        assert process.health("/healthz") == (200, "ok\n")
        assert process.health("/readyz")[0] == 503
        apply_crd(plane)
        wait(process.ready)
        create_set(plane, shop, "auth")
        wait(lambda: process.worked_on(f"{shop}/auth"))


@pytest.mark.usefixtures("crd")
def test_each_change_of_a_set_or_its_objects_puts_the_owner_once(plane: ControlPlane, shop: str) -> None:
    base = f"/api/v1/namespaces/{shop}"
    with operator(plane) as process:
        wait(process.ready)
        expected = 0
        delays = []
        secret, config_map = owned("auth", "auth", jwk="eA=="), owned("auth", "auth", jwks="{}")
        strange = {"metadata": {"name": "strange", "labels": {LABEL_MANAGED_BY: MANAGED_BY}}}
        moves: list[Callable[[], object]] = [
            lambda: create_set(plane, shop, "auth"),
            lambda: plane.api("POST", f"{base}/secrets", secret),
            lambda: plane.api("POST", f"{base}/configmaps", config_map),
            lambda: plane.api("PUT", f"{base}/secrets/auth", owned("auth", "auth", jwk="eQ==")),
            lambda: plane.kubectl("label", "-n", shop, "configmap", "auth", f"{LABEL_MANAGED_BY}-"),
            lambda: plane.api("DELETE", f"{base}/secrets/auth"),
            lambda: plane.kubectl("delete", "-n", shop, "jwks", "auth"),
        ]
        for move in moves:
            move()
            expected += 1
            begin = time.monotonic()
            wait(lambda: process.worked_on(f"{shop}/auth") >= expected)  # noqa: B023 - asked at once
            delays.append(time.monotonic() - begin)
        assert median(delays) < 1.0
        plane.api("POST", f"{base}/secrets", strange)
        plane.api("POST", f"{base}/secrets", {"metadata": {"name": "foreign"}})
        plane.api("POST", f"{base}/secrets", owned("last", "last"))
        wait(lambda: process.worked_on(f"{shop}/last"))
        assert process.worked_on(f"{shop}/auth") == expected
        assert not [line for line in process.lines if shop in line and not line.endswith(("/auth\n", "/last\n"))]
        assert process.end() == 0
        assert process.told("stopped") == 1


@pytest.mark.usefixtures("crd")
def test_it_outlives_a_crash_of_the_api_server(plane: ControlPlane, shop: str) -> None:
    create_set(plane, shop, "before")
    with operator(plane) as process:
        wait(lambda: process.ready() and process.worked_on(f"{shop}/before"))
        wait(lambda: process.told("resync done") > 1)  # the second one is asked for by the first lists of the watches
        plane.kill_apiserver()
        wait(lambda: process.told("cannot be watched"))
        assert process.health("/healthz") == (200, "ok\n")
        plane.start_apiserver()
        create_set(plane, shop, "after")
        wait(lambda: process.worked_on(f"{shop}/after"))
        assert process.health("/readyz") == (200, "ok\n")
        assert process.end() == 0


@pytest.mark.usefixtures("crd")
def test_it_watches_anew_when_watches_are_answered_with_a_plain_410(
    plane: ControlPlane, shop: str, tmp_path: Path
) -> None:
    """The API server says 410 within the stream; kopf does not survive the answer that a proxy may give."""
    former = tmp_path / "kubeconfig"
    former.write_text(plane.kubeconfig_for_service_account("default", "operator").read_text())
    with FaultyWay(plane, seed=1, share=0.0) as way:
        for _ in range(3):
            way.refuse(410)
        with operator(plane, kubeconfig=way.kubeconfig(former)) as process:
            wait(lambda: process.told("watching failed") and way.happened["410 to a watch"] == 3)
            wait(process.ready)
            create_set(plane, shop, "auth")
            wait(lambda: process.worked_on(f"{shop}/auth"))
            assert process.health("/healthz") == (200, "ok\n")
            assert process.end() == 0


@pytest.mark.usefixtures("crd")
def test_it_outlives_the_deletion_of_its_crd(plane: ControlPlane, shop: str) -> None:
    create_set(plane, shop, "before")
    with operator(plane) as process:
        wait(process.ready)
        delete_crd(plane)
        wait(lambda: not process.ready())
        wait(lambda: process.told("waiting for its CRD"))
        assert process.health("/healthz") == (200, "ok\n")
        apply_crd(plane)
        wait(process.ready)
        create_set(plane, shop, "after")
        wait(lambda: process.worked_on(f"{shop}/after"))
        plane.api("POST", f"/api/v1/namespaces/{shop}/secrets", owned("x", "x"))
        wait(lambda: process.worked_on(f"{shop}/x"))
        assert process.end() == 0


@pytest.mark.usefixtures("crd")
def test_a_namespace_may_come_and_go(plane: ControlPlane, shop: str) -> None:
    later = f"{shop}-later"[-60:].strip("-")
    with operator(plane, shop, later) as process:
        wait(process.ready)
        plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": later}})
        create_set(plane, later, "auth")
        wait(lambda: process.worked_on(f"{later}/auth"))
        plane.api("DELETE", f"/api/v1/namespaces/{later}")
        wait(lambda: process.worked_on(f"{later}/auth") == 2)
        wait(lambda: plane.kubectl("get", "namespace", later).returncode != 0)
        plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": later}})
        create_set(plane, later, "auth")
        wait(lambda: process.worked_on(f"{later}/auth") == 3)
        assert process.health("/healthz") == (200, "ok\n")
        create_set(plane, "default", "elsewhere")
        create_set(plane, shop, "here")
        wait(lambda: process.worked_on(f"{shop}/here"))
        assert not process.worked_on("default/elsewhere")
        plane.kubectl("delete", "jwks", "elsewhere")
        assert process.end(signal.SIGINT) == 0


@pytest.mark.usefixtures("crd")
def test_a_changed_token_is_taken_up(plane: ControlPlane, shop: str, tmp_path: Path) -> None:
    """A projected token is replaced in its file; here the former one is refused from one moment on."""
    secrets = f"/api/v1/namespaces/{shop}/secrets"
    token_file = tmp_path / "token"
    kubeconfig = yaml.safe_load(plane.kubeconfig_for_service_account("default", "operator").read_text())
    kubeconfig["users"][0]["user"] = {"tokenFile": str(token_file)}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))

    def new_token(number: int) -> str:
        # Bound to a Secret, so that deleting that makes the token invalid.
        name = f"bound-{number}"
        plane.api("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": name}})
        bound = {"apiVersion": "v1", "kind": "Secret", "name": name}
        request = {"spec": {"boundObjectRef": bound, "expirationSeconds": 3600}}
        path = "/api/v1/namespaces/default/serviceaccounts/operator/token"
        token: str = plane.api("POST", path, request)["status"]["token"]
        return token

    token_file.write_text(new_token(1))
    with operator(plane, kubeconfig=tmp_path / "kubeconfig") as process:
        wait(process.ready)
        token_file.write_text(new_token(2))
        plane.api("DELETE", "/api/v1/namespaces/default/secrets/bound-1")
        plane.restart_apiserver()  # ends every stream and forgets whom it knew
        plane.api("POST", secrets, owned("a", "a"))
        wait(lambda: process.worked_on(f"{shop}/a"))
        # A login that comes too early reads the refused token again, which must not be the end.
        plane.api("DELETE", "/api/v1/namespaces/default/secrets/bound-2")
        logins = process.told("watches log in to the API server")
        plane.kill_apiserver()
        plane.start_apiserver()
        wait(lambda: process.told("watches log in to the API server") > logins)
        token_file.write_text(new_token(3))
        plane.api("POST", secrets, owned("b", "b"))
        wait(lambda: process.worked_on(f"{shop}/b"))
        assert process.told("watches log in to the API server") >= 3
        assert process.end() == 0
    plane.api("DELETE", "/api/v1/namespaces/default/secrets/bound-3")


def test_nothing_was_ever_written_by_the_frame(plane: ControlPlane) -> None:
    """Runs last: over all the tests above the operator's account only read."""
    asked = [event for event in plane.audit_events() if event["user"].get("username") == ACCOUNT]
    assert {event["verb"] for event in asked} <= {"get", "list", "watch"}
    assert any(event["verb"] == "watch" for event in asked)
    for kind in ("secrets", "configmaps", PLURAL):
        listed = json.loads(plane.kubectl("get", kind, "-A", "-o", "json", "--show-managed-fields").stdout)
        assert "kopf" not in json.dumps(listed)
