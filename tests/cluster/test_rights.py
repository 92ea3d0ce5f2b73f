"""An operator that lacks a right says which, goes on running, and works as soon as it has it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cluster.chronicle import Chronicle
from cluster.operators import Operator
from cluster.reading import condition
from cluster.stage import ACCOUNT, RBAC, Stage, figures, grant, new_namespace, played, rules
from controlplane import Access

SPEC = {"keys": [{"name": "signing", "algorithm": "ES256"}]}
Rules = list[dict[str, list[str]]]


@pytest.fixture
def operator_with(control_plane: Access, crds: None, tmp_path: Path) -> Iterator[Callable[[Rules], Stage]]:
    """Makes a stage whose operator has these rights only."""
    with ExitStack() as stack:

        def made(granted: Rules) -> Stage:
            namespace = new_namespace(control_plane, "rights")
            kubeconfig = grant(control_plane, namespace, granted)
            operator = Operator(kubeconfig, tmp_path / "operator.log", f"--namespace={namespace}")
            return stack.enter_context(
                played(Stage(control_plane, namespace, Chronicle(control_plane, namespace), operator))
            )

        yield made


def test_without_any_right_it_names_the_first_that_it_needs_and_works_once_it_has_all(
    operator_with: Callable[[Rules], Stage],
) -> None:
    stage = operator_with([])
    stage.create("auth", SPEC)
    needed = 'cannot list resource "jsonwebkeysets" in API group "jwks-operator.dev"'
    stage.until(lambda: needed in stage.operator.printed, "the log line")
    (line, *_) = [line for line in stage.operator.printed.splitlines() if needed in line]
    assert f'User "system:serviceaccount:{stage.namespace}:{ACCOUNT}"' in line
    assert "WARNING" in line
    assert stage.operator.running
    _widen(stage, rules())
    stage.until_ready("auth")
    assert stage.operator.stop() == 0


def test_a_right_that_is_missing_for_one_write_is_named_in_the_status(operator_with: Callable[[Rules], Stage]) -> None:
    stage = operator_with(
        [
            {**rule, "resources": [resource]}
            for rule in rules()
            for resource in rule["resources"]
            if resource != "configmaps"
        ]
        + [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]
    )
    stage.create("auth", SPEC)
    told = stage.until(lambda: condition(stage.latest("JsonWebKeySet", "auth"), "Degraded"), "a condition that tells")
    assert (told["status"], told["reason"]) == ("True", "WriteRefused")
    assert 'cannot create resource "configmaps"' in told["message"]
    assert condition(stage.latest("JsonWebKeySet", "auth"), "Ready")["status"] == "False"
    assert stage.latest("Secret", "auth") is None, "the check side comes before the use side"
    _widen(stage, rules())
    begun = time.monotonic()
    stage.until_ready("auth")
    figures.info(f"Ready {time.monotonic() - begun:.1f} s after the right was given")


def _widen(stage: Stage, granted: Rules) -> None:
    """Give the stage's operator these rights from now on."""
    path = f"{RBAC.format(stage.namespace)}/roles/{ACCOUNT}"
    stage.plane.api("PUT", path, stage.plane.api("GET", path) | {"rules": granted})
