"""Pod refresh on a real API server: real pods, with the rights of the chart and without them. No kubelet runs here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.chronicle import Chronicle, Object
from cluster.operators import Operator
from cluster.stage import Stage, grant, install, new_namespace, played
from controlplane import Access
from controlplane.errors import ApiError
from helmchart.render import operator_rules
from jwks_operator.api.names import ANNOTATION_REFRESHED_AT, LABEL_ALLOW_SET

SPEC = {"keys": [{"name": "signing", "algorithm": "ES256"}]}
VOLUMES: dict[str, Object] = {
    "signer": {"secret": {"secretName": "auth"}},
    "verifier": {"projected": {"sources": [{"configMap": {"name": "auth"}}]}},
    "stranger": {"emptyDir": {}},
}


class Pods:
    """A stage with a set and a pod for each kind of volume."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._path = f"/api/v1/namespaces/{stage.namespace}/pods"
        stage.until(self._has_account, "an account for the pods")
        for name, volume in VOLUMES.items():
            metadata = {"name": name, "labels": {LABEL_ALLOW_SET: "auth"}}
            spec = {"containers": [{"name": "a", "image": "a:1"}], "volumes": [{"name": "keys", **volume}]}
            stage.plane.api("POST", self._path, {"metadata": metadata, "spec": spec})

    def refreshed(self) -> set[str]:
        """Names of the pods that were annotated."""
        found: list[Object] = self.stage.plane.api("GET", self._path)["items"]
        return {
            each["metadata"]["name"]
            for each in found
            if ANNOTATION_REFRESHED_AT in each["metadata"].get("annotations", {})
        }

    def revoke(self) -> None:
        """Revoke the key in use and wait until another one is."""
        keys = self.stage.there("JsonWebKeySet", "auth")["status"]["keys"]
        (kid,) = (key["kid"] for key in keys if key["state"] == "Active")
        self.stage.patch("auth", {"spec": {"revoked": [{"kid": kid, "reason": "KeyCompromise"}]}})
        self.stage.until(
            lambda: not kid.startswith(self.stage.there("JsonWebKeySet", "auth")["status"]["activeKid"]), "another key"
        )

    def told(self, reason: str) -> str:
        """The message of an Event, once it is there."""

        def message() -> str | None:
            path = f"/api/v1/namespaces/{self.stage.namespace}/events"
            found = (each for each in self.stage.plane.api("GET", path)["items"] if each["reason"] == reason)
            return next((str(each["message"]) for each in found), None)

        return self.stage.until(message, f"an Event {reason}")

    def _has_account(self) -> bool:
        try:
            self.stage.plane.api("GET", f"/api/v1/namespaces/{self.stage.namespace}/serviceaccounts/default")
        except ApiError:
            return False
        return True


@pytest.fixture
def pods(control_plane: Access, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pods]:
    """`request.param`: whether the chart grants the rights."""
    install(control_plane, "crds")
    namespace = new_namespace(control_plane, "refresh")
    try:
        rights = operator_rules({"watchNamespaces": ["any"], "podRefresh": {"enabled": request.param}})
        kubeconfig = grant(control_plane, namespace, rights)
        operator = Operator(kubeconfig, tmp_path / "operator.log", f"--namespace={namespace}", "--pod-refresh")
        with played(Stage(control_plane, namespace, Chronicle(control_plane, namespace), operator)) as stage:
            stage.create("auth", SPEC)
            stage.until_ready("auth")
            yield Pods(stage)
    finally:
        control_plane.api("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.mark.parametrize("pods", [True], indirect=True)
def test_a_revocation_reaches_the_pods_that_mount_the_set_and_no_others(pods: Pods) -> None:
    pods.revoke()
    assert pods.told("PodsRefreshed").endswith(": 2")
    assert pods.refreshed() == {"signer", "verifier"}


@pytest.mark.parametrize("pods", [False], indirect=True)
def test_a_right_that_is_missing_holds_no_revocation_and_is_named(pods: Pods) -> None:
    pods.revoke()
    told = pods.told("PodRefreshFailed")
    assert 'cannot list resource "pods"' in told
    assert "podRefresh.enabled" in told
    assert pods.refreshed() == set()
    pods.stage.until_ready("auth")
