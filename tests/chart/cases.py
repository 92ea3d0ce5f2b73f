"""The values that the chart is rendered with: each a golden file, and each accepted by a real API server.

`make generate` writes the golden files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helmchart.render import render
from helmchart.served import WITH_INJECTION

GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Case:
    """Values, and helm's own options where they matter."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    @property
    def golden(self) -> Path:
        """The file with what it is to render."""
        return GOLDEN / f"{self.name}.yaml"

    def rendered(self) -> str:
        """What it renders, without what is long and tested elsewhere: CRD, alerts, dashboard, script."""
        text = render({**self.values, "crds": {"install": False}}, *self.options)
        for begin in ("^spec:\n(?:  #.*\n)*  groups:\n", "^  jwks-operator.json: \\|\n", "^        - \\|\n"):
            text = re.sub(f"({begin})(?:(?: .*)?\n)+?(?=\\S|      env:)", r"\1  …\n", text, flags=re.MULTILINE)
        return text


CASES = (
    Case("defaults"),
    Case("sidecar", options=(WITH_INJECTION, "--show-only=templates/policy-sidecar.yaml")),
    Case(
        "namespaces",
        {
            "watchNamespaces": ["blue", "green"],
            "replicas": 1,
            "restarts": {"enabled": True},
            "podRefresh": {"enabled": True},
        },
    ),
    Case("signer", options=(WITH_INJECTION, "--show-only=templates/policy-signer.yaml")),
    Case(
        "shards",
        {
            "shards": ["blue", "0"],
            "metrics": {
                "serviceMonitor": {"enabled": True},
                "podMonitor": {"enabled": True},
                "rules": {"enabled": True},
            },
        },
    ),
    Case("old-kubernetes", options=("--kube-version=1.30.0", "--show-only=templates/policy-objects.yaml")),
    Case(
        "server",
        {
            "server": {
                "enabled": True,
                "sets": [
                    {"configMap": "auth", "path": "auth"},
                    {"configMap": "mail", "path": "mail"},
                    {"configMap": "auth", "namespace": "shop", "path": "shop"},
                ],
                "tls": {"secretName": "keys-tls"},
                "ingress": {
                    "enabled": True,
                    "className": "nginx",
                    "hosts": ["keys.example.com"],
                    "tlsSecretName": "keys-tls",
                    "clusterIssuer": "letsencrypt",
                    "annotations": {"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"},
                },
                "httpRoute": {
                    "enabled": True,
                    "parentRefs": [{"name": "public"}],
                    "hostnames": ["keys.example.com"],
                },
            }
        },
    ),
    Case(
        "publishers",
        {
            "publishers": [
                {
                    "name": "aws",
                    "namespace": "shop",
                    "configMap": "auth",
                    "to": "s3://keys.example.com/auth",
                    "serviceAccountAnnotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/keys"},
                    "env": {"AWS_REGION": "eu-central-1"},
                },
                {
                    "name": "azure",
                    "configMap": "auth",
                    "to": "az://keys",
                    "serviceAccountAnnotations": {"azure.workload.identity/client-id": "0"},
                    "podLabels": {"azure.workload.identity/use": "true"},
                    "env": {"AZURE_STORAGE_ACCOUNT_NAME": "example"},
                },
                {
                    "name": "minio",
                    "configMap": "auth",
                    "to": "s3://keys/auth",
                    "endpoint": "https://minio.example.com",
                    "takeOver": True,
                    "secretName": "minio-keys",
                },
            ]
        },
        ("--show-only=templates/publishers.yaml",),
    ),
    Case(
        "everything",
        {
            "fullnameOverride": "keys",
            "quota": {"namespaces": ["shop"], "sets": 5},
            "commonLabels": {"team": "platform"},
            "image": {
                "repository": "registry.example.com/jwks-operator",
                "digest": "sha256:" + "0" * 64,
                "pullPolicy": "Always",
                "pullSecrets": ["registry"],
            },
            "operator": {
                "adminHost": "::",
                "adminPort": 9000,
                "logFormat": "text",
                "logLevel": "debug",
                "workers": 2,
                "statusPage": True,
            },
            "serviceAccount": {"annotations": {"example.com/role": "keys"}},
            "podRefresh": {"enabled": True},
            "restarts": {"enabled": True},
            "seen": {
                "hosts": ["*.example.com", "http://edge.internal:8080"],
                "networks": ["10.0.0.0/8"],
                "caFile": "/ca/ca.crt",
                "ports": [443, 8080],
            },
            "deploymentAnnotations": {"reloader.example.com/auto": "true"},
            "podAnnotations": {"example.com/note": "a"},
            "extraEnv": [{"name": "TZ", "value": "UTC"}],
            "extraArgs": ["--workers=4"],
            "extraVolumes": [{"name": "ca", "configMap": {"name": "company-ca"}}],
            "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/company", "readOnly": True}],
            "extraObjects": [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {
                        "name": "{{ .Release.Name }}-note",
                        "labels": {"app.kubernetes.io/managed-by": "{{ .Release.Service }}"},
                    },
                    "data": {"by": "the {{ .Chart.Name }} chart"},
                }
            ],
            "proxy": {
                "http": "http://proxy:3128",
                "https": "http://proxy:3128",
                "bypass": ["internal.example.com"],
            },
            "podLabels": {"tier": "security"},
            "priorityClassName": "system-cluster-critical",
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "control-plane", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "topologySpreadConstraints": [
                {"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
            ],
            "networkPolicy": {
                "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
                "egress": {"enabled": True, "apiServerPorts": [6443], "apiServerCidrs": ["10.0.0.1/32"]},
            },
            "metrics": {
                "serviceMonitor": {
                    "enabled": True,
                    "labels": {"release": "prometheus"},
                    "annotations": {"example.com/team": "platform"},
                    "relabelings": [{"targetLabel": "cluster", "replacement": "blue"}],
                },
                "podMonitor": {
                    "enabled": True,
                    "annotations": {"example.com/team": "platform"},
                    "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "process_.*"}],
                },
                "rules": {"enabled": True},
                "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Security"}},
            },
            "policies": {"restoreGroups": ["system:serviceaccounts:velero", "restorers"]},
            "sidecarInjection": {"port": 9001, "adminPort": 9002, "host": "::"},
            "signerInjection": {"adminPort": 9003, "host": "::", "runAsUser": None},
            "server": {"enabled": True, "watch": True, "sets": [{"configMap": "auth"}], "workers": 2, "replicas": 3},
        },
        (WITH_INJECTION,),
    ),
    Case(
        "bare",
        {
            "rbac": {"create": False},
            "serviceAccount": {"create": False, "name": "made-elsewhere"},
            "podDisruptionBudget": {"enabled": False},
            "networkPolicy": {"enabled": False},
            "metrics": {"service": {"enabled": False}},
            "policies": {"enabled": False},
            "sidecarInjection": {"enabled": False},
            "signerInjection": {"enabled": False},
        },
    ),
)


def write() -> None:
    """Write the golden files anew."""
    GOLDEN.mkdir(exist_ok=True)
    for case in CASES:
        case.golden.write_text(case.rendered())


if __name__ == "__main__":
    write()
