"""Starts a control plane, keeps it and ends it."""

import functools
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from controlplane.access import Access
from controlplane.binaries import NAMES, SERVERS, Binaries
from controlplane.build import resolve_binaries
from controlplane.credentials import MANAGER, write_key_pair, write_kubeconfig, write_tokens
from controlplane.errors import ControlPlaneError, PortTaken
from controlplane.processes import HOST, Deadline, Group, Server, free_ports

READY_SECONDS = 240.0  # about 5 s are usual
PORT_ATTEMPTS = 5
ISSUER = "https://kubernetes.default.svc.cluster.local"
PEER = "peer"
"""Name of a second API server; its files are in a directory of this name."""
CONTROLLERS = (  # what works without nodes; the others would only use up processor time
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "validatingadmissionpolicy-status-controller",
)
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


class ControlPlane(Access):
    """A control plane of this process's own; use as a context manager.

    It ends with the `with` block, at the latest with this process, and takes its directory with it.
    """

    def __init__(
        self,
        directory: Path,
        binaries: Binaries,
        apiserver_flags: Sequence[str],
        account_flags: Sequence[str] | None,
        etcd_flags: Sequence[str],
    ) -> None:
        super().__init__(directory)
        pki = directory / "pki"
        key_files = (f"--service-account-key-file={pki}/sa.pub", f"--service-account-signing-key-file={pki}/sa.key")
        self.account_flags: Sequence[str] = key_files if account_flags is None else account_flags
        self._binaries = binaries
        self._flags = list(apiserver_flags)
        self._etcd_flags = list(etcd_flags)
        self._group = Group(directory)
        self._servers: dict[str, Server] = {}
        self._port = 0
        self.etcd_url = ""
        """Where etcd answers, without TLS and to everybody on this machine."""

    @classmethod
    def start(
        cls,
        *,
        audit: bool = False,
        apiserver_flags: Sequence[str] = (),
        account_flags: Sequence[str] | None = None,
        etcd_flags: Sequence[str] = (),
        ports: Callable[[int], list[int]] = free_ports,
    ) -> "ControlPlane":
        """Build if needed, start all servers and wait until namespaces and service accounts work.

        `audit` records who asked for what (audit level Metadata: no bodies); `apiserver_flags` are added to
        the API server's, `etcd_flags` to etcd's, `account_flags` say how it signs service account tokens (by default
        with a key of its own, as `start_apiserver` does if the attribute is not changed); `ports` finds free ports.
        Raises ControlPlaneError, with the last lines of the log of the server that failed.
        """
        binaries = resolve_binaries()
        for attempt in range(1, PORT_ATTEMPTS + 1):
            directory = Path(tempfile.mkdtemp(prefix="control-plane-"))
            plane = cls(directory, binaries, apiserver_flags, account_flags, etcd_flags)
            try:
                plane._start(ports(3), audit=audit)
            except PortTaken:
                plane.stop()
                if attempt == PORT_ATTEMPTS:
                    raise
            except BaseException:
                plane.stop()
                raise
            else:
                break
        return plane

    def __enter__(self) -> "ControlPlane":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the servers, those that need others first, and remove the directory."""
        for name in (PEER, *reversed(SERVERS)):
            if server := self._servers.pop(name, None):
                server.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        self._group.close()

    def check(self) -> None:
        """Raise ControlPlaneError if a server has ended by itself."""
        for server in self._servers.values():
            server.check()

    def pids(self) -> dict[str, int]:
        """Process ids by name of the servers that were started and not stopped."""
        return {name: server.pid for name, server in self._servers.items()}

    def stop_apiserver(self) -> None:
        """Stop the API server as an upgrade would; its data stay."""
        self._forget_apiserver().stop()

    def kill_apiserver(self) -> None:
        """End the API server as a crash would; its data stay."""
        self._forget_apiserver().kill()

    def start_apiserver(self) -> None:
        """Start the API server again, on its former port and data, and wait until it is ready."""
        self._launch_apiserver()
        self._wait_until_ready()

    def restart_apiserver(self) -> None:
        """Stop the API server and start it again."""
        self.stop_apiserver()
        self.start_apiserver()

    def start_peer(self, *account_flags: str) -> Access:
        """Start a second API server on the same data, as an HA control plane has it, and wait until it is ready."""
        peer = Access(self.directory / PEER)
        (port,) = free_ports(1)
        url = f"https://{HOST}:{port}"
        peer.ca_file.parent.mkdir(parents=True)
        write_kubeconfig(peer.kubeconfig, url, peer.ca_file, self.admin_token)
        peer.write_facts(url, self.admin_token, self._binaries.kubectl)
        flags = self._apiserver_flags(peer.ca_file.parent, port)
        self._launch(PEER, *flags, *account_flags, *self._flags, binary="kube-apiserver")
        self._wait("the second API server", peer.is_ready)
        return peer

    def _start(self, ports: list[int], *, audit: bool) -> None:
        """Bring everything up, in this order.

        1. Credentials, and links to the binaries, which are called by their names.
        2. etcd, and at once the API server, which waits for it and makes its own certificate.
        3. The controller manager, which gives up on an API server that is not ready soon.
        """
        etcd_port, peer_port, self._port = ports
        self.etcd_url = f"http://{HOST}:{etcd_port}"
        url = f"https://{HOST}:{self._port}"
        self._prepare(url, audit=audit)
        peer_url = f"http://{HOST}:{peer_port}"
        self._launch(
            "etcd",
            f"--data-dir={self.directory}/etcd",
            f"--listen-client-urls={self.etcd_url}",
            f"--advertise-client-urls={self.etcd_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
            "--unsafe-no-fsync",
            "--log-level=warn",
            *self._etcd_flags,
        )
        self._launch_apiserver()
        self._wait("the API server", self.is_ready)
        pki = self.directory / "pki"
        self._launch(
            "kube-controller-manager",
            f"--kubeconfig={pki}/controller-manager.conf",
            f"--service-account-private-key-file={pki}/sa.key",
            f"--root-ca-file={self.ca_file}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--secure-port=0",
        )
        self._wait_until_ready()

    def _prepare(self, url: str, *, audit: bool) -> None:
        pki = self.directory / "pki"
        for directory in (pki, self.directory / "bin", self.directory / "log"):
            directory.mkdir()
        for name, path in zip(NAMES, self._binaries.paths(), strict=True):
            (self.directory / "bin" / name).symlink_to(path)
        write_key_pair(pki / "sa.key", pki / "sa.pub")
        tokens = write_tokens(pki / "tokens.csv")
        write_kubeconfig(pki / "controller-manager.conf", url, self.ca_file, tokens[MANAGER])
        write_kubeconfig(self.kubeconfig, url, self.ca_file, tokens["admin"])
        self.write_facts(url, tokens["admin"], self._binaries.kubectl)
        if audit:
            policy = self.directory / "audit-policy.json"
            policy.write_text(json.dumps(AUDIT_POLICY))
            self._flags += [f"--audit-policy-file={policy}", f"--audit-log-path={self.audit_log}"]

    def _launch_apiserver(self) -> None:
        flags = self._apiserver_flags(self.directory / "pki", self._port)
        self._launch("kube-apiserver", *flags, *self.account_flags, *self._flags)

    def _apiserver_flags(self, certificates: Path, port: int) -> list[str]:
        return [
            f"--etcd-servers={self.etcd_url}",
            f"--cert-dir={certificates}",
            f"--bind-address={HOST}",
            f"--advertise-address={HOST}",
            f"--secure-port={port}",
            "--endpoint-reconciler-type=none",  # loopback is no valid endpoint
            "--shutdown-watch-termination-grace-period=1s",  # without it, open watches hold up its end
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--token-auth-file={self.directory}/pki/tokens.csv",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={ISSUER}",
        ]

    def _launch(self, name: str, *flags: str, binary: str = "") -> None:
        log = self.directory / "log" / f"{name}.log"
        self._servers[name] = self._group.start([str(self.directory / "bin" / (binary or name)), *flags], log)

    def _forget_apiserver(self) -> Server:
        """Take the API server out of those that `check` expects to run."""
        server = self._servers.pop("kube-apiserver", None)
        if server is None:
            raise ControlPlaneError("the API server is not running")
        return server

    def _wait_until_ready(self) -> None:
        self._wait("the API server", self.is_ready)
        # a POST before these exist fails, although /readyz already says ok
        for path in ("/api/v1/namespaces/default", "/api/v1/namespaces/default/serviceaccounts/default"):
            self._wait(path, functools.partial(self._exists, path))

    def _exists(self, path: str) -> bool:
        """Whether an object is there; no answer is no yes."""
        try:
            self.api("GET", path)
        except ControlPlaneError:
            return False
        return True

    def _wait(self, what: str, there: Callable[[], bool]) -> None:
        """Wait until a question is answered with yes, as long as all servers live."""
        deadline = Deadline(READY_SECONDS, f"waiting for {what}")
        while not there():
            self.check()
            deadline.pause()
