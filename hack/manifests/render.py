"""Renders the manifests from the chart."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from generated import ROOT
from helmchart.render import NAMESPACE, Object, render_objects
from helmchart.served import WITH_INJECTION

DIRECTORY = ROOT / "manifests"
INSTALL = "install.yaml"
NAMESPACE_INSTALL = "namespace-install.yaml"
SIDECAR = "sidecar-injection.yaml"
KUSTOMIZATION = "kustomization.yaml"

HEADER = "# generated from helm/jwks-operator, do not edit: make generate\n"
HELPS = {
    INSTALL: """\
# jwks-operator for all namespaces: kubectl apply --server-side -f install.yaml
# Deleting what is in this file deletes the CRD, and with it every JsonWebKeySet.
""",
    NAMESPACE_INSTALL: """\
# jwks-operator for one namespace, without a ClusterRole:
#   kubectl apply --server-side -n NAMESPACE -f namespace-install.yaml
# The CRD must be there (crds.yaml); who may create one applies it once for the cluster.
""",
    SIDECAR: """\
# The server as a sidecar of pods labelled jwks-operator.dev/serve, beside install.yaml. Kubernetes 1.36 or newer: older
# API servers do not serve MutatingAdmissionPolicies, and refuse this file.
""",
}
_HELMS = ("helm.sh/", "meta.helm.sh/")
_MANAGED_BY = "app.kubernetes.io/managed-by"
_HERE = "$(POD_NAMESPACE)"
_OLDEST = "--kube-version=1.30.0"


def render_manifests(image: str | None = None) -> dict[str, str]:
    """Return the text of each file by name; `image` is a repository, the chart's own if None."""
    values: dict[str, Any] = {} if image is None else {"image": {"repository": image}}
    bare = {**values, "sidecarInjection": {"enabled": False}, "signerInjection": {"enabled": False}}
    injecting = (f"--show-only=templates/policy-{name}.yaml" for name in ("sidecar", "signer"))
    found = {
        INSTALL: [_namespace(), *_rendered(bare, _OLDEST)],
        NAMESPACE_INSTALL: [_anywhere(each) for each in _rendered({**values, **_one_namespace()}, _OLDEST)],
        SIDECAR: _rendered(values, WITH_INJECTION, *injecting),
    }
    texts = {name: HEADER + HELPS[name] + _text(each) for name, each in found.items()}
    return texts | {KUSTOMIZATION: _kustomization()}


def _rendered(values: Mapping[str, Any], *options: str) -> list[Object]:
    return [_without_helm(each) for each in render_objects(values, *options)]


def _one_namespace() -> dict[str, Any]:
    off = {"enabled": False}
    return {
        "watchNamespaces": [NAMESPACE],
        "crds": {"install": False},
        "policies": off,
        "sidecarInjection": off,
        "signerInjection": off,
        "rbac": {"aggregate": False},
    }


def _namespace() -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def _without_helm(found: Object) -> Object:
    """Return an object without what helm knows it by."""
    metadata = dict(found["metadata"])
    for part in ("labels", "annotations"):
        kept = {name: value for name, value in (metadata.pop(part, None) or {}).items() if not _is_helms(name, value)}
        if kept:
            metadata[part] = kept
    made = {**found, "metadata": metadata}
    if template := (found.get("spec") or {}).get("template"):
        made["spec"] = {**found["spec"], "template": _without_helm(template)}
    return made


def _is_helms(name: str, value: str) -> bool:
    return name.startswith(_HELMS) or (name, value) == (_MANAGED_BY, "Helm")


def _anywhere(found: Object) -> Object:
    """Return an object for the namespace that it is applied to, whichever that is."""
    made = {**found, "metadata": {name: value for name, value in found["metadata"].items() if name != "namespace"}}
    if "subjects" in found:  # a subject without a namespace is in that of its RoleBinding
        made["subjects"] = [{k: v for k, v in each.items() if k != "namespace"} for each in found["subjects"]]
    if found["kind"] == "Deployment":
        spec = found["spec"]["template"]["spec"]
        containers = [_asking_where(each) for each in spec["containers"]]
        made["spec"] = {**found["spec"], "template": {**found["spec"]["template"]}}
        made["spec"]["template"]["spec"] = {**spec, "containers": containers}
    return made


def _asking_where(container: Object) -> Object:
    """Return a container that learns its namespace when it starts."""
    fixed = {f"--namespace={NAMESPACE}", f"--lease-namespace={NAMESPACE}"}
    args = [f"{each.partition('=')[0]}={_HERE}" if each in fixed else each for each in container["args"]]
    here = {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    return {**container, "args": args, "env": [*container.get("env", ()), here]}


def _text(found: Iterable[Object]) -> str:
    return "".join("---\n" + yaml.dump(each, Dumper=_Dumper, sort_keys=False, width=110) for each in found)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        """Write repeated parts in full."""
        return True


def _kustomization() -> str:
    return f"""\
{HEADER}# A base: kubectl apply --server-side -k manifests, or as a resource of your own kustomization with `images`.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - {INSTALL}
"""


def manifest_paths(texts: Mapping[str, str]) -> dict[Path, str]:
    """Return the texts by the paths of their committed files."""
    return {DIRECTORY / name: text for name, text in texts.items()}
