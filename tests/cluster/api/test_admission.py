"""The table of specs against the real API server, with dry runs, and what kubectl shows."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest

from api.specs import ACCEPTED, CHANGES, KNOWN_TO_THE_API_SERVER, REFUSED, Case, Change
from cluster.api.conftest import Ask, Body
from controlplane import Access

GROUP = "/apis/jwks-operator.dev/v1beta1"
DRY = "?dryRun=All&fieldValidation=Strict"


@pytest.fixture
def dry(crd: str) -> str:
    """Where a set can be created without being stored."""
    return f"{GROUP}/namespaces/default/{crd}{DRY}"


@pytest.fixture
def sets(namespace: str, crd: str) -> str:
    """Path of the sets of a fresh namespace."""
    return f"{GROUP}/namespaces/{namespace}/{crd}"


def causes_of(answer: Body) -> list[tuple[str, str]]:
    """Return field and message of each cause, without the remark that other rules were not looked at."""
    assert answer["kind"] == "Status", f"accepted: {answer}"
    causes = [(cause["field"], cause["message"]) for cause in answer["details"]["causes"]]
    return [(field, message) for field, message in causes if "some validation rules were not checked" not in message]


@pytest.fixture(scope="module")
def answers(ask: Ask, crd: str) -> dict[str, Body]:
    """What the API server answers to each case of the table, by its title; all are asked in one batch."""
    cases = [*ACCEPTED, *REFUSED, *KNOWN_TO_THE_API_SERVER]
    path = f"{GROUP}/namespaces/default/{crd}{DRY}"
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda case: ask("POST", path, case.object), cases))
    return {case.title: answer for case, answer in zip(cases, told, strict=True)}


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_an_accepted_spec_is_stored_as_written(answers: dict[str, Body], case: Case) -> None:
    stored = answers[case.title]["spec"]
    assert {name: _without_defaults(stored[name], value) for name, value in case.spec.items()} == case.spec
    assert "timing" in case.spec or "timing" not in stored


def _without_defaults(stored: Any, written: Any) -> Any:
    """Return what is stored of what was written."""
    if isinstance(written, dict):
        return {name: _without_defaults(stored[name], value) for name, value in written.items()}
    if isinstance(written, list):
        return [_without_defaults(one, other) for one, other in zip(stored, written, strict=True)]
    return stored


@pytest.mark.parametrize("case", [*REFUSED, *KNOWN_TO_THE_API_SERVER], ids=str)
def test_a_refused_spec_gets_one_error_that_names_the_field(answers: dict[str, Body], case: Case) -> None:
    ((field, message),) = causes_of(answers[case.title])
    assert field.startswith(case.path)
    assert case.says in message


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_of_a_living_set(ask: Ask, sets: str, change: Change) -> None:
    living = ask("POST", sets, Case("", change.before).object)
    wanted = {**living, "spec": Case("", change.after).spec}
    answer = ask("PUT", f"{sets}/auth{DRY}", wanted)
    if not change.path:
        assert answer["kind"] == "JsonWebKeySet", answer
        return
    ((field, message),) = causes_of(answer)
    assert field == change.path
    assert change.says in message


def test_an_unknown_field_is_refused_under_strict_validation(ask: Ask, dry: str) -> None:
    answer = ask("POST", dry, Case("", {"keyz": []}).object)
    assert 'unknown field "spec.keyz"' in answer["message"]


def test_a_schema_error_leaves_no_second_message_from_a_rule(ask: Ask, dry: str) -> None:
    case = Case("", {"timing": {"lead": "soon", "retention": "5 min", "propagation": "x", "tokenLifetime": "y"}})
    causes = causes_of(ask("POST", dry, case.object))
    assert sorted(field.removeprefix("spec.timing.") for field, _ in causes) == [
        "lead", "propagation", "retention", "tokenLifetime",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["quickstart", "full"])
def test_kubectl_accepts_an_example(control_plane: Access, name: str, crd: str) -> None:
    example = Path(__file__).parents[3] / "examples" / f"{name}.yaml"
    done = control_plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(example))
    assert done.stderr == "", f"{crd} not served"
    assert done.stdout.endswith("created (server dry run)\n")


def test_every_zone_of_the_operator_is_known_to_the_api_server_or_told_by_its_name(ask: Ask, dry: str) -> None:
    """Some of each region: the whole list takes minutes, and both sides have the same database."""
    for zone in ("UTC", "Etc/GMT+12", "Africa/Abidjan", "America/Indiana/Knox", "Asia/Kolkata", "Europe/Kyiv"):
        assert zone in available_timezones()
        case = Case("", {"rotation": {"schedule": "0 3 1 * *", "timeZone": zone}})
        assert ask("POST", dry, case.object)["kind"] == "JsonWebKeySet"


MINE = ["jsonwebkeyset.jwks-operator.dev/auth"]


def names(plane: Access, namespace: str, *selectors: str) -> list[str]:
    return plane.kubectl("get", *selectors, "-n", namespace, "--output=name").stdout.split()


@pytest.mark.usefixtures("reported")
def test_sets_are_selected_by_field(control_plane: Access, namespace: str, ask: Ask, crd: str) -> None:
    stored = ask("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd}.jwks-operator.dev")
    if "selectableFields" not in stored["spec"]["versions"][0]:
        pytest.skip("not served: selectableFields")  # Kubernetes 1.30 drops them

    def selected(selector: str) -> list[str]:
        return names(control_plane, namespace, "jwks", f"--field-selector={selector}")

    assert selected("spec.suspend=false,status.next.action=Activate") == MINE
    assert selected("spec.suspend=true") == []
    assert selected("status.activeKid=6vQ0PzPk") == MINE


@pytest.mark.usefixtures("reported")
def test_sets_are_listed_by_category(control_plane: Access, namespace: str) -> None:
    assert names(control_plane, namespace, "security") == MINE


def test_the_definition_is_established_and_structural(ask: Ask, crd: str) -> None:
    found = ask("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd}.jwks-operator.dev")
    conditions = {condition["type"]: condition["status"] for condition in found["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


def test_kubectl_explain_explains(control_plane: Access, crd: str) -> None:
    until = time.monotonic() + 20  # the API server publishes the text a moment after the definition is established
    while (done := control_plane.kubectl("explain", f"{crd}.spec.timing")).returncode and time.monotonic() < until:
        time.sleep(0.2)
    text = " ".join(done.stdout.split())
    assert "Facts about tokens, caches and verifiers" in text
    assert "Longest time a token stays valid after it was signed. Default 1h." in text
    assert "Your slowest verifier, if it is a known one with its own defaults" in text


@pytest.fixture
def reported(ask: Ask, sets: str) -> Iterator[None]:
    """A set with a status as the operator writes it."""
    living = ask("POST", sets, Case("", {}).object)
    now = "2026-11-22T18:00:00Z"
    ready = {"type": "Ready", "status": "True", "reason": "KeysInUse", "message": "fine", "lastTransitionTime": now}
    move = {"time": "2026-12-22T18:00:00Z", "name": "signing", "action": "Activate"}
    living["status"] = {"conditions": [ready], "algorithms": "ES256", "activeKid": "6vQ0PzPk", "next": move}
    ask("PUT", f"{sets}/auth/status", living)
    yield
    ask("DELETE", f"{sets}/auth")


@pytest.mark.usefixtures("reported")
def test_kubectl_get_shows_columns(control_plane: Access, namespace: str) -> None:
    plain = control_plane.kubectl("get", "jwks", "-n", namespace).stdout.splitlines()
    assert plain[0].split() == ["NAME", "READY", "ALGORITHMS", "ACTIVE", "KID", "NEXT", "AGE"]
    assert plain[1].split()[:5] == ["auth", "True", "ES256", "6vQ0PzPk", "2026-12-22T18:00:00Z"]
    wide = control_plane.kubectl("get", "jwks", "-n", namespace, "-o", "wide").stdout.splitlines()
    assert wide[1].split()[-3:] == ["Activate", "KeysInUse", "fine"]
