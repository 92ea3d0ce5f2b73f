"""What a tenant and a thief of the operator's token try, as data: `make attack` and the tests share these tables.

Each attempt is refused, whatever rights RBAC gives: the chart's policies say no.
"""

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from attack.objects import (
    HERE,
    OURS,
    PUBLIC,
    SET,
    WORKLOAD,
    Object,
    configmap_object,
    plain_object,
    secret_data,
    secret_object,
    set_asking,
    with_set_label,
)

SYSTEM = "kube-system"
Made = dict[str, tuple[Object, str]]
"""What is to be created and in which namespace, by what it is."""
Changes = dict[str, tuple[str, ...]]
"""Arguments of kubectl, by what they do."""
RBAC = "rbac.authorization.k8s.io/v1"
ADMIN_ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
FOR = {"annotations": {"kubernetes.io/service-account.name": "default"}}
OWNER = {"apiVersion": "v1", "kind": "Node", "name": "a", "uid": "b"}
TOKEN = secret_object(OURS)
PUBLISHED = configmap_object(PUBLIC)


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

THIEF_MAKES: Made = {
    "a token of a service account": (
        with_set_label(TOKEN, type="kubernetes.io/service-account-token", data={}, metadata=FOR),
        HERE,
    ),
    "a token in kube-system": (
        with_set_label(TOKEN, type="kubernetes.io/service-account-token", data={}, metadata=FOR),
        SYSTEM,
    ),
    "a bootstrap token": (
        with_set_label(
            TOKEN, "bootstrap-token-abcdef", type="bootstrap.kubernetes.io/token", data=secret_data(usage="x")
        ),
        SYSTEM,
    ),
    "a pull secret": (
        with_set_label(
            TOKEN, type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": secret_data(a="{}")["a"]}
        ),
        HERE,
    ),
    "a Secret that another controller reads": (
        with_set_label(TOKEN, data=secret_data(server="https://a", config="{}")),
        HERE,
    ),
    "a kubeconfig": (with_set_label(TOKEN, data=secret_data(kubeconfig="{}")), SYSTEM),
    "a keyring under another name": (with_set_label(TOKEN, type="jwks-operator.dev/keyring", data={}), HERE),
    "no keyring under the name of one": (with_set_label(TOKEN, "auth-keyring"), HERE),
    "a Secret of no set": (
        with_set_label(TOKEN, metadata={"labels": {"app.kubernetes.io/managed-by": "jwks-operator"}}),
        HERE,
    ),
    "a finalizer": (with_set_label(TOKEN, metadata={"finalizers": ["a.example.com/b"]}), HERE),
    "an owner": (with_set_label(TOKEN, metadata={"ownerReferences": [OWNER]}), HERE),
    "who is who on EKS": (
        with_set_label(PUBLISHED, "aws-auth", data={"mapRoles": '[{"groups": ["system:masters"]}]'}),
        SYSTEM,
    ),
    "the DNS of the cluster": (
        with_set_label(PUBLISHED, "coredns", data={"Corefile": ".:53 { forward . 192.0.2.1 }"}),
        SYSTEM,
    ),
    "the configuration of the proxies": (
        with_set_label(PUBLISHED, "kube-proxy", data={"config.conf": '{"kind":"x"}'}),
        SYSTEM,
    ),
    "whom the API server believes": (
        with_set_label(
            PUBLISHED, "extension-apiserver-authentication", data={"client-ca-file": "-----BEGIN CERTIFICATE-----"}
        ),
        SYSTEM,
    ),
    "a discovery document that is none": (with_set_label(PUBLISHED, data={"openid-configuration": "#!/bin/sh"}), HERE),
    "a token that is none": (with_set_label(PUBLISHED, data={"historical.jwt": "a b"}), HERE),
    "a binding": (
        plain_object("ClusterRoleBinding", RBAC, "x", roleRef=ADMIN_ROLE, subjects=[{"kind": "User", "name": "me"}]),
        HERE,
    ),
    "a role": (
        plain_object("ClusterRole", RBAC, "x", rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]),
        HERE,
    ),
    "a pod": (plain_object("Pod", "v1", "x", spec={"containers": [{"name": "a", "image": "a:1"}]}), SYSTEM),
    "a workload": (plain_object("Deployment", "apps/v1", "x", spec=WORKLOAD), SYSTEM),
    "a certificate": (
        plain_object(
            "CertificateSigningRequest",
            "certificates.k8s.io/v1",
            "x",
            spec=CSR,
        ),
        HERE,
    ),
    "a namespace": (plain_object("Namespace", "v1", "x"), HERE),
}
"""By which the operator's account would become more than it is."""

THIEF_CHANGES: Changes = {
    "make a token": ("create", "token", "default"),
    "approve a certificate": ("certificate", "approve", "theirs"),
    "label a namespace": ("label", "namespace", HERE, "a=b"),
    "change a role": ("annotate", "clusterrole", "view", "a=b"),
    "put a token into a Secret of a set": ("patch", "secret/auth", "--type=merge", '--patch={"data":{"token":"YQ=="}}'),
    "put a Corefile into a published set": (
        "patch",
        "configmap/auth",
        "--type=merge",
        '--patch={"data":{"Corefile":"."}}',
    ),
    "take a Secret from its set": ("label", "secret/auth", "jwks-operator.dev/set-"),
    "take over a Secret of another owner": ("label", "secret/theirs", "app.kubernetes.io/managed-by=jwks-operator"),
    "delete a Secret of another owner": ("delete", "secret/theirs"),
    "delete all Secrets": ("delete", "secret", "--all"),
    "delete a namespace": ("delete", "namespace", HERE),
}

ALLOWED_TO_TENANT: Made = {
    "a set": (SET, HERE),
    "a ConfigMap": (with_set_label(configmap_object(PUBLIC, labels={}), "mine"), HERE),
}
ALLOWED_TO_OPERATOR: Made = {
    "the Secret of a set": (with_set_label(TOKEN, "work"), HERE),
    "a published set": (with_set_label(PUBLISHED, "work"), HERE),
}
"""What has to go well, so that a refusal says something."""

TENANT_CHANGES: Changes = {
    "edit a Secret": ("patch", "secret/auth", "--type=merge", '--patch={"data":{"signing.jwk":""}}'),
    "take the label off a Secret": ("label", "secret/auth", "app.kubernetes.io/managed-by-"),
    "label another Secret": ("label", "secret/theirs", "app.kubernetes.io/managed-by=jwks-operator"),
    "move the ConfigMap to another shard": ("label", "configmap/auth", "jwks-operator.dev/shard=blue"),
    "edit the published set": ("patch", "configmap/auth", "--type=merge", '--patch={"data":{"x":"{}"}}'),
    "delete the published set": ("delete", "configmap/auth"),
    "delete a Secret": ("delete", "secret/auth", "--cascade=orphan"),
    "delete everything": ("delete", "secret,configmap", "--all"),
}
"""Of objects of a set."""

TENANT_MAKES: Made = {
    "an object with the operator's label": (PUBLISHED, HERE),
    "a published set with a private member": (configmap_object('{"keys":[{"kty":"EC","d":"x"}]}'), HERE),
    **{
        f"a set whose objects ask for a copy: {where}, {name}": (set_asking(where, name), HERE)
        for where, name in (
            ("secret.labels", "replicator.v1.mittwald.de/replicate-to"),
            ("secret.annotations", "reflector.v1.k8s.emberstack.com/reflection-allowed"),
            ("configMap.annotations", "kubed.appscode.com/sync"),
        )
    },
}
