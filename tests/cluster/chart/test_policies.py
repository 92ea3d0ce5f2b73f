"""The chart's policies on a real API server: who may write what, and that nobody publishes a private member.

A control plane of this module's own, because policies have no namespace.
"""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from attack.attempts import TENANT_CHANGES, TENANT_MAKES
from attack.objects import (
    HERE,
    OURS,
    PUBLIC,
    SECRETLY,
    SET,
    WORKLOAD,
    configmap_object,
    plain_object,
    secret_object,
    set_asking,
)
from cluster.chart.acting import ADMIN, EVENT, MASTERS, OPERATOR, RESTORERS, Cluster, Who, until
from cluster.chronicle import Object
from cluster.stage import install_chart
from controlplane import Access, ControlPlane
from helmchart import render as chart
from jwks_operator.keys.generate import generate
from jwks_operator.keys.public_pem import render_public_pem

BLUE = f"{chart.NAME}-blue"
NO_OTHER = "may write no Lease but its own"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane.start() as plane:
        install_chart(plane, {"restarts": {"enabled": True}, "podRefresh": {"enabled": True}, "shards": ["blue"]})
        for name in (HERE, "other"):
            plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        mighty = plane.kubectl(
            "create", "clusterrolebinding", "all", "--clusterrole=cluster-admin", f"--user={OPERATOR}"
        )
        assert mighty.returncode == 0, mighty.stderr
        cluster = Cluster(plane)
        until(
            lambda: "belongs to jwks-operator" in cluster.creates(ADMIN, secret_object(OURS))
        )  # policies take a moment
        until(lambda: "may not write" in cluster.creates((OPERATOR, ()), plain_object("Namespace", "v1", "x")))
        until(lambda: "private member" in cluster.creates((OPERATOR, ()), configmap_object('{"keys":[{"d":1}]}')))
        yield plane


@pytest.fixture(scope="module")
def cluster(plane: ControlPlane) -> Cluster:
    return Cluster(plane)


@pytest.fixture
def living(cluster: Cluster) -> Iterator[Cluster]:
    """With a Secret and a ConfigMap of the operator's and a Secret of somebody's."""
    for thing in (secret_object(OURS), configmap_object(PUBLIC)):
        assert cluster.creates((OPERATOR, ()), thing, dry=False) == ""
    assert cluster.creates(ADMIN, secret_object(name="theirs"), dry=False) == ""
    yield cluster
    for path in ("secrets/auth", "configmaps/auth", "secrets/theirs"):
        cluster.sends(RESTORERS, "DELETE", f"/api/v1/namespaces/{HERE}/{path}")


@pytest.mark.parametrize(
    ("who", "may"),
    [
        pytest.param((OPERATOR, ()), True, id="the operator"),
        pytest.param(RESTORERS, True, id="the restore group"),
        pytest.param(("system:serviceaccount:kube-system:some-controller", (MASTERS,)), True, id="kube-system"),
        pytest.param(("system:kube-controller-manager", (MASTERS,)), True, id="the controller manager"),
        pytest.param(ADMIN, False, id="an administrator"),
        pytest.param((f"{OPERATOR}-2", (MASTERS,)), False, id="an account with a longer name"),
        pytest.param((f"system:serviceaccount:{HERE}:{chart.ACCOUNT}", (MASTERS,)), False, id="its name elsewhere"),
        pytest.param(("system:serviceaccount:kube-system-2:a", (MASTERS,)), False, id="almost kube-system"),
    ],
)
def test_objects_of_the_operator_are_written_by(cluster: Cluster, who: Who, *, may: bool) -> None:
    for thing in (secret_object(OURS), configmap_object(PUBLIC)):
        said = cluster.creates(who, thing)
        assert (said == "") is may, said
        assert may or "change or delete the JsonWebKeySet instead" in said


@pytest.mark.parametrize("change", TENANT_CHANGES.values(), ids=TENANT_CHANGES)
def test_a_person_may_not(living: Cluster, change: tuple[str, ...]) -> None:
    assert "belongs to jwks-operator" in living.does(ADMIN, *change)


def test_a_person_may_move_a_set_to_another_shard(cluster: Cluster) -> None:
    assert cluster.creates(ADMIN, SET, dry=False) == ""
    try:
        assert cluster.does(ADMIN, "label", "jwks/auth", "jwks-operator.dev/shard=blue") == ""
        assert cluster.does(ADMIN, "label", "jwks/auth", "jwks-operator.dev/shard-") == ""
    finally:
        cluster.does(ADMIN, "delete", "jwks/auth")


def test_a_person_may_read_and_keep_other_objects(living: Cluster) -> None:
    for command in (("get", "secret/auth"), ("annotate", "secret/theirs", "note=mine"), ("delete", "secret/theirs")):
        assert living.does(ADMIN, *command) == ""


def test_the_restore_group_may_delete(living: Cluster) -> None:
    assert living.does(RESTORERS, "delete", "secret/auth", "configmap/auth") == ""


def test_nobody_is_quicker_than_the_operator(living: Cluster) -> None:
    """DELETE + CREATE of the published ConfigMap, a hundred times: without the policies every race is won."""
    mine = configmap_object('{"keys":[]}', labels={})
    path = f"/api/v1/namespaces/{HERE}/configmaps"
    for _ in range(100):
        living.sends(ADMIN, "DELETE", f"{path}/auth")
        assert living.sends(ADMIN, "POST", path, mine)["code"] == HTTPStatus.CONFLICT


def test_namespaces_and_garbage_go(cluster: Cluster) -> None:
    assert cluster.does(ADMIN, "create", "namespace", "doomed") == ""
    assert cluster.creates((OPERATOR, ()), configmap_object(PUBLIC), "doomed", dry=False) == ""
    assert cluster.does(ADMIN, "delete", "namespace", "doomed", "--timeout=60s") == ""

    owner = plain_object("ConfigMap", "v1", "owner")
    assert cluster.creates(ADMIN, owner, dry=False) == ""
    uid = cluster.reads("configmap/owner", "{.metadata.uid}")
    owned = secret_object(OURS, "owned")
    owned["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]
    assert cluster.creates(RESTORERS, owned, dry=False) == ""
    assert cluster.does(ADMIN, "delete", "configmap/owner") == ""
    until(lambda: "NotFound" in cluster.does(ADMIN, "get", "secret/owned"))


@pytest.mark.parametrize(
    "text",
    [
        *(
            f'{{"keys":[{{"kty":"EC","{name}":"x"}}]}}'
            for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")
        ),
        '{"keys":[{"d" : "x"}]}',
        '{"keys":[{"d"\n\t:"x"}]}',
        '{"keys":[{"\\u0064":"x"}]}',
        '{"keys":[{"d\\u0070":"x"}]}',
        '{"keys":[{"\\u006f\\u0074\\u0068":"x"}]}',
        '{"keys":[{"\\\\\\u0064":"x"}]}',
        '{"keys":[{"\\u007A":"x"}]}',
    ],
)
def test_nobody_publishes_a_private_member(cluster: Cluster, text: str) -> None:
    for who in ((OPERATOR, ()), RESTORERS):
        assert "a published ConfigMap must not" in cluster.creates(who, configmap_object(text))


def test_not_even_where_it_cannot_be_looked_for(cluster: Cluster) -> None:
    said = cluster.creates(RESTORERS, configmap_object(PUBLIC, binaryData={"jwks": SECRETLY}))
    assert "must not have binaryData" in said


def test_a_set_as_large_as_a_configmap_can_be_is_looked_through(cluster: Cluster) -> None:
    """The cost of an expression has a bound, by which a policy would refuse what it cannot finish."""
    room = 1024 * 1024 - len("jwks.json") - len(PUBLIC)
    large = PUBLIC + " " * (room // 2) + '"n"' * (room // 6)
    assert cluster.creates((OPERATOR, ()), configmap_object(large)) == ""
    assert "private member" in cluster.creates((OPERATOR, ()), configmap_object(large[: -len('"d":')] + '"d":'))


def test_a_document_in_pem_is_published_by_the_operator_and_nothing_else_of_that_form(cluster: Cluster) -> None:
    pem = render_public_pem([generate("ES256", None).public, generate("ML-DSA-44", None).public])
    for text, word in ((pem, ""), ("", ""), (pem + "x", "no other data"), (pem.replace("PUBLIC", "PRIVATE"), "a ")):
        published = configmap_object(PUBLIC)
        published["data"]["pems.pem"] = text
        refusal = cluster.creates((OPERATOR, ()), published)
        assert (word in refusal, bool(word)) == (True, bool(refusal)), refusal


def test_other_configmaps_may_say_what_they_like(cluster: Cluster) -> None:
    assert cluster.creates(ADMIN, configmap_object('{"d": 1}', labels={})) == ""


@pytest.mark.parametrize(
    ("thing", "namespace", "word"),
    [
        pytest.param(secret_object(OURS), HERE, "", id="a Secret of its own"),
        pytest.param(configmap_object(PUBLIC), "other", "", id="a ConfigMap of its own, anywhere"),
        pytest.param(EVENT, HERE, "", id="an Event about a set"),
        pytest.param(plain_object("Lease", "coordination.k8s.io/v1", chart.NAME), chart.NAMESPACE, "", id="its Lease"),
        pytest.param(plain_object("Lease", "coordination.k8s.io/v1", BLUE), chart.NAMESPACE, "", id="that of a shard"),
        pytest.param(
            secret_object(), HERE, "may write only Secrets and ConfigMaps labelled", id="a Secret without label"
        ),
        pytest.param(
            secret_object({"app.kubernetes.io/managed-by": "Helm"}),
            HERE,
            "may write only",
            id="a Secret of somebody else's",
        ),
        pytest.param(configmap_object(PUBLIC, labels={}), HERE, "may write only", id="a ConfigMap without label"),
        pytest.param(
            plain_object("Lease", "coordination.k8s.io/v1", "other"), chart.NAMESPACE, NO_OTHER, id="another Lease"
        ),
        pytest.param(
            plain_object("Lease", "coordination.k8s.io/v1", chart.NAME), HERE, NO_OTHER, id="a Lease elsewhere"
        ),
        pytest.param(SET, HERE, "may not write jwks-operator.dev/jsonwebkeysets", id="a set"),
        pytest.param(plain_object("Namespace", "v1", "new"), HERE, "may not write /namespaces", id="a namespace"),
        pytest.param(
            plain_object("ServiceAccount", "v1", "new"), HERE, "may not write /serviceaccounts", id="an account"
        ),
        pytest.param(
            plain_object("Role", "rbac.authorization.k8s.io/v1", "new", rules=[]),
            HERE,
            "may not write rbac",
            id="rights",
        ),
        pytest.param(
            plain_object("Pod", "v1", "new", spec={"containers": [{"name": "a", "image": "a:1"}]}),
            HERE,
            "only pods labelled jwks-operator.dev/allow-set",
            id="a pod",
        ),
    ],
)
def test_whatever_rights_it_is_given_the_operator_creates_only_what_it_has_to(
    cluster: Cluster, thing: Object, namespace: str, word: str
) -> None:
    said = cluster.creates((OPERATOR, ()), thing, namespace)
    assert word in said
    assert (said == "") is (word == ""), said


@pytest.mark.parametrize(
    ("command", "word"),
    [
        pytest.param(
            ("patch", "secret/auth", "--type=merge", '--patch={"data":{"a.kid":""}}'), "", id="change its Secret"
        ),
        pytest.param(("delete", "secret/auth"), "", id="delete its Secret"),
        pytest.param(("delete", "secret/theirs"), "may write only", id="delete another Secret"),
        pytest.param(
            ("label", "secret/theirs", "app.kubernetes.io/managed-by=jwks-operator"),
            "may write only",
            id="take one over",
        ),
        pytest.param(("label", "secret/auth", "app.kubernetes.io/managed-by-"), "may write only", id="let one go"),
        pytest.param(("delete", "secret", "--all"), "may write only", id="delete them all"),
        pytest.param(("delete", "namespace", "other"), "may not write", id="delete a namespace"),
        pytest.param(("create", "token", "default"), "may not write /serviceaccounts/token", id="make a token"),
    ],
)
def test_whatever_rights_it_is_given_the_operator_changes_only_what_is_its_own(
    living: Cluster, command: tuple[str, ...], word: str
) -> None:
    said = living.does((OPERATOR, ()), *command)
    assert word in said
    assert (said == "") is (word == ""), said


EVENTS = f"/api/v1/namespaces/{HERE}/events"
OWN_EVENT = {**EVENT, "reason": "ObjectDisputed", "reportingComponent": "jwks-operator"}


@pytest.mark.parametrize(
    ("name", "former", "change", "may"),
    [
        pytest.param("own", OWN_EVENT, {"count": 7, "message": "again"}, True, id="count on its own"),
        pytest.param("new", None, {}, True, id="create one by its name"),
        pytest.param("foreign", EVENT, {"count": 7}, False, id="change one of another component"),
        pytest.param("renamed", OWN_EVENT, {"reason": "KeyRevoked"}, False, id="give its own another reason"),
        pytest.param("given", OWN_EVENT, {"reportingComponent": "kubelet"}, False, id="give its own away"),
    ],
)
def test_of_events_the_operator_may(
    cluster: Cluster, name: str, former: Object | None, change: Object, may: bool
) -> None:
    metadata = {"name": f"auth.{name}", "namespace": HERE}
    if former is not None:
        assert cluster.creates(ADMIN, {**former, "metadata": metadata}, dry=False) == ""
    answer = cluster.sends(
        (OPERATOR, ()), "PUT", f"{EVENTS}/auth.{name}", {**OWN_EVENT, "metadata": metadata, **change}
    )
    assert (answer["kind"] == "Event") is may, answer
    assert may or "only create Events and count its own" in answer["message"]


def template(**metadata: Any) -> str:
    return json.dumps({"spec": {"template": {"metadata": metadata}}})


@pytest.mark.parametrize(
    ("name", "change", "word"),
    [
        pytest.param(
            "willing", template(annotations={"jwks-operator.dev/restarted-for": "abc"}), "", id="the annotation"
        ),
        pytest.param(
            "other",
            template(annotations={"jwks-operator.dev/restarted-for": "abc"}),
            "only workloads labelled jwks-operator.dev/allow-set",
            id="the annotation without consent",
        ),
        pytest.param("willing", template(annotations={"x": "y"}), "nothing of a workload but", id="another annotation"),
        pytest.param("willing", template(annotations={"note": None}), "nothing of a workload but", id="one less"),
        pytest.param("willing", template(annotations={"note": "b"}), "nothing of a workload but", id="one changed"),
        pytest.param(
            "willing", template(labels={"app": "issuer", "x": "y"}), "nothing of a workload but", id="a label"
        ),
        pytest.param("willing", '{"spec":{"replicas":0}}', "nothing of a workload but", id="the replicas"),
        pytest.param(
            "willing", '{"spec":{"paused":true}}', "nothing of a workload but", id="a field that was not there"
        ),
        pytest.param(
            "willing",
            '{"spec":{"template":{"spec":{"containers":[{"name":"issuer","image":"mine:1"}]}}}}',
            "nothing of a workload but",
            id="the image",
        ),
        pytest.param("willing", '{"metadata":{"labels":{"x":"y"}}}', "only workloads labelled", id="its own labels"),
    ],
)
def test_of_a_workload_the_operator_may_change(cluster: Cluster, name: str, change: str, word: str) -> None:
    labels = {"jwks-operator.dev/allow-set": "auth"} if name == "willing" else {}
    thing = plain_object("Deployment", "apps/v1", name, spec=WORKLOAD)
    thing["metadata"]["labels"] = labels
    assert cluster.creates(ADMIN, thing, dry=False) == ""
    said = cluster.does((OPERATOR, ()), "patch", "deployment", name, "--type=merge", f"--patch={change}")
    assert cluster.does(ADMIN, "delete", "deployment", name) == ""
    assert word in said
    assert (said == "") is (word == ""), said


def test_the_operator_may_neither_make_nor_delete_workloads(cluster: Cluster) -> None:
    thing = plain_object("Deployment", "apps/v1", "willing", spec=WORKLOAD)
    thing["metadata"]["labels"] = {"jwks-operator.dev/allow-set": "auth"}
    assert "only workloads labelled" in cluster.creates((OPERATOR, ()), thing)
    assert cluster.creates(ADMIN, thing, dry=False) == ""
    assert "only workloads labelled" in cluster.does((OPERATOR, ()), "delete", "deployment", "willing")
    assert cluster.does(ADMIN, "delete", "deployment", "willing") == ""


@pytest.mark.parametrize("what", TENANT_MAKES)
def test_a_person_may_not_make(cluster: Cluster, what: str) -> None:
    thing, namespace = TENANT_MAKES[what]
    assert "ValidatingAdmissionPolicy" in cluster.creates(ADMIN, thing, namespace)


NOTE = "jwks-operator.dev/refreshed-at"
NOTHING_ELSE = "nothing of a pod but"


@pytest.fixture(scope="module")
def pods(cluster: Cluster) -> Cluster:
    """With a pod that consents and one that does not, and that nobody runs."""
    until(lambda: cluster.does(ADMIN, "get", "serviceaccount/default") == "")
    for name, labels in (("willing", {"jwks-operator.dev/allow-set": "auth", "app": "issuer"}), ("other", {})):
        thing = plain_object("Pod", "v1", name, spec={"containers": [{"name": "a", "image": "a:1"}]})
        thing["metadata"] |= {"labels": labels, "annotations": {"note": "a"}}
        assert cluster.creates(ADMIN, thing, dry=False) == ""
    return cluster


@pytest.mark.parametrize(
    ("name", "change", "word"),
    [
        pytest.param("willing", {"annotations": {NOTE: "2026-11-02T10:00:00.123456Z"}}, "", id="the annotation"),
        pytest.param("other", {"annotations": {NOTE: "2026-11-02T10:00:00Z"}}, "only pods labelled", id="no consent"),
        pytest.param("willing", {"annotations": {NOTE: '{"a": "b"}'}}, NOTHING_ELSE, id="a value that is no time"),
        pytest.param("willing", {"annotations": {"x": "y"}}, NOTHING_ELSE, id="another annotation"),
        pytest.param("willing", {"annotations": {"note": None}}, NOTHING_ELSE, id="one less"),
        pytest.param("willing", {"annotations": {"note": "b"}}, NOTHING_ELSE, id="one changed"),
        pytest.param("willing", {"labels": {"app": "other"}}, NOTHING_ELSE, id="a label"),
        pytest.param("willing", {"labels": {"app": None}}, NOTHING_ELSE, id="a label less"),
        pytest.param("willing", {"finalizers": ["a.example.com/b"]}, NOTHING_ELSE, id="a finalizer"),
        pytest.param("other", {"labels": {"jwks-operator.dev/allow-set": "auth"}}, "only pods", id="consent itself"),
    ],
)
def test_of_the_metadata_of_a_pod_the_operator_may_change(
    pods: Cluster, name: str, change: dict[str, Any], word: str
) -> None:
    patch = json.dumps({"metadata": change})
    said = pods.does((OPERATOR, ()), "patch", "pod", name, "--type=merge", f"--patch={patch}")
    assert word in said
    assert (said == "") is (word == ""), said


@pytest.mark.parametrize(
    ("command", "word"),
    [
        pytest.param(
            ("patch", "pod/willing", '--patch={"spec":{"containers":[{"name":"a","image":"mine:1"}]}}'),
            NOTHING_ELSE,
            id="its image",
        ),
        pytest.param(
            ("patch", "pod/willing", "--type=merge", '--patch={"spec":{"activeDeadlineSeconds":1}}'),
            NOTHING_ELSE,
            id="its deadline",
        ),
        pytest.param(
            ("patch", "pod/willing", "--subresource=status", "--type=merge", '--patch={"status":{"phase":"Failed"}}'),
            "may not write /pods/status",
            id="its status",
        ),
        pytest.param(("delete", "pod/willing"), "only pods labelled", id="delete it"),
        pytest.param(("exec", "willing", "--", "sh"), "may not write /pods/exec", id="run something in it"),
    ],
)
def test_and_nothing_of_the_rest_of_a_pod(pods: Cluster, command: tuple[str, ...], word: str) -> None:
    assert word in pods.does((OPERATOR, ()), *command)


@pytest.mark.parametrize("where", ["secret.labels", "secret.annotations", "configMap.labels", "configMap.annotations"])
@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("replicator.v1.mittwald.de/replicate-to", False),
        ("reflector.v1.k8s.emberstack.com/reflection-allowed", False),
        ("kubed.appscode.com/sync", False),
        ("propagate.hnc.x-k8s.io/all", False),
        ("argocd.argoproj.io/secret-type", False),
        ("team", True),
        ("example.com/kubed.appscode.com", True),
    ],
)
def test_a_set_may_not_have_its_objects_copied_by_others(cluster: Cluster, where: str, name: str, *, may: bool) -> None:
    said = cluster.creates(ADMIN, set_asking(where, name))
    assert (said == "") is may, said
    assert may or "would have another controller copy the object" in said


def test_the_api_server_understands_every_expression(plane: ControlPlane) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    until(lambda: all("typeChecking" in each["status"] for each in plane.api("GET", path)["items"]))
    checked = plane.api("GET", path)["items"]
    assert len(checked) == 4
    assert [each["status"]["typeChecking"] for each in checked] == [{}] * 4


def test_without_the_policies_only_rights_count(namespace: str, control_plane: Access) -> None:
    without = Cluster(control_plane)
    assert without.creates(ADMIN, secret_object(OURS), namespace) == ""
    assert without.creates(ADMIN, configmap_object('{"d": 1}'), namespace) == ""
