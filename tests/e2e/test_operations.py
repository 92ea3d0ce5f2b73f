"""docs/operations.md is followed on a real node while tokens are issued and verified, and not one of them fails.

The tests are one story, told in order: each goes on where the one before it stopped.
"""

import json
from typing import Any

import jwt
import pytest

from docs.pages import ROOT, blocks
from e2e.guide import Guide
from e2e.stage import SUMMARY, Stage
from e2e.traffic import EVERY, ISSUER, LEAD, SYNC, Traffic, wait_until
from node import Node

pytestmark = pytest.mark.timeout(1800)

OPERATOR = "jwks-operator"
"""Its namespace and its Deployment."""
COMPONENT = "app.kubernetes.io/component=operator"
WRITE = "open('/app/written', 'w')"


def test_the_chart_installs_with_pod_security_restricted(stage: Stage, guide: Guide) -> None:
    guide.follow("Install")
    deployment = stage.get("deployment", OPERATOR, OPERATOR)
    assert deployment["status"]["readyReplicas"] == 2
    labels = stage.get("namespace", OPERATOR, OPERATOR)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_operator_cannot_write_to_its_root(stage: Stage) -> None:
    with pytest.raises(AssertionError, match="Read-only file system"):
        stage.kubectl("exec", "-n", OPERATOR, f"deployment/{OPERATOR}", "--", "python", "-c", WRITE)


def test_it_runs_as_a_user_that_nobody_knows(stage: Stage) -> None:
    pod = stage.list("pods", COMPONENT, OPERATOR)[0]
    container = pod["spec"]["containers"][0]
    container["args"] = ["run", "--namespace=default", "--no-leader-elect", "--admin-host=0.0.0.0"]
    container["securityContext"]["runAsUser"] = 1_000_660_000  # such as OpenShift gives to each namespace
    keep = ("containers", "serviceAccountName", "securityContext")
    spec = {name: pod["spec"][name] for name in keep}
    spec |= {"automountServiceAccountToken": True, "terminationGracePeriodSeconds": 1}
    container["volumeMounts"] = []  # the admission makes them anew
    stranger = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger", "namespace": OPERATOR},
        "spec": spec,
    }
    stage.kubectl("apply", "-f", "-", input=json.dumps(stranger))
    stage.kubectl("wait", "-n", OPERATOR, "pod/stranger", "--for=condition=Ready", "--timeout=90s")
    stage.kubectl("delete", "-n", OPERATOR, "pod/stranger")


def test_the_first_set_is_ready(stage: Stage, guide: Guide) -> None:
    guide.follow("The first set")
    assert list(stage.keys("auth", "shop").values()).count("Active") == 1


def test_a_label_brings_the_server_and_tokens_verify(stage: Stage, traffic: Traffic) -> None:
    (pod, *_) = stage.list("pods", "app=issuer", ISSUER)
    (sidecar,) = pod["spec"]["initContainers"]
    assert (sidecar["image"], sidecar["restartPolicy"]) == (stage.image, "Always")
    traffic.goes_on()


def test_a_label_brings_the_signer_and_the_application_holds_no_key(stage: Stage, traffic: Traffic) -> None:
    container = {
        "name": "application",
        "image": stage.image,
        "command": ["python", "-c", "import time; time.sleep(600)"],
        "securityContext": {
            "runAsUser": 1000,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    security = {"runAsNonRoot": True, "fsGroup": 3000, "seccompProfile": {"type": "RuntimeDefault"}}
    labels = {"jwks-operator.dev/sign": "auth"}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "signing", "namespace": ISSUER, "labels": labels},
        "spec": {"securityContext": security, "containers": [container], "terminationGracePeriodSeconds": 1},
    }
    stage.kubectl("apply", "-f", "-", input=json.dumps(body))
    stage.kubectl("wait", "-n", ISSUER, "pod/signing", "--for=condition=Ready", "--timeout=90s")
    (client,) = blocks(ROOT / "docs" / "signing.md", "python")
    inside = ("exec", "-n", ISSUER, "signing", "-c", "application", "--", "python", "-c")
    token = stage.kubectl(*inside, client.text).strip()
    published = json.loads(stage.get("configmap", "auth", ISSUER)["data"]["jwks.json"])["keys"]
    (key,) = (each for each in published if each["kid"] == jwt.get_unverified_header(token)["kid"])
    assert jwt.decode(token, jwt.PyJWK(key), algorithms=[key["alg"]])["sub"] == "user-1"
    with pytest.raises(AssertionError, match="FileNotFoundError"):
        stage.kubectl(*inside, "import os; os.listdir('/etc/signing')")
    with pytest.raises(AssertionError, match="Read-only file system"):
        stage.kubectl(*inside, "import os; os.unlink(os.environ['SIGN_SOCKET'])")
    stage.kubectl("delete", "-n", ISSUER, "pod/signing")
    traffic.goes_on()


def test_keys_rotate_and_not_one_token_fails(stage: Stage, traffic: Traffic) -> None:
    before = traffic.report()["kids"]
    wait_until(lambda: len(traffic.report()["kids"]) >= len(before) + 2, 2 * EVERY + LEAD + 120, "two rotations")
    assert not traffic.report()["unfetched"]
    traffic.goes_on()


def test_a_rotation_can_be_asked_for(stage: Stage, guide: Guide) -> None:
    guide.follow("Rotate now")
    assert "Pending" in stage.keys("auth", "shop").values()


def test_an_upgrade_and_its_roll_back_are_not_noticed(stage: Stage, guide: Guide, traffic: Traffic) -> None:
    guide.follow("Upgrade")
    assert "--log-level=debug" in arguments(stage)
    traffic.goes_on()
    guide.follow("Roll back")
    assert "--log-level=info" in arguments(stage)
    traffic.goes_on()


def test_a_set_moves_to_a_shard_and_back(stage: Stage, guide: Guide, traffic: Traffic) -> None:
    before = stage.keys("auth", "shop")
    guide.follow("More than one shard")
    assert stage.keys("auth", "shop") == before
    shard = "app.kubernetes.io/component=shard"
    wait_until(lambda: not stage.list("pods", shard, OPERATOR), 60, "the end of the shard's pods")
    traffic.goes_on()


@pytest.mark.own_node
@pytest.mark.parametrize(
    "victim",
    [
        pytest.param((COMPONENT, OPERATOR, "operator"), id="an operator"),
        pytest.param(("app=issuer", ISSUER, "jwks"), id="a server"),
    ],
)
def test_a_container_that_is_killed_comes_back(
    stage: Stage, node: Node, traffic: Traffic, victim: tuple[str, str, str]
) -> None:
    selector, namespace, container = victim
    (pod, *_) = stage.list("pods", selector, namespace)
    before = status_of(pod, container)
    killed = node.run("ctr", "--namespace=k8s.io", "tasks", "kill", "--signal=SIGKILL", before["containerID"][13:])
    assert killed.returncode == 0, killed.stderr
    name = pod["metadata"]["name"]

    def came_back() -> bool:
        after = status_of(stage.get("pod", name, namespace), container)
        return bool(after["restartCount"] > before["restartCount"] and after["ready"])

    wait_until(came_back, 90, f"{container} to come back")
    traffic.goes_on()


@pytest.mark.own_node
@pytest.mark.parametrize("program", ["kubelet", "containerd", "kube-apiserver"])
def test_a_program_of_the_node_starts_again(stage: Stage, node: Node, traffic: Traffic, program: str) -> None:
    node.restart(program)
    wait_until(lambda: node.run("kubectl", "get", "--raw=/readyz").returncode == 0, 90, "the API server to be ready")
    rotates_on(traffic)
    assert stage.get("deployment", OPERATOR, OPERATOR)["status"]["readyReplicas"] == 2


@pytest.mark.own_node
def test_a_drain_takes_one_operator_at_most(stage: Stage, node: Node, traffic: Traffic) -> None:
    drain = ["kubectl", "drain", node.layout.name, "--pod-selector=app!=verifier", "--timeout=45s"]
    refused = node.run(*drain)  # there is no other node, so a second eviction would leave none
    assert "disruption budget" in refused.stderr, refused.stderr
    ready = [pod for pod in stage.list("pods", COMPONENT, OPERATOR) if is_ready(pod)]
    assert len(ready) == 1
    stage.kubectl("uncordon", node.layout.name)
    for namespace, deployment in ((OPERATOR, OPERATOR), (ISSUER, "issuer")):
        stage.kubectl("rollout", "status", "-n", namespace, f"deployment/{deployment}", "--timeout=120s")
    rotates_on(traffic)


def test_a_namespace_comes_back_from_its_backup_with_the_same_keys(stage: Stage, guide: Guide) -> None:
    guide.follow("Back up")
    before, published = stage.keys("auth", "shop"), stage.get("configmap", "auth", "shop")["data"]
    stage.kubectl("delete", "namespace", "shop", "--timeout=120s")
    stage.kubectl("create", "namespace", "shop")
    guide.follow("Restore")
    assert stage.keys("auth", "shop") == before
    assert stage.get("configmap", "auth", "shop")["data"] == published


def test_a_leaked_key_is_replaced(stage: Stage, guide: Guide) -> None:
    before = stage.keys("auth", "shop")
    (leaked,) = (kid for kid, state in before.items() if state == "Active")
    guide.follow("Revoke a key that leaked")
    wait_until(lambda: leaked not in stage.keys("auth", "shop"), 30, "the revocation")
    assert leaked not in stage.get("configmap", "auth", "shop")["data"]["jwks.json"]
    (active,) = (kid for kid, state in stage.keys("auth", "shop").items() if state == "Active")
    assert before[active] == "Pending"


def test_uninstalling_keeps_everything_and_installing_again_goes_on(
    stage: Stage, guide: Guide, traffic: Traffic
) -> None:
    before, busy = stage.keys("auth", "shop"), set(stage.keys("auth", ISSUER))
    guide.follow("Uninstall")
    wait_until(lambda: not stage.list("pods", COMPONENT, OPERATOR), 60, "the end of the operator's pods")
    traffic.goes_on()
    guide.follow("Install again")
    assert stage.keys("auth", "shop") == before
    assert busy & set(stage.keys("auth", ISSUER))
    rotates_on(traffic)


def test_everything_was_followed_and_no_token_ever_failed(
    guide: Guide, traffic: Traffic, pytestconfig: pytest.Config
) -> None:
    assert guide.finished()
    report = traffic.goes_on()
    pytestconfig.stash[SUMMARY] = (
        f"{report['issued']} tokens of {len(report['kids'])} keys, {report['verifications']} verifications, "
        f"{report['failed']} failed; lead {LEAD} s with a syncFrequency of {SYNC}; "
        f"{report['unissued']} requests for a token and {report['unfetched']} for the set without an answer"
    )


def rotates_on(traffic: Traffic) -> None:
    """Wait for the next rotation, and check that no token has failed."""
    before = len(traffic.report()["kids"])
    wait_until(lambda: len(traffic.report()["kids"]) > before, EVERY + LEAD + 120, "the next rotation")
    traffic.goes_on()


def status_of(pod: dict[str, Any], container: str) -> dict[str, Any]:
    status = pod["status"]
    every = [*status["containerStatuses"], *status.get("initContainerStatuses", [])]
    (found,) = (each for each in every if each["name"] == container)
    return dict(found)


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def arguments(stage: Stage) -> list[str]:
    container = stage.get("deployment", OPERATOR, OPERATOR)["spec"]["template"]["spec"]["containers"][0]
    words: list[str] = container["args"]
    return words
