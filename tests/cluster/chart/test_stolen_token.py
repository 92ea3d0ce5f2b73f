"""Whoever has the operator's token tries to become cluster-admin, with every right of RBAC, in both modes."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cluster.chart.acting import ADMIN, HERE, OPERATOR, OURS, PUBLIC, WORKLOAD, Cluster, configmap, plain, secret, until
from cluster.chronicle import Object
from cluster.stage import install_chart
from controlplane import ControlPlane


def _certificate_request() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


CSR = {
    "request": _certificate_request(),
    "signerName": "kubernetes.io/kube-apiserver-client",
    "usages": ["client auth"],
}
RBAC = "rbac.authorization.k8s.io/v1"
SYSTEM = "kube-system"


@pytest.fixture(scope="module", params=[{}, {"watchNamespaces": [HERE]}], ids=["cluster-wide", "named namespaces"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with ControlPlane.start() as plane:
        plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": HERE}})
        install_chart(plane, {"restarts": {"enabled": True}, "podRefresh": {"enabled": True}, **request.param})
        mighty = plane.kubectl(
            "create", "clusterrolebinding", "all", "--clusterrole=cluster-admin", f"--user={OPERATOR}"
        )
        assert mighty.returncode == 0, mighty.stderr
        cluster = Cluster(plane)
        until(lambda: "may not write" in cluster.creates((OPERATOR, ()), plain("Namespace", "v1", "x")))
        yield cluster


def of(thing: Object, name: str = "auth", **more: Any) -> Object:
    """One of ours, with another name, other members and other metadata."""
    metadata = {**thing["metadata"], "name": name, **more.pop("metadata", {})}
    return {**thing, **more, "metadata": metadata}


def holding(**data: str) -> dict[str, str]:
    return {name.replace("_", "."): base64.b64encode(text.encode()).decode() for name, text in data.items()}


WEBHOOK = {
    "webhooks": [
        {
            "name": "a.example.com",
            "clientConfig": {"url": "https://a.example.com"},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
    ]
}
ADMIN_ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
FOR = {"annotations": {"kubernetes.io/service-account.name": "default"}}
OWNER = {"apiVersion": "v1", "kind": "Node", "name": "a", "uid": "b"}
TOKEN = secret(OURS)
SET = configmap(PUBLIC)
WAYS = {
    "a token of a service account": (
        of(TOKEN, type="kubernetes.io/service-account-token", data={}, metadata=FOR),
        HERE,
    ),
    "a token in kube-system": (of(TOKEN, type="kubernetes.io/service-account-token", data={}, metadata=FOR), SYSTEM),
    "a bootstrap token": (
        of(TOKEN, "bootstrap-token-abcdef", type="bootstrap.kubernetes.io/token", data=holding(usage="x")),
        SYSTEM,
    ),
    "a pull secret": (
        of(TOKEN, type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": holding(a="{}")["a"]}),
        HERE,
    ),
    "a Secret that another controller reads": (of(TOKEN, data=holding(server="https://a", config="{}")), HERE),
    "a kubeconfig": (of(TOKEN, data=holding(kubeconfig="{}")), SYSTEM),
    "a keyring under another name": (of(TOKEN, type="jwks-operator.dev/keyring", data={}), HERE),
    "no keyring under the name of one": (of(TOKEN, "auth-keyring"), HERE),
    "a Secret of no set": (
        of(TOKEN, metadata={"labels": {"app.kubernetes.io/managed-by": "jwks-operator"}}),
        HERE,
    ),
    "a finalizer": (of(TOKEN, metadata={"finalizers": ["a.example.com/b"]}), HERE),
    "an owner": (of(TOKEN, metadata={"ownerReferences": [OWNER]}), HERE),
    "who is who on EKS": (of(SET, "aws-auth", data={"mapRoles": '[{"groups": ["system:masters"]}]'}), SYSTEM),
    "the DNS of the cluster": (of(SET, "coredns", data={"Corefile": ".:53 { forward . 192.0.2.1 }"}), SYSTEM),
    "the configuration of the proxies": (of(SET, "kube-proxy", data={"config.conf": '{"kind":"x"}'}), SYSTEM),
    "whom the API server believes": (
        of(SET, "extension-apiserver-authentication", data={"client-ca-file": "-----BEGIN CERTIFICATE-----"}),
        SYSTEM,
    ),
    "a discovery document that is none": (of(SET, data={"openid-configuration": "#!/bin/sh"}), HERE),
    "a token that is none": (of(SET, data={"historical.jwt": "a b"}), HERE),
    "a binding": (
        plain("ClusterRoleBinding", RBAC, "x", roleRef=ADMIN_ROLE, subjects=[{"kind": "User", "name": "me"}]),
        HERE,
    ),
    "a role": (plain("ClusterRole", RBAC, "x", rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]), HERE),
    "a pod": (plain("Pod", "v1", "x", spec={"containers": [{"name": "a", "image": "a:1"}]}), SYSTEM),
    "a workload": (plain("Deployment", "apps/v1", "x", spec=WORKLOAD), SYSTEM),
    "a certificate": (
        plain(
            "CertificateSigningRequest",
            "certificates.k8s.io/v1",
            "x",
            spec=CSR,
        ),
        HERE,
    ),
    "a namespace": (plain("Namespace", "v1", "x"), HERE),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_does_not_become_cluster_admin_by_making(cluster: Cluster, way: str) -> None:
    thing, namespace = WAYS[way]
    said = cluster.creates((OPERATOR, ()), thing, namespace)
    assert "ValidatingAdmissionPolicy 'jwks-operator" in said, said


@pytest.mark.parametrize(
    "command",
    [
        ("create", "token", "default"),
        ("certificate", "approve", "theirs"),
        ("label", "namespace", HERE, "a=b"),
        ("annotate", "clusterrole", "view", "a=b"),
        ("patch", "secret/auth", "--type=merge", '--patch={"data":{"token":"YQ=="}}'),
        ("patch", "configmap/auth", "--type=merge", '--patch={"data":{"Corefile":"."}}'),
        ("label", "secret/auth", "jwks-operator.dev/set-"),
    ],
    ids=" ".join,
)
def test_nor_by_changing(cluster: Cluster, command: tuple[str, ...]) -> None:
    theirs = plain("CertificateSigningRequest", "certificates.k8s.io/v1", "theirs", spec=CSR)
    cluster.creates(ADMIN, theirs, dry=False)
    for thing in (TOKEN, SET):
        cluster.creates((OPERATOR, ()), thing, dry=False)
    said = cluster.does((OPERATOR, ()), *command)
    assert "ValidatingAdmissionPolicy" in said, said


def test_its_work_is_allowed(cluster: Cluster) -> None:
    digest = "A" * 43
    ring = of(
        TOKEN,
        "auth-keyring",
        type="jwks-operator.dev/keyring",
        data=holding(record_json="{}") | {f"{digest}.json": "e30="},
    )
    every = {f"signing-1.{end}": "YQ==" for end in ("jwk", "jwks", "pem", "tls.crt", "tls.key", "kid", "alg")}
    beside = {"openid-configuration": "{}", "historical.jwt": "a-_.b.c", "zz-serve.json": "{}", "any_KEY": PUBLIC}
    for thing in (ring, of(TOKEN, "work", data=every), of(SET, "work", data=beside), of(SET, "shop.auth")):
        assert cluster.creates((OPERATOR, ()), thing) == "", json.dumps(thing)


def test_it_writes_only_where_it_looks(cluster: Cluster) -> None:
    said = cluster.creates((OPERATOR, ()), of(SET, "work"), SYSTEM)
    assert said == "" or "only in the namespaces that it looks after" in said
