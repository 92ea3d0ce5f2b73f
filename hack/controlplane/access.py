"""Speaks to a running control plane that any process may have started."""

import functools
import http.client
import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controlplane.credentials import write_kubeconfig, write_private
from controlplane.errors import ApiError, ControlPlaneError

TOKEN_SECONDS = 86_400  # a service account's token outlives any test


class Access:
    """Where a control plane is and how to use it as its administrator.

    `directory` holds everything of it; it vanishes when the control plane is stopped.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kubeconfig = directory / "kubeconfig"
        self.ca_file = directory / "pki" / "apiserver.crt"
        self.audit_log = directory / "audit.log"

    @classmethod
    def attach(cls, kubeconfig: Path) -> "Access":
        """Use a control plane that another process started, by the kubeconfig it printed."""
        access = cls(kubeconfig.parent)
        if not access._facts_file.is_file():
            raise ControlPlaneError(f"{kubeconfig} belongs to no running control plane")
        return access

    @property
    def url(self) -> str:
        """Base address of the API server, without a slash at its end."""
        return self._facts["url"]

    @property
    def admin_token(self) -> str:
        """Bearer token of a member of system:masters."""
        return self._facts["token"]

    def kubectl(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002  subprocess.run's own name for it
        """Run kubectl as administrator and return what came of it; a failure is for the caller to judge."""
        return subprocess.run(
            [self._facts["kubectl"], *arguments],
            input=input,
            env=self.environ(),
            capture_output=True,
            text=True,
            check=False,
        )

    def environ(self) -> dict[str, str]:
        """Environment for a command that is to use this control plane: KUBECONFIG, and PATH with kubectl."""
        path = os.pathsep.join([str(self.directory / "bin"), os.environ.get("PATH", os.defpath)])
        # kubectl's discovery cache is kept by address, and ports come again with other CRDs behind them
        cache = str(self.directory / "kubectl-cache")
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": cache, "PATH": path}

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send one request as administrator; `path` is for instance "/api/v1/namespaces/default".

        Raises ApiError with the status for a refusal, ControlPlaneError when the server cannot be reached.
        """
        reply: dict[str, Any] = json.loads(self._send(method, path, body))
        return reply

    def is_ready(self) -> bool:
        """Whether the API server says that it is ready."""
        try:
            self._send("GET", "/readyz", None)
        except ControlPlaneError:
            return False
        return True

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> bytes:
        headers = {"Authorization": f"Bearer {self.admin_token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310  our own address
        try:
            with self._opener.open(request, timeout=30) as reply:
                content: bytes = reply.read()
                return content
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(error.code, _message(error.read())) from error
        except (OSError, http.client.HTTPException) as error:
            raise ControlPlaneError(f"no answer from {self.url}: {error}") from error

    def kubeconfig_for_service_account(self, namespace: str, name: str) -> Path:
        """Ask for a token of an existing service account (TokenRequest API); return its kubeconfig."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_SECONDS},
        }
        reply = self.api("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", request)
        path = self.directory / f"kubeconfig-{namespace}-{name}"
        return write_kubeconfig(path, self.url, self.ca_file, reply["status"]["token"], namespace)

    def audit_events(self, mention: str = "") -> Iterator[dict[str, Any]]:
        """Yield what the API server has audited so far and mentions a text, oldest first (with `audit=True` only).

        An event is in the file before its request is answered; a line without its end is of one that is not.
        """
        with self.audit_log.open() as lines:
            yield from (json.loads(line) for line in lines if mention in line and line.endswith("\n"))

    def write_facts(self, url: str, token: str, kubectl: Path) -> None:
        """Leave what others need to attach."""
        write_private(self._facts_file, json.dumps({"url": url, "token": token, "kubectl": str(kubectl)}))

    @property
    def _facts_file(self) -> Path:
        return self.directory / "control-plane.json"

    @functools.cached_property
    def _facts(self) -> dict[str, str]:
        facts: dict[str, str] = json.loads(self._facts_file.read_text())
        return facts

    @functools.cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        secure = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self.ca_file)))
        return urllib.request.build_opener(urllib.request.ProxyHandler({}), secure)  # loopback, never a proxy


def _message(body: bytes) -> str:
    """Read the reason out of a Status; an answer that is none speaks for itself."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()
