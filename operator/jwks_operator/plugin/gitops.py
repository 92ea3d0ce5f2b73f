"""Finds other field managers that would remove a request: GitOps tools, and `kubectl apply` of a manifest."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jwks_operator.api.names import RESERVED_PREFIX
from jwks_operator.kube.user_connection import FIELD_MANAGER
from jwks_operator.plugin.cluster import ObservedSet

TOOLS = {
    "argocd": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
    "helm": "Helm",
    "fleet": "Fleet",
    "rancher": "Fleet",
    "configmanagement": "Config Sync",
    "kapp": "kapp",
}
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def find_annotation_owners(seen: ObservedSet, annotations: Iterable[str]) -> Iterator[str]:
    """Yield each field manager that would remove these annotations, with the cure."""
    for annotation in annotations:
        for manager in managers_of(seen, annotation):
            whose = tool_of(manager) or manager
            yield f"{annotation} is kept by {whose}, which puts its own value back; change it where that is kept"
        if annotation in _applied(seen):
            yield f"{annotation} is in the manifest that kubectl apply was given; the next apply puts its value back"


def managers_of(seen: ObservedSet, annotation: str) -> tuple[str, ...]:
    """Return the field managers, other than ours, that hold an annotation of the set."""
    found = []
    for entry in seen.object["metadata"].get("managedFields") or ():
        held: Mapping[str, Any] = entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {})
        # kubectl annotate is a person, too, and does not come back.
        if f"f:{annotation}" in held and entry.get("manager") not in {
            FIELD_MANAGER,
            "kubectl-annotate",
            "kubectl-edit",
        }:
            found.append(str(entry.get("manager")))
    return tuple(dict.fromkeys(found))


def tool_of(manager: str) -> str | None:
    """Return the GitOps tool behind a field manager; None for an unknown one."""
    return next((tool for mark, tool in TOOLS.items() if mark in manager.lower()), None)


def describe_owned_requests(seen: ObservedSet) -> Iterator[str]:
    """Yield a sentence for each request of the set that another field manager owns."""
    yield from find_annotation_owners(seen, [name for name in seen.annotations if name.startswith(RESERVED_PREFIX)])


def _applied(seen: ObservedSet) -> Mapping[str, Any]:
    try:
        document = json.loads(seen.annotations.get(_LAST_APPLIED, "{}"))
    except ValueError:
        return {}
    annotations = (document.get("metadata") or {}).get("annotations") if isinstance(document, dict) else None
    return annotations if isinstance(annotations, dict) else {}
