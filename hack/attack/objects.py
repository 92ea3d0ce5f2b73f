"""The objects that attempts are made with: those of a set, of strangers, and of the cluster."""

import base64
from typing import Any

Object = dict[str, Any]
HERE = "shop"
"""The namespace of the set; in a cluster of yours it has another name."""
OURS = {"app.kubernetes.io/managed-by": "jwks-operator", "jwks-operator.dev/set": "auth"}
PUBLIC = '{"keys":[{"alg":"ES256","crv":"P-256","kid":"d","kty":"EC","use":"sig","x":"k","y":"priv"}]}'
SECRETLY = "c2VjcmV0"
"""A value that no message may quote."""
WORKLOAD = {
    "replicas": 2,
    "selector": {"matchLabels": {"app": "issuer"}},
    "template": {
        "metadata": {"labels": {"app": "issuer"}, "annotations": {"note": "a"}},
        "spec": {"containers": [{"name": "issuer", "image": "issuer:1"}]},
    },
}


def secret_object(labels: dict[str, str] | None = None, name: str = "auth") -> Object:
    """Return a consumer Secret."""
    data = {"signing.jwk": SECRETLY}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels or {}}, "data": data}


def configmap_object(text: str, labels: dict[str, str] | None = None, **more: Any) -> Object:
    """Return a published ConfigMap."""
    metadata = {"name": "auth", "labels": OURS if labels is None else labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"jwks.json": text}, **more}


def plain_object(kind: str, api: str, name: str, **more: Any) -> Object:
    """Return an object of any kind."""
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **more}


def with_set_label(thing: Object, name: str = "auth", **more: Any) -> Object:
    """Return one of ours, with another name, other members and other metadata."""
    metadata = {**thing["metadata"], "name": name, **more.pop("metadata", {})}
    return {**thing, **more, "metadata": metadata}


def secret_data(**data: str) -> dict[str, str]:
    """Return the data of a Secret; an underscore stands for a dot."""
    return {name.replace("_", "."): base64.b64encode(text.encode()).decode() for name, text in data.items()}


SET = plain_object(
    "JsonWebKeySet", "jwks-operator.dev/v1beta1", "auth", spec={"keys": [{"name": "signing", "algorithm": "ES256"}]}
)


def set_asking(where: str, name: str) -> Object:
    """Return a set that asks for a label or annotation of its objects: `secret.labels`, `configMap.annotations`."""
    target = {where.rpartition(".")[2]: {name: "true"}}
    spec = {"secret": target} if where.startswith("secret") else {"publish": {"configMap": target}}
    return {**SET, "spec": {**SET["spec"], **spec}}
