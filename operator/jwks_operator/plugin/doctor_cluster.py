"""Checks of the cluster: CRD, leader, rights, clocks, encryption at rest."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from jwks_operator.api.crd import build_crd as wanted_crd
from jwks_operator.api.names import GROUP, LABEL_SHARD, PLURAL, VERSION
from jwks_operator.api.reasons import Reason
from jwks_operator.api.shards import shard_of
from jwks_operator.api.status_model import Condition
from jwks_operator.kube.client import CRDS, LEASES, PODS, Object, Resource
from jwks_operator.plugin.cluster import Cluster, ObservedSet
from jwks_operator.plugin.findings import Finding, error_finding, ok_finding, skip_finding, warning_finding
from jwks_operator.plugin.installed import fields_of, is_established
from jwks_operator.plugin.operators import Operator
from jwks_operator.plugin.output import format_span

_WHOLE = ("get", "list", "watch", "create", "update", "delete")
RIGHTS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (GROUP, PLURAL, "", ("get", "list", "watch")),
    (GROUP, PLURAL, "status", ("patch",)),
    ("", "secrets", "", _WHOLE),
    ("", "configmaps", "", _WHOLE),
    ("", "events", "", ("create",)),
)
"""The rights that the operator needs in every namespace with sets: group, resource, subresource, verbs."""
MINE: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (GROUP, PLURAL, "", ("get", "list", "patch")),
    ("", "configmaps", "", ("get",)),
    ("", "secrets", "", ("get",)),
)
"""The rights that this tool needs: to read, to request, and (for verify and export --private only) to read Secrets."""
NAMESPACES_MOST = 10
"""The most namespaces in which rights are checked: each costs one request for each verb."""
SKEW = timedelta(seconds=3)
"""The tolerance for whole seconds in a Date header and its transfer."""
_SUBJECT = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False)
_SELF = Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False)


async def check_crd(cluster: Cluster) -> AsyncIterator[Finding]:
    """Is the CRD installed, served, and of this version?"""
    wanted = wanted_crd()
    name = wanted["metadata"]["name"]
    seen = await cluster.client.read(CRDS, None, name)
    cure = "kubectl apply --server-side -f crds/"
    if seen is None:
        yield error_finding("crd", f"{name} is not there", cure)
        return
    version = next((one for one in seen["spec"]["versions"] if one["name"] == VERSION), None)
    if not is_established(seen) or version is None or not version["served"]:
        yield error_finding("crd", f"{name} does not serve {VERSION}", f"{cure}; see kubectl describe crd {name}")
    elif fields_of(version) != fields_of(wanted["spec"]["versions"][0]):
        message = "the CRD is of another version than this plugin: they know different fields"
        yield warning_finding("crd", message, "install CRD, operator and plugin of one version")
    else:
        yield ok_finding("crd", f"{VERSION} is served, of this version")


async def check_leader(cluster: Cluster, operator: Operator) -> AsyncIterator[Finding]:
    """Is there a leader, and is it alive?"""
    where = f"namespace {operator.namespace}"
    if operator.lease is None:
        message = f"no Lease of an operator in {where}: it is not there, or runs without leader election"
        yield warning_finding(
            "leader", message, f"kubectl get pods -n {operator.namespace}; or give --operator-namespace"
        )
        return
    yield _leading(cluster, operator.lease, "", "jwks-operator")


async def check_shards(cluster: Cluster, operator: Operator, sets: Sequence[ObservedSet]) -> AsyncIterator[Finding]:
    """Has the shard of every set a leader?"""
    if operator.lease is None:
        return
    for shard in sorted({found for seen in sets if (found := shard_of(seen.object)) is not None}):
        its = ", ".join(str(seen.ref) for seen in sets if shard_of(seen.object) == shard)
        name = f"{operator.lease['metadata']['name']}-{shard}"
        lease = await cluster.client.read(LEASES, operator.namespace, name) if shard else None
        if lease is None:
            message = f"nobody looks after {its}: no Lease {name} of shard {shard!r} in namespace {operator.namespace}"
            yield error_finding(
                "leader", message, f"correct the label {LABEL_SHARD}, or add the shard to the chart's shards"
            )
            continue
        yield _leading(cluster, lease, f"shard {shard} ", f"jwks-operator-shard-{shard}")


def _leading(cluster: Cluster, lease: Object, what: str, deployment: str) -> Finding:
    """Return whether the holder of a Lease exists and is alive."""
    spec, namespace = lease.get("spec") or {}, lease["metadata"]["namespace"]
    where, logs = f"{what}in namespace {namespace}", f"kubectl logs -n {namespace} deploy/{deployment}"
    holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
    if not holder or not renewed:
        return error_finding("leader", f"nobody leads {where}", logs)
    old = cluster.now() - datetime.fromisoformat(renewed)
    if old > timedelta(seconds=int(spec.get("leaseDurationSeconds") or 15)):
        message = f"{holder} leads {where}, and was last heard of {format_span(old)} ago: nothing rotates"
        return error_finding("leader", message, f"kubectl get pods -n {namespace}; {logs}")
    return ok_finding("leader", f"{holder} leads {where}")


async def check_operator_rights(
    cluster: Cluster, operator: Operator, sets: Sequence[ObservedSet]
) -> AsyncIterator[Finding]:
    """Has the operator's service account its rights in every namespace with sets?"""
    namespaces = sorted({seen.ref.namespace for seen in sets})[:NAMESPACES_MOST] or [""]
    user = f"system:serviceaccount:{operator.namespace}:{operator.account}"
    bad = False
    for namespace in namespaces:
        denied = await _denied(cluster, namespace, RIGHTS, user)
        where = f"namespace {namespace}" if namespace else "the cluster"
        if denied:
            bad = True
            message = f"{user} may not {'; '.join(denied)} in {where}"
            yield error_finding(
                "rights",
                message,
                "helm upgrade, with the namespace in watchNamespaces if that is set",
            )
    if not bad:
        yield ok_finding("rights", f"{user} may do what it has to")


async def check_user_rights(cluster: Cluster) -> AsyncIterator[Finding]:
    """Has the user the rights for this tool?"""
    denied = await _denied(cluster, cluster.namespace, MINE, None)
    if denied:
        message = f"you may not {'; '.join(denied)} in namespace {cluster.namespace}"
        yield skip_finding(
            "rights", message, "patch is for requests, secrets are for verify and export --private alone"
        )
    else:
        yield ok_finding("rights", f"you may use every command in namespace {cluster.namespace}")


Rights = Iterable[tuple[str, str, str, tuple[str, ...]]]


async def _denied(cluster: Cluster, namespace: str, rights: Rights, user: str | None) -> list[str]:
    """Return the denied verbs by resource."""
    asked = [(group, plural, sub, verb) for group, plural, sub, verbs in rights for verb in verbs]
    answers = await asyncio.gather(*(_allowed(cluster, namespace, each, user) for each in asked))
    denied: dict[str, list[str]] = {}
    for (_, plural, sub, verb), allowed in zip(asked, answers, strict=True):
        if not allowed:
            denied.setdefault(f"{plural}/{sub}" if sub else plural, []).append(verb)
    return [f"{', '.join(verbs)} {plural}" for plural, verbs in denied.items()]


async def _allowed(cluster: Cluster, namespace: str, asked: tuple[str, str, str, str], user: str | None) -> bool:
    group, plural, sub, verb = asked
    attributes = {"group": group, "resource": plural, "subresource": sub, "verb": verb, "namespace": namespace}
    resource = _SELF if user is None else _SUBJECT
    spec = {"resourceAttributes": attributes} | ({} if user is None else {"user": user, "groups": _groups(user)})
    review = await cluster.client.create(resource, None, {"metadata": {}, "spec": spec})
    return bool(review["status"]["allowed"])


def _groups(user: str) -> list[str]:
    """The groups that every service account is in."""
    return ["system:serviceaccounts", f"system:serviceaccounts:{user.split(':')[2]}", "system:authenticated"]


async def check_clocks(cluster: Cluster, sets: Sequence[ObservedSet]) -> AsyncIterator[Finding]:
    """Do the clocks agree: this machine's, the API server's, the operator's?"""
    apart = abs(datetime.now(UTC) - cluster.now())
    if apart > SKEW:
        yield warning_finding(
            "clock", f"this machine and the API server differ by {format_span(apart)}", "set the clock: chrony, ntp"
        )
    doubtful = [str(seen.ref) for seen in sets if any(c.reason == Reason.CLOCK_UNCERTAIN for c in _bad(seen))]
    if doubtful:
        message = f"the operator's clock and the API server's differ: nothing moves by time in {', '.join(doubtful)}"
        yield error_finding("clock", message, "set the clocks of the nodes: chrony, ntp")
    elif apart <= SKEW:
        yield ok_finding("clock", "this machine, the API server and the operator agree")


def _bad(seen: ObservedSet) -> Iterable[Condition]:
    return [one for one in seen.status.conditions if one.type == "Degraded" and one.status == "True"]


async def check_encryption(cluster: Cluster) -> AsyncIterator[Finding]:
    """Are Secrets encrypted in etcd? The answer comes from the command line of an API server that runs as a pod."""
    pods, _ = await cluster.client.list(PODS, "kube-system", "component=kube-apiserver")
    words = [word for pod in pods for one in pod["spec"]["containers"] for word in _command(one)]
    cure = "https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/"
    if any(word.startswith("--encryption-provider-config") for word in words):
        yield ok_finding("encryption", "the API server has an encryption configuration; check that it names secrets")
    elif words:
        yield warning_finding(
            "encryption", "Secrets stand in etcd unencrypted: who reads its backups has the keys", cure
        )
    else:
        yield skip_finding(
            "encryption", "cannot be told: the API server is no pod here", f"ask your provider, or see {cure}"
        )


def _command(container: Object) -> list[str]:
    return [*(container.get("command") or ()), *(container.get("args") or ())]
