"""Two operators by mistake, without an election, on a real API server: nothing is lost, and both are named."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from cluster.chronicle import Chronicle
from cluster.ha.pair import NAMES, SPEC
from cluster.operators import Operator
from cluster.reading import condition
from cluster.stage import Stage, grant, install, new_namespace, rules
from cluster.witness import BRISK_LEAD, BRISK_RETENTION, Witness
from controlplane import Access

PATIENCE = 120.0


@pytest.fixture
def stage(control_plane: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    install(control_plane, "crds")
    namespace = new_namespace(control_plane, "two")
    logs = tmp_path_factory.mktemp("two")
    with ExitStack() as stack:
        stack.callback(control_plane.api, "DELETE", f"/api/v1/namespaces/{namespace}")
        chronicle = Chronicle(control_plane, namespace)
        stack.callback(chronicle.close)
        operators = [
            Operator(
                grant(control_plane, namespace, rules(), name),
                logs / f"{name}.log",
                f"--namespace={namespace}",
                "--no-leader-elect",
            )
            for name in NAMES
        ]
        stage = Stage(control_plane, namespace, chronicle, operators[0])
        stage.create("auth", SPEC)
        for operator in operators:
            stack.callback(operator.stop)
            operator.start()
        yield stage


def test_two_operators_without_an_election_are_named_and_lose_nothing(stage: Stage) -> None:
    def told() -> str:
        found = condition(stage.latest("JsonWebKeySet", "auth"), "Degraded")
        return str(found["message"]) if found.get("reason") == "OtherOperator" else ""

    said = stage.until(told, "the condition", PATIENCE)
    assert said.count("(version ") == 2, said
    stage.until(
        lambda: "OtherOperator" in {s.object["reason"] for s in stage.chronicle.sightings("Event")}, "the Event"
    )
    witness = Witness(BRISK_LEAD, BRISK_RETENTION)
    witness.watch(stage.chronicle.sightings("Secret", "ConfigMap"))
    assert witness.objections == []
    stage.assert_no_private_leak()
