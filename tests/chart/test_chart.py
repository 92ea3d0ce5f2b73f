"""The chart as helm renders it: what it installs by default, what each value changes, what it refuses."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml

from chart.cases import CASES, Case
from controlplane.errors import ControlPlaneError
from gotools import find_tool
from helmchart import render as chart
from helmchart.__main__ import CRD
from helmchart.served import INJECTING, WITH_INJECTION
from helmchart.values import read_rows
from jwks_operator import __version__
from jwks_operator.__main__ import main
from jwks_operator.api.names import MANAGED_BY

ROOT = chart.CHART.parents[1]
NO_CRD = {"crds": {"install": False}}
VALUES = yaml.safe_load((chart.CHART / "values.yaml").read_text())
SCHEMA = json.loads((chart.CHART / "values.schema.json").read_text())
FREE = {"nodeSelector", "affinity", "labels", "annotations", "requests", "limits", "global"}
"""Names of values whose inside is Kubernetes' business."""


def name_of(case: Case) -> str:
    return case.name


def pod_specs(rendered: list[chart.Object]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in rendered:
        if each["kind"] == "Deployment":
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]
        elif each["kind"] == "Pod":
            yield each["metadata"]["name"], each["spec"]


def everything(case: Case, *options: str) -> list[chart.Object]:
    """What a case renders, the objects of `helm test` included."""
    text = chart.render({**case.values, **NO_CRD}, *case.options, *options)
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def of(rendered: list[chart.Object], kind: str, name: str = chart.NAME) -> chart.Object:
    (found,) = (each for each in rendered if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_render_is_the_golden_one(case: Case) -> None:
    assert case.rendered() == case.golden.read_text(), "if that is meant: make generate"


def test_helm_finds_nothing_to_complain_about() -> None:
    done = subprocess.run(
        [find_tool("helm"), "lint", "--strict", chart.CHART], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_every_container_is_restricted_bounded_and_of_a_named_version(case: Case) -> None:
    for name, spec in pod_specs(everything(case)):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name
            assert re.search(r"(:\d+\.\d+\.\d+|@sha256:[0-9a-f]{64})$", container["image"]), container["image"]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_every_command_line_exists(case: Case) -> None:
    for name, spec in pod_specs(everything(case)):
        for container in spec["containers"]:
            if "command" in container:
                assert name.endswith("-test")
                compile(container["args"][0], "installed.py", "exec")
                continue
            command = main.get_command(click.Context(main), container["args"][0])
            assert command is not None
            command.make_context(container["args"][0], list(container["args"][1:]))


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_nothing_that_is_installed_looks_like_made_by_the_operator(case: Case) -> None:
    """The policies and the operator's own watches go by this label."""
    for each in everything(case):
        assert each["metadata"]["labels"]["app.kubernetes.io/managed-by"] not in {None, MANAGED_BY}, each["kind"]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_no_rule_is_a_wildcard_and_nobody_may_give_rights(case: Case) -> None:
    for each in everything(case):
        for rule in each.get("rules", []) if each["kind"].endswith("Role") else []:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert not {"bind", "escalate", "impersonate"} & set(rule["verbs"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param({"replica": 3}, "additional properties 'replica' not allowed", id="a value misspelt"),
        pytest.param({"metrics": {"rules": {"enable": True}}}, "/metrics/rules", id="a value misspelt deep down"),
        pytest.param({"server": {"sets": [{"configmap": "a"}]}}, "/server/sets/0", id="a set's member misspelt"),
        pytest.param({"image": {"tag": "latest"}}, "image.tag: latest", id="the tag latest"),
        pytest.param({"image": {"digest": "0123"}}, "/image/digest", id="half a digest"),
        pytest.param({"operator": {"deletionDelay": "10"}}, "/operator/deletionDelay", id="a duration without unit"),
        pytest.param({"operator": {"logLevel": "trace"}}, "/operator/logLevel", id="a level that is none"),
        pytest.param({"replicas": 0}, "/replicas", id="no replica"),
        pytest.param({"watchNamespaces": "shop"}, "/watchNamespaces", id="one namespace instead of a list"),
        pytest.param({"watchNamespaces": ["Shop"]}, "/watchNamespaces/0", id="a namespace that cannot be"),
        pytest.param(
            {"policies": {"restoreGroups": ["a' || true || 'b"]}}, "/policies/restoreGroups", id="CEL in a group"
        ),
        pytest.param({"server": {"enabled": True}}, "server.sets", id="a server with nothing to serve"),
        pytest.param(
            {"server": {"enabled": True, "sets": [{"configMap": "a"}, {"configMap": "b", "path": "shop"}]}},
            "a set without a path is served alone",
            id="a set with and one without a path",
        ),
        pytest.param(
            {"server": {"enabled": True, "sets": [{"configMap": "a", "path": "x"}, {"configMap": "b", "path": "x"}]}},
            "two sets have the same path",
            id="two sets at one path",
        ),
        pytest.param(
            {"server": {"enabled": True, "sets": [{"configMap": "a", "path": "readyz"}]}},
            "readyz is the path of a probe",
            id="a set in the place of a probe",
        ),
        pytest.param(
            {
                "server": {
                    "enabled": True,
                    "sets": [{"configMap": "a"}],
                    "ingress": {"enabled": True, "clusterIssuer": "x"},
                }
            },
            "server.ingress.tlsSecretName",
            id="an issuer without its Secret",
        ),
        pytest.param(
            {"server": {"enabled": True, "sets": [{"configMap": "a"}], "httpRoute": {"enabled": True}}},
            "server.httpRoute.parentRefs",
            id="a route without its Gateway",
        ),
        pytest.param({"shards": ["Blue"]}, "/shards/0", id="a shard that no label can name"),
        pytest.param({"shards": ["blue", "blue"]}, "/shards", id="a shard twice"),
        pytest.param({"shards": [""]}, "/shards/0", id="the default shard by an empty name"),
        pytest.param({"shards": ["x" * 49]}, "choose a shorter shard", id="a shard with a name too long for a Service"),
        pytest.param({"extraArgs": ["workers=2"]}, "/extraArgs/0", id="an argument that is no option"),
        pytest.param({"extraEnv": [{"value": "1"}]}, "/extraEnv/0", id="a variable without a name"),
        pytest.param({"extraObjects": [{"kind": "Pod"}]}, "/extraObjects/0", id="an object without its API"),
        pytest.param({"proxy": {"https": "proxy:3128"}}, "/proxy/https", id="a proxy that is no URL"),
        pytest.param({"proxy": {"bypass": ["a,b"]}}, "/proxy/bypass/0", id="two hosts in one"),
        pytest.param({"serviceAccount": {"create": False}}, "serviceAccount.name", id="no account"),
    ],
)
def test_a_mistake_is_refused_with_the_field(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ControlPlaneError, match=re.escape(words)):
        chart.render(values)


def test_every_value_is_in_the_schema_and_the_other_way_round() -> None:
    def leaves(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, dict) and value and path.rpartition(".")[2] not in FREE:
            for key, inner in value.items():
                yield from leaves(inner, f"{path}.{key}")
        else:
            yield path

    def allowed(schema: dict[str, Any], path: str) -> Iterator[str]:
        schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        properties = schema.get("properties")
        if properties:
            assert schema["additionalProperties"] is False, path
            for key, inner in properties.items():
                yield from allowed(inner, f"{path}.{key}")
        elif path != ".global":
            yield path

    assert sorted(leaves(VALUES, "")) == sorted(set(allowed(SCHEMA, "")))


def test_a_value_without_a_comment_is_no_documentation() -> None:
    with pytest.raises(ValueError, match=re.escape("line 4: b.c has no comment")):
        list(read_rows("# The first.\na: 1\nb:\n  c: 1\n"))


def test_chart_and_program_have_one_version() -> None:
    told = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
    assert (told["version"], told["appVersion"]) == (__version__, __version__)


def test_artifact_hub_is_told_what_is_true() -> None:
    told = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
    notes = {name.partition("/")[2]: yaml.safe_load(text) for name, text in told["annotations"].items()}
    assert notes["crdsExamples"] == [yaml.safe_load((ROOT / "examples" / "quickstart.yaml").read_text())]
    assert [each["image"] for each in notes["images"]] == [f"jwks-operator:{__version__}"]
    (definition,) = notes["crds"]
    crd = yaml.safe_load(CRD.read_text())
    assert (definition["name"], definition["kind"]) == (crd["metadata"]["name"], crd["spec"]["names"]["kind"])
    assert definition["version"] == crd["spec"]["versions"][0]["name"]
    paths = [told["icon"], *(each["url"] for each in notes["links"])]
    for path in (url.split(f"/v{__version__}/")[1] for url in paths):
        assert (ROOT / path).is_file()


def test_the_api_server_is_not_behind_the_proxy() -> None:
    rendered = chart.render_objects({**NO_CRD, "proxy": {"https": "http://proxy:3128", "bypass": ["example.com"]}})
    (container,) = of(rendered, "Deployment")["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert variables["HTTPS_PROXY"] == "http://proxy:3128"
    around = variables["NO_PROXY"].replace("$(KUBERNETES_SERVICE_HOST)", "10.0.0.1").split(",")
    assert {"10.0.0.1", ".svc", "example.com"} <= set(around)


def test_the_installed_crd_is_the_generated_one_and_stays() -> None:
    crd = of(chart.render_objects(), "CustomResourceDefinition", "jsonwebkeysets.jwks-operator.dev")
    generated = yaml.load(CRD.read_text(), Loader=yaml.CSafeLoader)
    assert crd["spec"] == generated["spec"]
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_the_crd_goes_with_the_chart_only_if_that_is_asked_for() -> None:
    crd = of(
        chart.render_objects({"crds": {"keep": False}}), "CustomResourceDefinition", "jsonwebkeysets.jwks-operator.dev"
    )
    assert "helm.sh/resource-policy" not in crd["metadata"].get("annotations", {})


def test_for_named_namespaces_the_operator_has_no_right_anywhere_else() -> None:
    rendered = chart.render_objects({"watchNamespaces": ["blue", "green"], **NO_CRD})
    assert [each for each in rendered if each["kind"] == "ClusterRoleBinding"] == []
    places = {each["metadata"]["namespace"] for each in rendered if each["kind"] == "RoleBinding"}
    assert places == {"blue", "green", chart.NAMESPACE}
    arguments = of(rendered, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [each for each in arguments if each.startswith("--namespace")] == ["--namespace=blue", "--namespace=green"]


def test_in_its_own_namespace_the_operator_may_hold_one_lease_and_nothing_else() -> None:
    role = of(chart.render_objects(NO_CRD), "Role", f"{chart.NAME}-lease")
    assert role["metadata"]["namespace"] == chart.NAMESPACE
    assert role["rules"] == [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [chart.NAME],
            "verbs": ["get", "update"],
        },
    ]


def test_every_shard_has_pods_of_its_own_that_nothing_of_another_selects() -> None:
    """Nor do those of a shard that is named as another component is."""
    rendered = chart.render_objects({"shards": ["blue", "server"], **NO_CRD})
    pods = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in rendered
        if each["kind"] == "Deployment"
    }
    assert sorted(pods) == [chart.NAME, f"{chart.NAME}-shard-blue", f"{chart.NAME}-shard-server"]
    for each in rendered:
        spec = each.get("spec", {})
        selector = spec.get("selector", {})
        wanted = selector if each["kind"] == "Service" else selector.get("matchLabels")
        if each["kind"] in {"Deployment", "PodDisruptionBudget", "Service"}:
            chosen = [name for name, labels in pods.items() if wanted.items() <= labels.items()]
            assert chosen == [each["metadata"]["name"].removesuffix("-metrics")]


def test_every_shard_elects_its_leader_with_one_account_which_may_hold_these_leases_only() -> None:
    rendered = chart.render_objects({"shards": ["blue", "green"], **NO_CRD})
    specs = [spec for _, spec in pod_specs(rendered)]
    assert {spec["serviceAccountName"] for spec in specs} == {chart.ACCOUNT}
    leases = [
        argument for spec in specs for argument in spec["containers"][0]["args"] if argument.startswith("--lease-name=")
    ]
    names = [chart.NAME, f"{chart.NAME}-blue", f"{chart.NAME}-green"]
    assert leases == [f"--lease-name={name}" for name in names]
    assert of(rendered, "Role", f"{chart.NAME}-lease")["rules"][1]["resourceNames"] == names
    shards = [[argument for argument in spec["containers"][0]["args"] if "--shard" in argument] for spec in specs]
    assert shards == [[], ["--shard=blue"], ["--shard=green"]]


def test_each_shard_is_a_job_of_its_own_to_prometheus() -> None:
    """The alerts go by job: a leader of one shard must not stand for that of another."""
    metrics = {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}, "rules": {"enabled": True}}
    rendered = chart.render_objects({"shards": ["blue"], "metrics": metrics, **NO_CRD})
    names = [chart.NAME, f"{chart.NAME}-shard-blue"]
    assert [each["metadata"]["name"] for each in rendered if each["kind"] == "PodMonitor"] == names
    assert [each["metadata"]["name"] for each in rendered if each["kind"] == "Service"] == [
        f"{name}-metrics" for name in names
    ]
    groups = of(rendered, "PrometheusRule")["spec"]["groups"]
    absent = [rule["expr"] for rule in groups[-1]["rules"]]
    for name, expression in zip(names, absent, strict=True):
        pattern = re.search(r'job=~"(.*)"', expression)
        assert pattern is not None
        matched = [
            job for other in names for job in (f"{other}-metrics", f"ns/{other}") if re.fullmatch(pattern[1], job)
        ]
        assert matched == [f"{name}-metrics", f"ns/{name}"]


def test_workloads_may_be_changed_only_where_restarts_are_enabled() -> None:
    def groups(values: dict[str, Any]) -> set[str]:
        return {group for rule in chart.operator_rules(values) for group in rule["apiGroups"]}

    assert "apps" not in groups({})
    assert "apps" in groups({"restarts": {"enabled": True}})


@pytest.mark.parametrize("values", [{}, {"watchNamespaces": ["blue"]}], ids=["cluster-wide", "named namespaces"])
def test_pods_may_be_changed_only_where_pod_refresh_is_enabled(values: dict[str, Any]) -> None:
    def verbs(values: dict[str, Any]) -> set[str]:
        return {verb for rule in chart.operator_rules(values) if "pods" in rule["resources"] for verb in rule["verbs"]}

    assert verbs(values) == {"get"}
    assert verbs({**values, "podRefresh": {"enabled": True}}) == {"get", "list", "patch"}


def test_a_server_of_mounted_sets_has_no_credentials() -> None:
    mounted = {"enabled": True, "sets": [{"configMap": "auth"}]}
    spec = dict(pod_specs(chart.render_objects({"server": mounted, **NO_CRD})))[f"{chart.NAME}-server"]
    assert spec["automountServiceAccountToken"] is False
    assert [mount for each in spec["containers"] for mount in each["volumeMounts"] if "subPath" in mount] == []


@pytest.mark.parametrize(
    ("options", "injects"),
    [
        (("--kube-version=1.37.2",), False),
        (("--kube-version=1.37.2", "--api-versions=apps/v1/Deployment"), False),
        ((WITH_INJECTION,), True),
    ],
    ids=["nothing is known but a version", "served kinds are known and it is none of them", "served"],
)
def test_sidecars_are_injected_where_the_api_server_can(options: tuple[str, ...], injects: bool) -> None:
    kinds = {each["kind"] for each in chart.render_objects(NO_CRD, *options)}
    assert (INJECTING in kinds) is injects


def test_a_render_says_that_the_sidecars_policy_is_left_out_and_how_to_have_it() -> None:
    assert WITH_INJECTION in chart.render(NO_CRD)
    off = {"sidecarInjection": {"enabled": False}, "signerInjection": {"enabled": False}}
    assert WITH_INJECTION not in chart.render({**off, **NO_CRD})


def test_an_older_kubernetes_is_refused() -> None:
    with pytest.raises(ControlPlaneError, match="incompatible with Kubernetes"):
        chart.render(NO_CRD, "--kube-version=1.29.0")


def test_the_links_of_the_alerts_lead_where_the_runbooks_are() -> None:
    rules = {"enabled": True, "runbooks": "https://wiki.example.com/jwks"}
    groups = of(chart.render_objects({"metrics": {"rules": rules}, **NO_CRD}), "PrometheusRule")["spec"]["groups"]
    links = {rule["annotations"]["runbook_url"].partition("#")[0] for each in groups for rule in each["rules"]}
    assert links == {"https://wiki.example.com/jwks"}


def test_the_alerts_and_the_dashboard_are_installed_as_they_are_in_their_files() -> None:
    metrics = {"rules": {"enabled": True}, "dashboard": {"enabled": True}}
    rendered = chart.render_objects({"metrics": metrics, **NO_CRD})
    alerts = yaml.safe_load((chart.CHART / "files" / "alerts.yaml").read_text())
    assert of(rendered, "PrometheusRule")["spec"] == alerts
    dashboard = json.loads((chart.CHART / "files" / "dashboard.json").read_text())
    shown = of(rendered, "ConfigMap", f"{chart.NAME}-dashboard")["data"]["jwks-operator.json"]
    assert json.loads(shown) == dashboard
