"""The cluster that is attacked: a control plane of our own, or one of yours, which is left as it was found."""

import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from attack.attempts import CSR, PUBLISHED, TOKEN
from attack.objects import Object, plain_object, secret_object
from controlplane import ControlPlane, ControlPlaneError
from controlplane.processes import Deadline
from helmchart import render as chart

ROOT = Path(__file__).resolve().parents[2]
KINDS = frozenset({
    "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding",
    "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
})  # fmt: skip
"""What the chart installs before any pod of it runs."""
TENANT = "tenant"
TENANT_RULES = [
    {"apiGroups": [""], "resources": ["configmaps", "secrets", "services"], "verbs": ["*"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["*"]},
    {"apiGroups": ["jwks-operator.dev"], "resources": ["jsonwebkeysets"], "verbs": ["*"]},
]
SECONDS = 60.0
"""How long policies may take until they are in force."""
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Person:
    """A user with a kubeconfig; `kubectl` returns whether the API server did it, and what it said."""

    kubeconfig: Path
    namespace: str

    def kubectl(self, *arguments: str, content: Object | None = None) -> tuple[bool, str]:
        """Run kubectl; an object is given on standard input."""
        command = ["kubectl", f"--namespace={self.namespace}", *arguments]
        environ = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        given = None if content is None else json.dumps(content)
        done = subprocess.run(command, input=given, env=environ, capture_output=True, text=True, check=False)
        return done.returncode == 0, (done.stdout if done.returncode == 0 else done.stderr).strip()

    def must(self, *arguments: str, content: Object | None = None) -> str:
        """Run kubectl as preparation; raises ControlPlaneError if that fails."""
        well, said = self.kubectl(*arguments, content=content)
        if not well:
            raise ControlPlaneError(said)
        return said


@dataclass(frozen=True, slots=True)
class Scene:
    """Who acts: an administrator, a tenant, and a thief who has the token of the operator."""

    admin: Person
    tenant: Person
    thief: Person

    @property
    def namespace(self) -> str:
        """The namespace of the tenant and the set."""
        return self.admin.namespace


@contextmanager
def open_scene(kubeconfig: Path | None) -> Iterator[Scene]:
    """Prepare everything on this cluster, or on a control plane of our own, and take it away again."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jwks-attack-")))
        own = kubeconfig is None
        if kubeconfig is None:
            plane = stack.enter_context(ControlPlane.start())
            os.environ["PATH"] = plane.environ()["PATH"]
            kubeconfig = plane.kubeconfig
        name = f"jwks-attack-{secrets.token_hex(3)}"
        admin = Person(kubeconfig, name)
        _install_crd(admin, stack)
        for namespace in (name, f"{name}-operator"):
            stack.callback(admin.kubectl, "delete", "namespace", namespace, "--wait=false")
            admin.must("create", "namespace", namespace)
        _install_chart(admin, stack)
        if own:  # whatever rights RBAC gives
            mighty = f"--serviceaccount={name}-operator:{name}"
            admin.must("create", "clusterrolebinding", "mighty", "--clusterrole=cluster-admin", mighty)
        tenant = _make_tenant(admin, directory)
        thief = Person(_steal(admin, f"{name}-operator", name, directory / "thief"), name)
        theirs = plain_object("CertificateSigningRequest", "certificates.k8s.io/v1", "theirs", spec=CSR)
        stack.callback(admin.kubectl, "delete", "certificatesigningrequest", "theirs", "--wait=false")
        for thing in (theirs, secret_object(name="theirs")):
            admin.must("create", "--filename=-", content=thing)
        for thing in (TOKEN, PUBLISHED):
            thief.must("create", "--filename=-", content=thing)
        scene = Scene(admin, tenant, thief)
        _wait_for_policies(scene)
        yield scene


def _install_crd(admin: Person, stack: ExitStack) -> None:
    crds = f"--filename={ROOT / 'crds'}"
    if not admin.kubectl("get", crds)[0]:
        stack.callback(admin.kubectl, "delete", crds, "--wait=false")
        admin.must("create", crds)
    admin.must("wait", "--for=condition=Established", "--timeout=60s", crds)


def _install_chart(admin: Person, stack: ExitStack) -> None:
    """Install policies and rights for this namespace alone: they bind nobody else."""
    values: Mapping[str, Any] = {
        "fullnameOverride": admin.namespace,
        "watchNamespaces": [admin.namespace],
        "crds": {"install": False},
    }
    rendered = chart.render_objects(values, f"--namespace={admin.namespace}-operator")
    everything = {"apiVersion": "v1", "kind": "List", "items": [each for each in rendered if each["kind"] in KINDS]}
    stack.callback(admin.kubectl, "delete", "--namespace=", "--filename=-", "--wait=false", content=everything)
    admin.must("apply", "--namespace=", "--server-side", "--filename=-", content=everything)


def _make_tenant(admin: Person, directory: Path) -> Person:
    metadata = {"name": TENANT, "namespace": admin.namespace}
    subject = {"kind": "ServiceAccount", **metadata}
    role = {"kind": "Role", "apiGroup": RBAC, "name": TENANT}
    admin.must("create", "serviceaccount", TENANT)
    for kind, more in (("Role", {"rules": TENANT_RULES}), ("RoleBinding", {"subjects": [subject], "roleRef": role})):
        content = {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, **more}
        admin.must("create", "--filename=-", content=content)
    return Person(_steal(admin, admin.namespace, TENANT, directory / TENANT), admin.namespace)


def _steal(admin: Person, namespace: str, account: str, path: Path) -> Path:
    """Write a kubeconfig with a token of a service account."""
    token = admin.must("create", "token", account, f"--namespace={namespace}")
    config = yaml.safe_load(admin.must("config", "view", "--minify", "--raw", "--flatten", "--output=yaml"))
    config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    return path


def _wait_for_policies(scene: Scene) -> None:
    """Wait until each policy refuses what it is for: they come into force some moments after they are made."""
    deadline = Deadline(SECONDS, "waiting for the policies")
    dry = ("create", "--dry-run=server", "--filename=-")
    foreign = plain_object("ConfigMap", "v1", "foreign")
    while (
        scene.thief.kubectl(*dry, content=foreign)[0]
        or scene.tenant.kubectl(*dry, content={**PUBLISHED, "metadata": {**PUBLISHED["metadata"], "name": "mine"}})[0]
    ):
        deadline.pause()
