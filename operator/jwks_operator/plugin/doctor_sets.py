"""Checks of the sets and their users: lag, stuck steps, mounts that no rotation reaches, GitOps."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jwks_operator.api.names import SetRef, keyring_name
from jwks_operator.api.reasons import Wait
from jwks_operator.kube.client import PODS, SECRETS, Object
from jwks_operator.kube.pod_volumes import list_volume_sources
from jwks_operator.plugin.cluster import Cluster, ObservedSet
from jwks_operator.plugin.findings import Finding, error_finding, ok_finding, warning_finding
from jwks_operator.plugin.gitops import describe_owned_requests
from jwks_operator.plugin.output import format_span

LATE = timedelta(minutes=2)
"""How late a transition may be; a working operator needs seconds."""
_LOGS = "is the operator running? see the finding about the leader, and its logs"
_TRACKING = (
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
    ("meta.helm.sh/release-name", "Helm"),
)


async def check_progress(cluster: Cluster, sets: Sequence[ObservedSet]) -> AsyncIterator[Finding]:
    """Is each set observed, ready, and without an overdue transition?"""
    if not sets:
        yield ok_finding("sets", f"none in namespace {cluster.namespace}; -A examines all namespaces")
    for seen in sets:
        found = list(_troubles(seen, cluster.now()))
        for one in found:
            yield one
        if not found:
            yield ok_finding("sets", f"{seen.ref} is ready, nothing is late")


def _troubles(seen: ObservedSet, now: datetime) -> Iterator[Finding]:
    if not seen.looked_at:
        since = now - _last_edit(seen.object)
        told = error_finding if since > LATE else warning_finding
        yield told("sets", f"{seen.ref} waits for the operator since {format_span(since)}", _LOGS)
    if seen.complaint is not None:
        yield error_finding("sets", f"{seen.ref}: {seen.complaint}", "correct the spec")
    for condition in seen.status.conditions:
        if (condition.type, condition.status) in {("Ready", "False"), ("Degraded", "True")}:
            told = error_finding if condition.type == "Ready" else warning_finding
            yield told(
                "sets", f"{seen.ref}: {condition.type} is {condition.status}: {condition.reason}", condition.message
            )
        stuck = condition.reason == "StepInProgress" and now - condition.last_transition_time > LATE
        if condition.type == "Rotating" and stuck:
            message = f"{seen.ref}: {condition.message} since {format_span(now - condition.last_transition_time)}"
            yield error_finding(
                "sets", message, f"kubectl describe jwks {seen.ref.name} -n {seen.ref.namespace}; {_LOGS}"
            )
    following = seen.status.next
    if following is None or following.time is None or following.waiting_for == Wait.SUSPEND:
        return
    if now - following.time > LATE:
        message = f"{seen.ref}: {following.action} of {following.name} is {format_span(now - following.time)} late"
        yield error_finding("sets", message, f"it waits for {following.message or 'the operator'}; {_LOGS}")


def _last_edit(the_set: Object) -> datetime:
    """Return when the spec was last written, by managedFields."""
    meta = the_set["metadata"]
    edits = [
        datetime.fromisoformat(one["time"])
        for one in meta.get("managedFields") or ()
        if one.get("subresource") != "status" and "time" in one
    ]
    return max([datetime.fromisoformat(meta["creationTimestamp"]), *edits])


async def check_gitops(sets: Sequence[ObservedSet]) -> AsyncIterator[Finding]:
    """Would another field manager remove requests?"""
    found = [(seen.ref, told) for seen in sets for told in describe_owned_requests(seen)]
    for ref, told in found:
        message, _, cure = told.partition("; ")
        yield warning_finding("gitops", f"{ref}: {message}", cure)
    if sets and not found:
        yield ok_finding("gitops", "nobody takes requests back")


async def check_field_owners(cluster: Cluster, sets: Sequence[ObservedSet]) -> AsyncIterator[Finding]:
    """Does another client own or freeze fields that the operator owns?"""
    for seen in sets:
        ours = [("ConfigMap", seen.configmap)] if seen.configmap else []
        secrets, _ = await cluster.client.list(
            SECRETS, seen.ref.namespace, f"jwks-operator.dev/set={seen.ref.name}", metadata_only=True
        )
        for kind, thing in [*ours, *(("Secret", secret) for secret in secrets)]:
            for finding in _kept(seen.ref, kind, thing):
                yield finding


def _kept(ref: SetRef, kind: str, thing: Object) -> Iterator[Finding]:
    name, marks = f"{kind} {thing['metadata']['name']} of {ref}", _marks(thing)
    for mark, tool in _TRACKING:
        if mark in marks:
            cure = f"take it out of what {tool} keeps: it would prune or revert it; the operator makes it itself"
            yield warning_finding("gitops", f"{name} is tracked by {tool} ({mark})", cure)
    if thing.get("immutable"):
        yield error_finding(
            "gitops", f"{name} is immutable: no rotation reaches it", "delete it: the operator makes it again"
        )


def _marks(thing: Object) -> Mapping[str, str]:
    meta = thing["metadata"]
    return {**(meta.get("labels") or {}), **(meta.get("annotations") or {})}


@dataclass(frozen=True, slots=True)
class _Objects:
    """The names of the objects that pods may mount, and must not, in one namespace."""

    secrets: Mapping[str, SetRef]
    configmaps: Mapping[str, SetRef]
    keyrings: Mapping[str, SetRef]

    def of(self, kind: str, name: str) -> SetRef | None:
        """The set to which an object belongs."""
        return (self.secrets if kind == "Secret" else self.configmaps).get(name)


async def check_mounts(cluster: Cluster, sets: Sequence[ObservedSet]) -> AsyncIterator[Finding]:
    """Do pods use keys in a way that no rotation reaches?"""
    for namespace in sorted({seen.ref.namespace for seen in sets}):
        objects = _objects([seen for seen in sets if seen.ref.namespace == namespace])
        pods, _ = await cluster.client.list(PODS, namespace)
        found = dict.fromkeys(finding for pod in pods for finding in _of_pod(pod, objects))
        for finding in found:
            yield finding
        if not found:
            yield ok_finding("mounts", f"no pod of {namespace} uses keys in a way that misses a rotation")


def _objects(sets: Sequence[ObservedSet]) -> _Objects:
    readable = [(seen, seen.spec) for seen in sets if seen.spec is not None]
    return _Objects(
        {spec.secret.name or seen.ref.name: seen.ref for seen, spec in readable},
        {spec.publish.config_map.name or seen.ref.name: seen.ref for seen, spec in readable},
        {keyring_name(seen.ref.name): seen.ref for seen in sets},
    )


def _of_pod(pod: Object, objects: _Objects) -> Iterator[Finding]:
    spec = pod["spec"]
    volumes = dict(list_volume_sources(spec))
    who = _owner(pod)
    for kind, name in {source for sources in volumes.values() for source in sources}:
        if kind == "Secret" and (ref := objects.keyrings.get(name)) is not None:
            cure = "mount the Secret of the set instead: the keyring is the operator's record, with every private key"
            yield error_finding("mounts", f"{who} mounts Secret {name}, the keyring of {ref}", cure)
    for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
        where = f"{who}, container {container['name']}"
        for mount in container.get("volumeMounts") or ():
            if "subPath" in mount or "subPathExpr" in mount:
                for kind, name in volumes.get(mount["name"], ()):
                    if (ref := objects.of(kind, name)) is not None:
                        message = f"{where} mounts {kind} {name} of {ref} by subPath: it never sees a rotation"
                        yield error_finding("mounts", message, "mount the directory, without subPath")
        for kind, name in _environment(container):
            if (ref := objects.of(kind, name)) is not None:
                message = f"{where} has {kind} {name} of {ref} in its environment: it never sees a rotation"
                yield error_finding("mounts", message, "mount it as a directory, and read the file when it is needed")


def _environment(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in container.get("env") or ():
        given = one.get("valueFrom") or {}
        for kind, field in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
            if field in given:
                yield kind, str(given[field].get("name"))
    for one in container.get("envFrom") or ():
        for kind, field in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
            if field in one:
                yield kind, str(one[field].get("name"))


def _owner(pod: Object) -> str:
    """Yield one finding for the pods of one owner."""
    owners = pod["metadata"].get("ownerReferences") or ()
    name = owners[0]["name"] if owners else pod["metadata"]["name"]
    return f"{owners[0]['kind'] if owners else 'Pod'} {name}"
