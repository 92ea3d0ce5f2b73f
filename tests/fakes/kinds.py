"""What the fake serves: the built-in kinds the operator meets, and whatever its CRDs declare."""

from dataclasses import dataclass, field

from fakes.store import Store
from fakes.structural import Schema
from jwks_operator.kube.client import CONFIGMAPS, CRDS, EVENTS, LEASES, NAMESPACES, PODS, SECRETS, Object, Resource
from jwks_operator.kube.endpoints import ENDPOINT_SLICES, SERVICES
from jwks_operator.kube.workloads import WORKLOADS


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource and how the server treats it.

    `schema` is the structural schema of a custom resource, None for a built-in kind, whose top-level fields
    are `fields`. `upsert`: a PUT of a missing object creates it.
    """

    resource: Resource
    schema: Schema | None = field(default=None, hash=False)
    fields: frozenset[str] = frozenset()
    status: bool = False
    upsert: bool = False


def _builtin(resource: Resource, *fields: str, status: bool = False, upsert: bool = False) -> Kind:
    known = frozenset({"apiVersion", "kind", "metadata", *fields})
    return Kind(resource, fields=known, status=status, upsert=upsert)


_EVENT_FIELDS = (
    "involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "type",
    "eventTime", "series", "action", "related", "reportingComponent", "reportingInstance",
)  # fmt: skip
BUILTIN = (
    _builtin(NAMESPACES, "spec", "status", status=True),
    _builtin(SECRETS, "data", "stringData", "type", "immutable"),
    _builtin(CONFIGMAPS, "data", "binaryData", "immutable"),
    _builtin(EVENTS, *_EVENT_FIELDS, upsert=True),
    _builtin(LEASES, "spec", upsert=True),
    _builtin(SERVICES, "spec", "status", status=True),
    _builtin(PODS, "spec", "status", status=True),
    _builtin(ENDPOINT_SLICES, "addressType", "endpoints", "ports"),
    *(_builtin(workload, "spec", "status", status=True) for workload in WORKLOADS),
    _builtin(CRDS, "spec", "status", status=True),
)


def served(store: Store) -> list[Kind]:
    """Return every kind the server serves now."""
    return [*BUILTIN, *(kind for crd in store.peek(CRDS) for kind in custom(crd))]


def custom(crd: Object) -> list[Kind]:
    """Return the kinds that one CRD declares, one for each served version."""
    spec = crd["spec"]
    names = spec["names"]
    return [
        Kind(
            Resource(spec["group"], each["name"], names["plural"], names["kind"], spec["scope"] == "Namespaced"),
            schema=each["schema"]["openAPIV3Schema"],
            status="status" in each.get("subresources", {}),
        )
        for each in spec["versions"]
        if each["served"]
    ]
