"""What is installed in a cluster: the CRD, and the operators with their versions."""

import re
from dataclasses import dataclass

from jwks_operator.api.crd import build_crd
from jwks_operator.api.names import VERSION
from jwks_operator.kube.client import CRDS, Object, Resource
from jwks_operator.kube.errors import NotServed, Refused
from jwks_operator.plugin.cluster import Cluster

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
_CHART = "jwks-operator"
_OPERATORS = "app.kubernetes.io/component in (operator,shard)"
_VERSION = re.compile(r"v?(\d+\.\d+\.\d+\S*)")


@dataclass(frozen=True, slots=True)
class Definition:
    """The CustomResourceDefinition, as far as it can be read; `served` is None if it may not be."""

    served: bool | None
    same_fields: bool = False
    """Whether it has the fields that this version knows, no more and no fewer."""


@dataclass(frozen=True, slots=True)
class Running:
    """The Deployment of an operator; `version` is that of its image, or of its labels if the image is pinned."""

    namespace: str
    name: str
    version: str
    image: str
    ready: int
    wanted: int


async def find_definition(cluster: Cluster) -> Definition:
    """Read the CRD and compare its fields with those of this version."""
    wanted = build_crd()
    try:
        seen = await cluster.client.read(CRDS, None, wanted["metadata"]["name"])
    except Refused:
        return Definition(None)
    version = None if seen is None else next((v for v in seen["spec"]["versions"] if v["name"] == VERSION), None)
    if seen is None or version is None or not version["served"] or not is_established(seen):
        return Definition(served=False)
    return Definition(served=True, same_fields=fields_of(version) == fields_of(wanted["spec"]["versions"][0]))


def is_established(definition: Object) -> bool:
    """Return whether the API server serves a CRD."""
    conditions = definition.get("status", {}).get("conditions", [])
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def fields_of(version: Object) -> set[str]:
    """Return the paths of all fields in the schema of a version of a CRD."""
    found: set[str] = set()
    left = [("", version["schema"]["openAPIV3Schema"])]
    while left:
        path, schema = left.pop()
        for name, value in (schema.get("properties") or {}).items():
            found.add(f"{path}.{name}")
            left += [(f"{path}.{name}", value), (f"{path}.{name}", value.get("items") or {})]
    return found


async def find_operators(cluster: Cluster) -> list[Running] | None:
    """List the operators of all namespaces, or of this one if that is all that may be listed; None if neither may."""
    for namespace in (None, cluster.namespace):
        try:
            found, _ = await cluster.client.list(DEPLOYMENTS, namespace, _OPERATORS)
        except (Refused, NotServed):
            continue
        return sorted((_running(each) for each in found if _is_ours(each)), key=lambda it: (it.namespace, it.name))
    return None


def _is_ours(deployment: Object) -> bool:
    labels = deployment["metadata"].get("labels") or {}
    chart = str(labels.get("helm.sh/chart", ""))
    return labels.get("app.kubernetes.io/name") == _CHART or chart.startswith(f"{_CHART}-")


def _running(deployment: Object) -> Running:
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    containers = deployment["spec"]["template"]["spec"]["containers"]
    image = next((each["image"] for each in containers if each["name"] == "operator"), containers[0]["image"])
    tag = _VERSION.fullmatch(image.rpartition("/")[2].partition("@")[0].partition(":")[2])
    labelled = str((metadata.get("labels") or {}).get("app.kubernetes.io/version", "unknown"))
    return Running(
        metadata["namespace"],
        metadata["name"],
        tag[1] if tag else labelled,
        image,
        int(status.get("readyReplicas") or 0),
        int(deployment["spec"].get("replicas", 1)),
    )
