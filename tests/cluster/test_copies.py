"""Copies in other namespaces on a real API server, by an operator that watches all of them."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.chronicle import PATHS, Chronicle
from cluster.operators import Operator
from cluster.reading import condition, published
from cluster.stage import Stage, figures, install_chart, played
from controlplane import ControlPlane
from controlplane.errors import ApiError
from helmchart import render as chart

ACCOUNT = (chart.NAMESPACE, chart.ACCOUNT)
DELAY = 3.0
NAME = "shop.auth"
CONSENT = {"accept.jwks-operator.dev/shop": "true"}
SPEC: dict[str, Any] = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "publish": {"namespaces": {"matchLabels": {"tier": "web"}}},
}


@dataclass(frozen=True)
class Country:
    """The namespace of the set, and those around it."""

    shop: Stage

    def open(self, name: str, **labels: str) -> None:
        metadata = {"name": name, "labels": {"tier": "web", **labels}}
        self.shop.plane.api("POST", "/api/v1/namespaces", {"metadata": metadata})

    def label(self, name: str, *labels: str) -> None:
        done = self.shop.plane.kubectl("label", "--overwrite", "namespace", name, *labels)
        assert done.returncode == 0, done.stderr

    def copy(self, namespace: str) -> dict[str, Any] | None:
        try:
            return self.shop.plane.api("GET", f"{PATHS['ConfigMap'].format(namespace)}/{NAME}")
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def until(self, check: Any, what: str) -> float:
        """Wait until this is so; return how long it took."""
        begun = time.monotonic()
        self.shop.until(check, what)
        return time.monotonic() - begun

    def same(self, namespace: str) -> bool:
        found, source = self.copy(namespace), self.shop.latest("ConfigMap", "auth")
        return found is not None and source is not None and found["data"] == source["data"]


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Country]:
    """A control plane of its own: an operator for all namespaces would look after everybody's sets."""
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane.start())
        install_chart(plane, {"policies": {"enabled": False}})  # which would keep everybody from touching copies
        log = tmp_path_factory.mktemp("copies") / "operator.log"
        options = (f"--deletion-delay={DELAY:.0f}s", "--resync-interval=5s", f"--lease-namespace={ACCOUNT[0]}")
        operator = Operator(plane.kubeconfig_for_service_account(*ACCOUNT), log, *options)
        plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
        country = Country(Stage(plane, "shop", Chronicle(plane, "shop"), operator))
        stack.enter_context(played(country.shop))
        country.open("before", **CONSENT)
        country.shop.create("auth", SPEC)
        country.shop.until_ready("auth")
        yield country


def test_the_namespaces_that_are_there_have_their_copy(country: Country) -> None:
    country.until(lambda: country.same("before"), "the copy")
    found = country.copy("before")
    assert found is not None
    assert found["metadata"]["annotations"]["jwks-operator.dev/source"] == "shop/auth"
    assert set(published(found)) == set(published(country.shop.there("ConfigMap", "auth")))


def test_a_namespace_that_appears_consents_withdraws_and_disappears_is_followed_at_once(country: Country) -> None:
    country.open("later")
    country.open("born-willing", **CONSENT)
    appeared = country.until(lambda: country.same("born-willing"), "the copy in a new namespace")
    assert country.copy("later") is None
    country.label("later", "accept.jwks-operator.dev/shop=true")
    consented = country.until(lambda: country.same("later"), "the copy after consent")
    country.label("later", "accept.jwks-operator.dev/shop-")
    withdrew = country.until(lambda: country.copy("later") is None, "the copy to go")
    country.label("later", "accept.jwks-operator.dev/shop=true", "tier=api")
    country.open("after-the-tier", **CONSENT)
    country.until(lambda: country.same("after-the-tier"), "the copy in a namespace that came after the label")
    assert country.copy("later") is None
    country.label("later", "tier=web")
    country.until(lambda: country.same("later"), "the copy after the namespace is selected")
    country.shop.plane.api("DELETE", "/api/v1/namespaces/later")
    country.until(lambda: country.copy("later") is None, "the namespace to go")
    country.open("after-the-end", **CONSENT)
    country.until(lambda: country.same("after-the-end"), "the copy in a namespace that came after the other's end")
    assert _degraded(country)["status"] == "False"
    figures.info(f"appeared {appeared:.2f} s, consented {consented:.2f} s, withdrew {withdrew:.2f} s")
    assert min(appeared, consented, withdrew) < 10


def test_what_others_do_to_a_copy_is_undone(country: Country) -> None:
    country.until(lambda: country.same("before"), "the copy")
    path = f"{PATHS['ConfigMap'].format('before')}/{NAME}"
    kubectl, plane = country.shop.plane.kubectl, country.shop.plane
    for what, change in {
        "edited": ("patch", "--type=merge", '--patch={"data":{"jwks.json":"{}"}}'),
        "stripped of its labels": ("patch", "--type=merge", '--patch={"metadata":{"labels":null}}'),
        "stripped of its annotations": ("patch", "--type=merge", '--patch={"metadata":{"annotations":null}}'),
    }.items():
        done = kubectl("--namespace=before", change[0], "configmap", NAME, *change[1:])
        assert done.returncode == 0, done.stderr
        country.until(lambda: country.same("before") and _is_whole(country.copy("before")), f"a copy that was {what}")
    plane.api("DELETE", path)
    country.until(lambda: country.same("before"), "a copy that was deleted")


def test_a_quota_holds_the_step_and_is_named_until_consent_is_withdrawn(country: Country) -> None:
    country.open("full", **CONSENT)
    country.until(lambda: country.same("full"), "the copy")
    plane = country.shop.plane
    path = "/apis/admissionregistration.k8s.io/v1"
    policy = {
        "metadata": {"name": "no-configmaps"},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "full"}},
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "resources": ["configmaps"],
                        "operations": ["CREATE", "UPDATE"],
                    }
                ],
            },
            "validations": [{"expression": "request.userInfo.username == 'nobody'", "message": "the budget is spent"}],
        },
    }
    binding = {
        "metadata": {"name": "no-configmaps"},
        "spec": {"policyName": "no-configmaps", "validationActions": ["Deny"]},
    }
    plane.api("POST", f"{path}/validatingadmissionpolicies", policy)
    plane.api("POST", f"{path}/validatingadmissionpolicybindings", binding)
    country.until(lambda: _is_refused(country), "the policy to bite")
    country.shop.patch("auth", {"spec": {"keys": [*SPEC["keys"], {"name": "more", "algorithm": "ES256"}]}})
    country.until(lambda: "namespace full was refused" in _degraded(country).get("message", ""), "the condition")
    told = _degraded(country)
    assert told["reason"] == "CopyRefused"
    assert "the budget is spent" in told["message"]
    country.until(lambda: country.same("before"), "the other copies to follow")
    assert _unpublished(country) == {"more"}
    country.label("full", "accept.jwks-operator.dev/shop-")
    country.until(lambda: not _unpublished(country), "the step to be confirmed")
    country.until(lambda: _degraded(country)["status"] == "False", "the condition to clear")
    assert country.copy("full") is None, "a deletion is not refused"


def test_a_foreign_configmap_is_named_and_never_touched(country: Country) -> None:
    plane, path = country.shop.plane, PATHS["ConfigMap"].format("taken")
    country.open("taken")
    mine = plane.api("POST", path, {"metadata": {"name": NAME}, "data": {"mine": "yes"}})
    country.label("taken", "accept.jwks-operator.dev/shop=true")
    country.until(lambda: f"ConfigMap taken/{NAME} exists" in _degraded(country).get("message", ""), "the condition")
    assert country.copy("taken") == mine
    plane.api("DELETE", "/api/v1/namespaces/taken")
    country.until(lambda: _degraded(country)["status"] == "False", "the condition to clear")


def test_copies_of_a_deleted_set_are_removed_also_by_an_operator_that_did_not_see_it(country: Country) -> None:
    country.until(lambda: country.same("before"), "the copy")
    country.shop.operator.stop()
    for kind in ("JsonWebKeySet", "Secret", "ConfigMap"):
        country.shop.delete(kind, "auth")
    country.shop.delete("Secret", "auth-keyring")
    assert country.copy("before") is not None
    country.shop.operator.start()
    took = country.until(lambda: country.copy("before") is None, "the copy to go")
    figures.info(f"removed {took:.1f} s after the start, of which {DELAY:.0f} s are the delay")
    assert country.copy("born-willing") is None


def _degraded(country: Country) -> dict[str, Any]:
    return condition(country.shop.latest("JsonWebKeySet", "auth"), "Degraded")


def _unpublished(country: Country) -> set[str]:
    keys = country.shop.there("JsonWebKeySet", "auth")["status"]["keys"]
    return {key["name"] for key in keys if "published" not in key} | (
        set() if any(key["name"] == "more" for key in keys) else {"more"}
    )


def _is_refused(country: Country) -> bool:
    done = country.shop.plane.kubectl(
        "--namespace=full", "create", "configmap", "probe", "--dry-run=server", "--from-literal=a=b"
    )
    return bool(done.returncode)


def _is_whole(found: dict[str, Any] | None) -> bool:
    text = json.dumps(found)
    return "jwks-operator.dev/source-namespace" in text and '"shop/auth"' in text
