"""Finds the operator by its Lease and the pod that holds it."""

from dataclasses import dataclass

from jwks_operator.kube.client import LEASES, PODS, Object
from jwks_operator.kube.errors import Refused
from jwks_operator.plugin.cluster import Cluster

LEASE = "jwks-operator"
NAMESPACE = "jwks-operator"
ACCOUNT = "jwks-operator"


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator: its namespace, its Lease and its service account, as far as they are found."""

    namespace: str
    account: str
    lease: Object | None = None


async def find_operator(cluster: Cluster, namespace: str | None) -> Operator:
    """Return the operator of a namespace, else the one whose Lease is found; its usual place if none is."""
    lease = await _lease(cluster, namespace)
    where = namespace or (lease["metadata"]["namespace"] if lease else NAMESPACE)
    holder = str((lease or {}).get("spec", {}).get("holderIdentity") or "").rpartition("_")[0]
    pod = await _read(cluster, where, holder) if holder else None
    account = ACCOUNT if pod is None else pod["spec"].get("serviceAccountName") or ACCOUNT
    return Operator(where, account, lease)


async def _lease(cluster: Cluster, namespace: str | None) -> Object | None:
    try:
        leases, _ = await cluster.client.list(LEASES, namespace)
    except Refused:
        return None
    ours = [each for each in leases if each["metadata"]["name"].endswith(LEASE)]
    return next(iter(ours), None)


async def _read(cluster: Cluster, namespace: str, name: str) -> Object | None:
    try:
        return await cluster.client.read(PODS, namespace, name)
    except (Refused, ValueError):
        return None
