"""A namespace with an operator of its own, as a user who cannot give it more builds it: a Role from the manifest."""

import json
import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from cluster.chronicle import PATHS, PATIENCE, Chronicle, Object
from cluster.operators import Operator
from cluster.reading import leaks, ready
from controlplane import Access
from controlplane.errors import ApiError
from helmchart import render as chart
from helmchart.served import ask_server

T = TypeVar("T")

figures = logging.getLogger("figures")
"""What was measured; shown with a failure, or as it happens with `--log-cli-level=info`."""
figures.setLevel(logging.INFO)
ROOT = Path(__file__).parents[2]
ACCOUNT = "operator"
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}"


def rules() -> list[dict[str, list[str]]]:
    """What the chart grants the operator of one namespace."""
    return chart.operator_rules({"watchNamespaces": ["any"]})


def install(plane: Access, *paths: str) -> None:
    """Apply these files of the repository and wait until the CRD is served."""
    _apply(plane, *(f"--filename={ROOT / path}" for path in paths))


def install_chart(plane: Access, values: Mapping[str, Any] | None = None) -> None:
    """Apply what the chart renders, without helm's books, and wait until the CRD is served; no pod will run."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": chart.NAMESPACE}}
    rendered = chart.render_objects(values, *ask_server(plane))
    everything = {"apiVersion": "v1", "kind": "List", "items": [namespace, *rendered]}
    _apply(plane, "--filename=-", content=json.dumps(everything))


def _apply(plane: Access, *arguments: str, content: str | None = None) -> None:
    applied = plane.kubectl("apply", "--server-side", "--force-conflicts", *arguments, input=content)
    assert applied.returncode == 0, applied.stderr
    crds = f"--filename={ROOT / 'crds'}"
    established = plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", crds)
    assert established.returncode == 0, established.stderr


def grant(plane: Access, namespace: str, granted: list[dict[str, list[str]]], account: str = ACCOUNT) -> Path:
    """Make a service account with these rights in its namespace only; return its kubeconfig."""
    plane.api("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": account}})
    bind(plane, namespace, granted, {"kind": "ServiceAccount", "namespace": namespace, "name": account})
    return plane.kubeconfig_for_service_account(namespace, account)


def bind(plane: Access, namespace: str, granted: list[dict[str, list[str]]], subject: Mapping[str, str]) -> None:
    """Give a service account these rights in a namespace."""
    metadata = {"metadata": {"name": subject["name"]}}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": subject["name"]}
    plane.api("POST", f"{RBAC}/roles".format(namespace), metadata | {"rules": granted})
    bound = {"subjects": [dict(subject)], "roleRef": role}
    plane.api("POST", f"{RBAC}/rolebindings".format(namespace), metadata | bound)


@dataclass(frozen=True)
class Stage:
    """A namespace, what happened in it, and the operator that looks after it."""

    plane: Access
    namespace: str
    chronicle: Chronicle
    operator: Operator

    def create(self, name: str, spec: Mapping[str, Any], **metadata: Any) -> None:
        """Create a set."""
        body = {
            "apiVersion": "jwks-operator.dev/v1beta1",
            "kind": "JsonWebKeySet",
            "metadata": {"name": name, **metadata},
            "spec": dict(spec),
        }
        self.plane.api("POST", PATHS["JsonWebKeySet"].format(self.namespace), body)

    def patch(self, name: str, change: Mapping[str, Any]) -> None:
        """Change a set as `kubectl patch` does."""
        done = self.kubectl("patch", "jwks", name, "--type=merge", f"--patch={json.dumps(change)}")
        assert done.returncode == 0, done.stderr

    def edit(self, kind: str, name: str, change: Callable[[Object], object]) -> Object:
        """Read an object, change it, write it back; again if the operator wrote in between. Return what was written."""
        while True:
            change(thing := self.plane.api("GET", self.path(kind, name)))
            try:
                return self.plane.api("PUT", self.path(kind, name), thing)
            except ApiError as error:
                if error.status != HTTPStatus.CONFLICT:
                    raise

    def delete(self, kind: str, name: str) -> None:
        """Delete an object."""
        self.plane.api("DELETE", self.path(kind, name))

    def latest(self, kind: str, name: str) -> Object | None:
        """The object as last seen; None if it is not there."""
        return self.chronicle.latest(kind, name)

    def there(self, kind: str, name: str) -> Object:
        """The object as last seen, which has to be there."""
        found = self.latest(kind, name)
        assert found is not None, f"{kind} {name} is not there"
        return found

    def until(self, check: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
        """Wait until `check` gives something true."""
        try:
            return self.chronicle.until(check, what, seconds)
        except AssertionError as late:
            words = "\n".join(self.operator.printed.splitlines()[-20:])
            raise AssertionError(f"{late}; the operator's last words:\n{words}") from None

    def until_ready(self, *names: str) -> None:
        """Wait until these sets are Ready as they are written now."""
        self.until(
            lambda: all(ready(self.latest("JsonWebKeySet", name)) for name in names), f"{', '.join(names)} to be Ready"
        )

    def kubectl(self, *arguments: str, content: str | None = None) -> Any:
        """Run kubectl in the namespace as administrator."""
        return self.plane.kubectl(f"--namespace={self.namespace}", *arguments, input=content)

    def assert_no_private_leak(self) -> None:
        """No private member of any key ever seen shows outside of the Secrets."""
        assert leaks(self.chronicle.sightings(), self.operator.printed) == []

    def path(self, kind: str, name: str) -> str:
        """Where an object is."""
        return f"{PATHS[kind].format(self.namespace)}/{name}"


@contextmanager
def open_stage(plane: Access, directory: Path, title: str, *options: str) -> Iterator[Stage]:
    """Build a stage and start its operator, which has the rights of the manifest in this namespace."""
    namespace = new_namespace(plane, title)
    kubeconfig = grant(plane, namespace, rules())
    operator = Operator(kubeconfig, directory / "operator.log", f"--namespace={namespace}", *options)
    with played(Stage(plane, namespace, Chronicle(plane, namespace), operator)) as stage:
        yield stage


@contextmanager
def played(stage: Stage) -> Iterator[Stage]:
    """Start the operator and end it; after that, look for leaks in everything that happened."""
    try:
        stage.operator.start()
        yield stage
        stage.assert_no_private_leak()
    finally:
        stage.operator.stop()
        stage.chronicle.close()


def new_namespace(plane: Access, title: str) -> str:
    """Create a namespace with a name of its own."""
    name = f"{re.sub(r'[^a-z0-9]+', '-', title.lower())[:40]}-{secrets.token_hex(4)}"
    plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name
