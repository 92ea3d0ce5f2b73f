"""What the chart renders is accepted by a real API server, strictly; and the sidecar that its policy gives to pods.

A control plane of this module's own, because the policy has no namespace.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from chart.cases import CASES, Case
from chart.test_chart import everything, name_of, pod_specs
from cluster.stage import ROOT, install_chart
from controlplane import ControlPlane
from controlplane.errors import ApiError
from helmchart import render as chart
from helmchart.served import INJECTING, ask_server, serves_injection

FOREIGN = {"monitoring.coreos.com", "gateway.networking.k8s.io"}
"""API groups that a bare API server does not serve."""
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
HERE = "shop"
WAIT = 30.0


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane.start() as plane:
        install_chart(plane, {"sidecarInjection": {"port": 8788}})
        for name in (HERE, "blue", "green"):
            plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": RESTRICTED}})
        yield plane


@pytest.fixture(scope="module")
def injecting(plane: ControlPlane) -> ControlPlane:
    """The control plane with the policies of both sidecars in force."""
    if not serves_injection(plane):
        pytest.skip(f"not served: {INJECTING}")
    end = time.monotonic() + WAIT
    both = {"jwks-operator.dev/serve": "auth", "jwks-operator.dev/sign": "auth"}
    while len(created(plane, pod(both))["spec"].get("initContainers", ())) < len(both):
        assert time.monotonic() < end, "the policy is not in force"
        time.sleep(0.2)
    return plane


def pod(labels: dict[str, str], **spec: Any) -> dict[str, Any]:
    """An issuer's pod as Pod Security wants it."""
    container = {
        "name": "issuer",
        "image": "issuer:1",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    base = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return {"metadata": {"name": "issuer", "labels": labels, "annotations": {}}, "spec": {**base, **spec}}


def created(plane: ControlPlane, wanted: dict[str, Any]) -> dict[str, Any]:
    """The pod as the API server would store it."""
    end = time.monotonic() + WAIT
    while True:
        try:
            return plane.api("POST", f"/api/v1/namespaces/{HERE}/pods?dryRun=All&fieldValidation=Strict", wanted)
        except ApiError as error:
            if "serviceaccount" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.1)  # a new namespace has no account yet


def served(plane: ControlPlane, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    wanted = pod({"jwks-operator.dev/serve": "auth"}, **spec)
    wanted["metadata"]["annotations"] = annotations or {}
    found: dict[str, Any] = created(plane, wanted)["spec"]
    return found


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_render_is_accepted(plane: ControlPlane, case: Case) -> None:
    rendered = everything(case, *ask_server(plane))
    items = [each for each in rendered if each["kind"] != "Pod" and each["apiVersion"].partition("/")[0] not in FOREIGN]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    strict = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "--filename=-")
    done = plane.kubectl("apply", *strict, input=listed)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_its_pods_satisfy_pod_security(plane: ControlPlane, case: Case) -> None:
    for _, spec in pod_specs(everything(case, *ask_server(plane))):
        created(plane, {"metadata": {"name": "any"}, "spec": {**spec, "serviceAccountName": "default"}})


def test_a_labelled_pod_is_served_like_the_one_written_by_hand(injecting: ControlPlane) -> None:
    injected, by_hand = (example(injecting, name) for name in ("injected.yaml", "issuer.yaml"))
    assert injected["initContainers"][0]["image"] == chart_image()
    for spec in (injected, by_hand):
        spec["initContainers"][0]["volumeMounts"][0].pop("name")
    assert injected["initContainers"] == by_hand["initContainers"]
    assert [each["configMap"] for each in injected["volumes"] if "configMap" in each] == [
        each["configMap"] for each in by_hand["volumes"] if "configMap" in each
    ]


def test_a_pod_that_signs_by_label_is_like_the_one_written_by_hand(injecting: ControlPlane) -> None:
    injected, by_hand = (example(injecting, name) for name in ("signing-injected.yaml", "signing.yaml"))
    assert injected["initContainers"][0]["image"] == chart_image()
    for spec in (injected, by_hand):
        spec["volumes"].sort(key=lambda each: str(each["name"]))
    assert injected == by_hand


def signed(plane: ControlPlane, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    wanted = pod({"jwks-operator.dev/sign": "auth"}, **spec)
    wanted["metadata"]["annotations"] = annotations or {}
    found: dict[str, Any] = created(plane, wanted)["spec"]
    return found


def test_every_container_gets_the_socket_read_only_and_none_gets_the_key(injecting: ControlPlane) -> None:
    (own,) = pod({})["spec"]["containers"]
    spec = signed(injecting, containers=[own, {**own, "name": "second"}], initContainers=[{**own, "name": "migrate"}])
    assert [each["name"] for each in spec["initContainers"]] == ["signer", "migrate"]
    for container in spec["containers"]:
        assert {"name": "SIGN_SOCKET", "value": "/run/signing/sign.sock"} in container["env"]
        mounts = {each["name"]: each.get("readOnly", False) for each in container["volumeMounts"]}
        assert mounts == {"signing-socket": True}


@pytest.mark.parametrize(
    ("annotations", "security", "users", "mode"),
    [
        pytest.param({}, {"runAsUser": 1000}, {"1000"}, "0666", id="the pod's user, no group"),
        pytest.param({}, {"runAsUser": 1000, "fsGroup": 3000}, {"1000"}, "0660", id="the group of the pod"),
        pytest.param({"jwks-operator.dev/sign-uids": "7,8"}, {"runAsUser": 1000}, {"7", "8"}, "0666", id="named"),
        pytest.param({}, {}, set(), "0666", id="an image's own user is not known, so it may not sign"),
    ],
)
def test_who_may_sign_follows_the_users_of_the_pod(
    injecting: ControlPlane, annotations: dict[str, str], security: dict[str, Any], users: set[str], mode: str
) -> None:
    security = {**pod({})["spec"]["securityContext"], **security}
    arguments = signed(injecting, annotations, securityContext=security)["initContainers"][0]["args"]
    assert {each.partition("=")[2] for each in arguments if each.startswith("--allow-uid=")} == users
    assert f"--socket-mode={mode}" in arguments


def test_further_options_of_the_signer_come_from_an_annotation(injecting: ControlPlane) -> None:
    options = "--audit-log --issuer=https://auth.example.com"
    (signer,) = signed(injecting, {"jwks-operator.dev/sign-args": options})["initContainers"]
    assert signer["args"][-2:] == options.split()


def test_a_pod_that_serves_and_signs_gets_both(injecting: ControlPlane) -> None:
    labels = {"jwks-operator.dev/serve": "auth", "jwks-operator.dev/sign": "auth"}
    spec = created(injecting, pod(labels))["spec"]
    assert {each["name"] for each in spec["initContainers"]} == {"jwks", "signer"}


def example(plane: ControlPlane, name: str) -> dict[str, Any]:
    """The pod of an example's Deployment as it is stored."""
    deployment = next(yaml.safe_load_all((ROOT / "examples" / name).read_text()))
    template = deployment["spec"]["template"]
    metadata = {"name": "issuer", **template["metadata"]}
    spec: dict[str, Any] = created(plane, {"metadata": metadata, "spec": template["spec"]})["spec"]
    return spec


def chart_image() -> str:
    (deployment,) = (
        each for each in chart.render_objects({"crds": {"install": False}}) if each["kind"] == "Deployment"
    )
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def test_the_sidecar_starts_before_the_pods_own_init_containers(injecting: ControlPlane) -> None:
    (own,) = pod({})["spec"]["containers"]
    spec = served(injecting, initContainers=[{**own, "name": "migrate"}])
    assert [each["name"] for each in spec["initContainers"]] == ["jwks", "migrate"]
    assert spec["initContainers"][0]["restartPolicy"] == "Always"


def test_the_set_is_mounted_as_a_directory(injecting: ControlPlane) -> None:
    spec = served(injecting, volumes=[{"name": "scratch", "emptyDir": {}}])
    assert [each["name"] for each in spec["volumes"]] == ["scratch", "jwks"]
    assert spec["volumes"][1]["configMap"]["name"] == "auth"
    assert "items" not in spec["volumes"][1]["configMap"]
    (mount,) = spec["initContainers"][0]["volumeMounts"]
    assert (mount["mountPath"], "subPath" in mount) == ("/etc/jwks", False)


def test_annotations_choose_the_ports(injecting: ControlPlane) -> None:
    ports = {"jwks-operator.dev/serve-port": "9000", "jwks-operator.dev/serve-admin-port": "9001"}
    (sidecar,) = served(injecting, ports)["initContainers"]
    assert {"--port=9000", "--admin-port=9001"} <= set(sidecar["args"])
    assert {each["name"]: each["containerPort"] for each in sidecar["ports"]} == {"jwks": 9000, "jwks-admin": 9001}


def test_a_port_that_is_none_is_refused_with_the_name_of_the_policy(injecting: ControlPlane) -> None:
    with pytest.raises(ApiError, match="jwks-operator-sidecar"):
        served(injecting, {"jwks-operator.dev/serve-port": "http"})


def test_a_server_written_by_hand_stays_the_only_one(injecting: ControlPlane) -> None:
    (own,) = pod({})["spec"]["containers"]
    spec = served(injecting, containers=[own, {**own, "name": "jwks", "image": "mine:1"}])
    assert "initContainers" not in spec


def test_a_pod_without_the_label_is_left_alone(injecting: ControlPlane) -> None:
    assert "initContainers" not in created(injecting, pod({"app": "issuer"}))["spec"]
