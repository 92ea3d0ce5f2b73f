"""What the operator asked of the API server against what it may ask: both ways, so that neither grows alone."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from cluster.reading import published
from cluster.stage import Stage

Event = dict[str, Any]
"""An audit event."""
SPEC = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "rotation": {"every": "3s", "rollbackWindow": "1s"},
    "timing": {
        "propagation": "1s",
        "cacheMaxAge": "1s",
        "verifierRefresh": "1s",
        "tokenLifetime": "1s",
        "clockSkew": "1s",
    },
}

REFRESHED = "jwks-operator.dev/refreshed-at"
RESTARTED = "jwks-operator.dev/restarted-for"


def resource(event: Event) -> str:
    """The resource as RBAC names it."""
    ref = event["objectRef"]
    return "/".join(filter(None, (ref["resource"], ref.get("subresource"))))


def refused(event: Event) -> bool:
    """Whether RBAC or a policy said no."""
    return bool(event["responseStatus"]["code"] == HTTPStatus.FORBIDDEN)


def unlike(rules: Iterable[dict[str, list[str]]], asked: Iterable[Event]) -> list[str]:
    """Where rights and use differ, in words."""
    granted = {
        f"{verb} {group}/{name}"
        for rule in rules
        for group in rule["apiGroups"]
        for name in rule["resources"]
        for verb in rule["verbs"]
    }
    used = {f"{each['verb']} {each['objectRef'].get('apiGroup', '')}/{resource(each)}" for each in asked}
    return sorted(
        [*(f"never used: {each}" for each in granted - used), *(f"not granted: {each}" for each in used - granted)]
    )


def live_with_endpoints(stage: Stage) -> None:
    """Have a set ask what the pods of a Service serve, until it says that they do not."""
    service = {"metadata": {"name": "auth-jwks"}, "spec": {"selector": {"app": "server"}, "ports": [{"port": 80}]}}
    pod = {
        "metadata": {"name": "server", "labels": {"app": "server"}},
        "spec": {"containers": [{"name": "server", "image": "server:1"}]},
    }
    endpoint = {
        "addresses": ["192.0.2.1"],
        "conditions": {"ready": True},
        "targetRef": {"kind": "Pod", "name": "server", "namespace": stage.namespace},
    }
    slices = {
        "addressType": "IPv4",
        "metadata": {"name": "auth-jwks-1", "labels": {"kubernetes.io/service-name": "auth-jwks"}},
        "endpoints": [endpoint],
        "ports": [{"name": "jwks", "port": 8080, "protocol": "TCP"}],
    }
    here = stage.namespace
    stage.until(lambda: _exists(stage, f"/api/v1/namespaces/{here}/serviceaccounts/default"), "an account for the pod")
    stage.plane.api("POST", f"/api/v1/namespaces/{here}/services", service)
    stage.plane.api("POST", f"/api/v1/namespaces/{here}/pods", pod)
    stage.plane.api("POST", f"/apis/discovery.k8s.io/v1/namespaces/{here}/endpointslices", slices)
    stage.create("auth", {**SPEC, "publish": {"serviceName": "auth-jwks"}})
    stage.until(lambda: "is no running pod" in _words(stage), "the set to tell of the endpoint")
    stage.delete("JsonWebKeySet", "auth")


def live_with_workloads(stage: Stage) -> None:
    """Have a set restart a workload of each kind, of its own accord when its key rotates."""
    apps = f"/apis/apps/v1/namespaces/{stage.namespace}"
    for kind, plural in (("Deployment", "deployments"), ("StatefulSet", "statefulsets"), ("DaemonSet", "daemonsets")):
        template = {
            "metadata": {"labels": {"app": plural}},
            "spec": {"containers": [{"name": "issuer", "image": "issuer:1"}]},
        }
        spec = {"selector": {"matchLabels": {"app": plural}}, "template": template}
        metadata = {"name": "issuer", "labels": {"jwks-operator.dev/allow-set": "auth"}}
        body = {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}
        stage.plane.api("POST", f"{apps}/{plural}", body)
    restart = {"secret": {"restart": {"within": "1s"}}}
    stage.create("auth", {**SPEC, **restart})

    def restarted() -> bool:
        found = [
            stage.plane.api("GET", f"{apps}/{plural}/issuer")
            for plural in ("deployments", "statefulsets", "daemonsets")
        ]
        return all(RESTARTED in each["spec"]["template"]["metadata"].get("annotations", {}) for each in found)

    stage.until(restarted, "each workload to be restarted")
    stage.delete("JsonWebKeySet", "auth")


def live_with_pods(stage: Stage) -> None:
    """Have a key revoked, and a pod that mounts the Secret told of it."""
    pods = f"/api/v1/namespaces/{stage.namespace}/pods"
    stage.until(
        lambda: _exists(stage, f"/api/v1/namespaces/{stage.namespace}/serviceaccounts/default"), "an account for it"
    )
    volume = {"name": "keys", "secret": {"secretName": "auth"}}
    metadata = {"name": "issuer", "labels": {"jwks-operator.dev/allow-set": "auth"}}
    spec = {"containers": [{"name": "issuer", "image": "issuer:1"}], "volumes": [volume]}
    stage.plane.api("POST", pods, {"metadata": metadata, "spec": spec})
    stage.create("auth", {"keys": SPEC["keys"]})
    stage.until_ready("auth")
    (kid,) = (key["kid"] for key in stage.there("JsonWebKeySet", "auth")["status"]["keys"] if key["state"] == "Active")
    stage.patch("auth", {"spec": {"revoked": [{"kid": kid, "reason": "KeyCompromise"}]}})
    stage.until(
        lambda: REFRESHED in stage.plane.api("GET", f"{pods}/issuer")["metadata"].get("annotations", {}), "the pod"
    )
    stage.delete("JsonWebKeySet", "auth")


def live_with_a_copy(stage: Stage, other: str) -> None:
    """Have a set publish into another namespace, which is labelled `wants` and consents; then take it back."""
    stage.create("auth", {**SPEC, "publish": {"namespaces": {"matchLabels": {"wants": "keys"}}}})
    path = f"/api/v1/namespaces/{other}/configmaps/{stage.namespace}.auth"
    stage.until(lambda: _exists(stage, path), "the copy")
    stage.delete("JsonWebKeySet", "auth")
    stage.until(lambda: not _exists(stage, path), "the end of the copy")


def live_with_a_dispute(stage: Stage) -> None:
    """Edit what a set publishes after every repair, until the operator has told of it."""
    stage.create("disputed", {"keys": SPEC["keys"]})
    stage.until_ready("disputed")

    def told() -> bool:
        if published(stage.latest("ConfigMap", "disputed")):
            stage.edit("ConfigMap", "disputed", lambda thing: thing["data"].update({"jwks.json": '{"keys":[]}'}))
        return any(each.object["reason"] == "ObjectDisputed" for each in stage.chronicle.sightings("Event"))

    stage.until(told, "the Event of the dispute", 90)
    stage.delete("JsonWebKeySet", "disputed")


def _words(stage: Stage) -> str:
    status = (stage.latest("JsonWebKeySet", "auth") or {}).get("status") or {}
    return " ".join(each["message"] for each in status.get("conditions") or [])


def _exists(stage: Stage, path: str) -> bool:
    done = stage.plane.kubectl("get", "--raw", path)
    return done.returncode == 0
