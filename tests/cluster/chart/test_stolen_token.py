"""Whoever has the operator's token tries to become cluster-admin, with every right of RBAC, in both modes."""

import json
from collections.abc import Iterator

import pytest

from attack.attempts import CSR, PUBLISHED, SYSTEM, THIEF_CHANGES, THIEF_MAKES, TOKEN
from attack.objects import HERE, PUBLIC, plain_object, secret_data, secret_object, with_set_label
from cluster.chart.acting import ADMIN, OPERATOR, Cluster, until
from cluster.stage import install_chart
from controlplane import ControlPlane


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
        theirs = plain_object("CertificateSigningRequest", "certificates.k8s.io/v1", "theirs", spec=CSR)
        for thing in (theirs, secret_object(name="theirs")):
            assert cluster.creates(ADMIN, thing, dry=False) == ""
        until(lambda: "may not write" in cluster.creates((OPERATOR, ()), plain_object("Namespace", "v1", "x")))
        yield cluster


@pytest.mark.parametrize("way", THIEF_MAKES)
def test_it_does_not_become_cluster_admin_by_making(cluster: Cluster, way: str) -> None:
    thing, namespace = THIEF_MAKES[way]
    said = cluster.creates((OPERATOR, ()), thing, namespace)
    assert "ValidatingAdmissionPolicy 'jwks-operator" in said, said


@pytest.mark.parametrize("command", THIEF_CHANGES.values(), ids=THIEF_CHANGES)
def test_nor_by_changing(cluster: Cluster, command: tuple[str, ...]) -> None:
    for thing in (TOKEN, PUBLISHED):
        cluster.creates((OPERATOR, ()), thing, dry=False)
    said = cluster.does((OPERATOR, ()), *command)
    assert "ValidatingAdmissionPolicy" in said, said


def test_its_work_is_allowed(cluster: Cluster) -> None:
    digest = "A" * 43
    ring = with_set_label(
        TOKEN,
        "auth-keyring",
        type="jwks-operator.dev/keyring",
        data=secret_data(record_json="{}") | {f"{digest}.json": "e30="},
    )
    every = {f"signing-1.{end}": "YQ==" for end in ("jwk", "jwks", "pem", "tls.crt", "tls.key", "kid", "alg")}
    beside = {"openid-configuration": "{}", "historical.jwt": "a-_.b.c", "zz-serve.json": "{}", "any_KEY": PUBLIC}
    for thing in (
        ring,
        with_set_label(TOKEN, "work", data=every),
        with_set_label(PUBLISHED, "work", data=beside),
        with_set_label(PUBLISHED, "shop.auth"),
    ):
        assert cluster.creates((OPERATOR, ()), thing) == "", json.dumps(thing)


def test_it_writes_only_where_it_looks(cluster: Cluster) -> None:
    said = cluster.creates((OPERATOR, ()), with_set_label(PUBLISHED, "work"), SYSTEM)
    assert said == "" or "only in the namespaces that it looks after" in said
