"""The operator as the chart installs it for one namespace: Roles only, and no word to any other namespace.

A control plane of this module's own: its audit log is this operator's alone.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.chronicle import Chronicle
from cluster.operators import Operator
from cluster.rights import SPEC, live_with_a_dispute, live_with_endpoints, refused, unlike
from cluster.stage import Stage, install_chart, played
from controlplane import ControlPlane
from helmchart import render as chart

HERE, ELSEWHERE = "tenant", "neighbour"
VALUES = {"watchNamespaces": [HERE], "policies": {"restoreGroups": ["system:masters"]}}


@dataclass(frozen=True)
class Tenancy:
    """The stage after the whole life, and everything that the operator asked for, as audit events."""

    here: Stage
    asked: list[dict[str, Any]]


@pytest.fixture(scope="module")
def tenancy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenancy]:
    """A life from creation to removal, beside a set of a namespace that the operator was not told of."""
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane.start(audit=True))
        for name in (HERE, ELSEWHERE):
            plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        install_chart(plane, VALUES)
        account = (chart.NAMESPACE, chart.ACCOUNT)
        log = tmp_path_factory.mktemp("tenancy") / "operator.log"
        options = (
            f"--namespace={HERE}",
            "--deletion-delay=2s",
            "--resync-interval=3s",
            f"--lease-namespace={account[0]}",
        )
        operator = Operator(plane.kubeconfig_for_service_account(*account), log, *options)
        here = stack.enter_context(played(Stage(plane, HERE, Chronicle(plane, HERE), operator)))
        other = Stage(plane, ELSEWHERE, Chronicle(plane, ELSEWHERE), operator)
        stack.callback(other.chronicle.close)
        other.create("auth", SPEC)
        live_with_endpoints(here)
        live_with_a_dispute(here)
        _live(here)
        user = "system:serviceaccount:{}:{}".format(*account)
        events = [each for each in plane.audit_events() if each["user"].get("username") == user and "objectRef" in each]
        assert other.latest("Secret", "auth-keyring") is None
        yield Tenancy(here, events)


def _live(here: Stage) -> None:
    """Rotate until a key is destroyed, be deleted, and be removed."""
    here.create("busy", SPEC)
    here.until(lambda: "KeyDestroyed" in _told(here), "a key to go all the way")
    here.delete("JsonWebKeySet", "busy")
    here.until(lambda: here.latest("Secret", "busy-keyring") is None, "the removal")


def _told(here: Stage) -> set[str]:
    status = (here.latest("JsonWebKeySet", "busy") or {}).get("status") or {}
    return {each["event"] for each in status.get("history") or []}


def test_every_right_of_the_chart_is_used_and_nothing_was_forbidden(tenancy: Tenancy) -> None:
    assert unlike(chart.operator_rules(VALUES), tenancy.asked) == []
    assert [each for each in tenancy.asked if refused(each)] == []


def test_nothing_was_asked_of_any_other_namespace_or_of_the_cluster(tenancy: Tenancy) -> None:
    assert {each["objectRef"].get("namespace") for each in tenancy.asked} == {HERE, chart.NAMESPACE}
    own = [each for each in tenancy.asked if each["objectRef"]["namespace"] == chart.NAMESPACE]
    assert {each["objectRef"]["resource"] for each in own} == {"leases"}
