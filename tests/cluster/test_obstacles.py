"""What stands in the way of a write is told: conditions, Event, the server's words; and it is cured by its cure alone.

All sets live at the same time, so that the rows of the table share every wait.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from cluster.chronicle import CONFIGMAPS, EVENTS, SECRETS, SETS
from cluster.obstacles import (
    DELETED,
    IMMUTABLE,
    LIVING,
    NEW,
    OTHER_OWNER,
    PHASES,
    REVOKING,
    ROTATING,
    SETUPS,
    TABLE,
    Obstacle,
    Place,
)
from cluster.operators import Operator
from cluster.reading import condition, in_use, published, ready
from cluster.stage import bind, grant, install, new_namespace, rules
from controlplane import Access
from controlplane.errors import ApiError

PATIENCE = 100.0
NAMES = {NEW: "new", LIVING: "living", REVOKING: "revoking", ROTATING: "rotating"}
SPEC = {"keys": [{"name": "signing", "algorithm": "ES256"}]}
OF_ANOTHER = {"jwks.json": '{"keys":[]}'}
CASES = [(obstacle, phase) for obstacle in TABLE for phase in PHASES]
EACH = pytest.mark.parametrize(("obstacle", "phase"), CASES, ids=str)


@dataclass
class Field:
    """A namespace for each obstacle, and in it a set for each phase."""

    plane: Access
    namespaces: dict[str, str]
    operator: Operator
    before: dict[tuple[str, str], str] = field(default_factory=dict)
    """By obstacle and phase, the key in use before it."""
    told: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """By obstacle and name, the sets as they were while it was there."""
    used: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def sets(self, title: str) -> dict[str, dict[str, Any]]:
        found = self.plane.api("GET", SETS.format(self.namespaces[title]))["items"]
        return {each["metadata"]["name"]: each for each in found}

    def read(self, path: str, title: str, name: str) -> dict[str, Any]:
        return self.plane.api("GET", f"{path.format(self.namespaces[title])}/{name}")

    def create(self, title: str, name: str) -> None:
        body = {"apiVersion": "jwks-operator.dev/v1beta1", "kind": "JsonWebKeySet", "metadata": {"name": name}}
        self.plane.api("POST", SETS.format(self.namespaces[title]), {**body, "spec": SPEC})

    def annotate(self, title: str, name: str, **annotations: str) -> None:
        path = f"{SETS.format(self.namespaces[title])}/{name}"
        named = {f"jwks-operator.dev/{key}": text for key, text in annotations.items()}
        while True:
            seen = self.plane.api("GET", path)
            seen["metadata"]["annotations"] = {**(seen["metadata"].get("annotations") or {}), **named}
            try:
                self.plane.api("PUT", path, seen)
            except ApiError as error:
                if error.status != HTTPStatus.CONFLICT:
                    raise
            else:
                return

    def until(self, check: Any, what: str) -> None:
        end = monotonic() + PATIENCE
        while (missing := check()) and monotonic() < end:
            sleep(0.3)
        words = "\n".join(self.operator.printed.splitlines()[-20:])
        assert not missing, f"{what}: {missing}; the operator's last words:\n{words}"


def _meet(field_: Field, obstacle: Obstacle) -> None:
    """Do what makes the operator write in each phase."""
    title, configmaps = obstacle.title, CONFIGMAPS.format(field_.namespaces[obstacle.title])
    gone = {LIVING: "living"} if obstacle is not DELETED and obstacle is not OTHER_OWNER else NAMES
    for phase, name in gone.items():
        if phase is not NEW and obstacle is not IMMUTABLE:
            field_.plane.api("DELETE", f"{configmaps}/{name}")
        if obstacle is OTHER_OWNER:
            field_.plane.api("POST", configmaps, {"metadata": {"name": name}, "data": OF_ANOTHER})
    if obstacle is IMMUTABLE:
        for phase in (LIVING, REVOKING, ROTATING):
            seen = field_.read(CONFIGMAPS, title, NAMES[phase])
            data = OF_ANOTHER if phase is LIVING else seen["data"]
            field_.plane.api("PUT", f"{configmaps}/{NAMES[phase]}", {**seen, "data": data, "immutable": True})
    field_.create(title, "new")
    field_.annotate(title, "revoking", revoke=field_.before[title, REVOKING])
    field_.annotate(title, "rotating", rotate="signing@2026-01-01T00:00:00Z!")


def _unlike_promise(field_: Field) -> list[str]:
    """Return the sets that do not say yet what the table promises."""
    found = []
    for obstacle in TABLE:
        there = field_.sets(obstacle.title)
        for phase, outcome in obstacle.promised.items():
            the_set = there[NAMES[phase]]
            said = (condition(the_set, "Ready").get("reason"), condition(the_set, "Degraded").get("reason"))
            moved = outcome.degraded != "AsExpected" or _has_moved(field_, obstacle, phase)
            if said != (outcome.ready, outcome.degraded) or not moved:
                found.append(f"{obstacle.title}, {phase}: {said}")
    return found


def _has_moved(field_: Field, obstacle: Obstacle, phase: str) -> bool:
    """Tell whether the key in use is another one, where a request was to make it so."""
    if phase not in {REVOKING, ROTATING}:
        return True
    used = in_use(field_.read(SECRETS, obstacle.title, NAMES[phase]))["signing"]
    return used != field_.before[obstacle.title, phase]


def _not_ready(field_: Field) -> list[str]:
    return [
        f"{title}: {name}"
        for title in field_.namespaces
        for name, the_set in field_.sets(title).items()
        if not (ready(the_set) and condition(the_set, "Degraded").get("status") == "False")
    ]


def _is_refused(place: Place, user: str) -> bool:
    """Tell whether the API server refuses a write of the operator by now."""
    probe = ("create", "configmap", "probe", f"--namespace={place.name}", "--dry-run=server", f"--as={user}")
    return place.plane.kubectl(*probe, "--as-group=system:serviceaccounts").returncode != 0


@pytest.fixture(scope="module")
def met(control_plane: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Every set after it met its obstacle, and whether the cures cure."""
    install(control_plane, "crds")
    directory: Path = tmp_path_factory.mktemp("obstacles")
    namespaces = {obstacle.title: new_namespace(control_plane, "obstacle") for obstacle in TABLE}
    home = next(iter(namespaces.values()))
    kubeconfig = grant(control_plane, home, rules())
    for namespace in namespaces.values():
        if namespace != home:
            bind(control_plane, namespace, rules(), {"kind": "ServiceAccount", "namespace": home, "name": "operator"})
    options = (f"--namespace={namespace}" for namespace in namespaces.values())
    field_ = Field(control_plane, namespaces, Operator(kubeconfig, directory / "operator.log", *options))
    try:
        yield _play(field_, f"system:serviceaccount:{home}:operator")
    finally:
        field_.operator.stop()
        for namespace in namespaces.values():
            control_plane.api("DELETE", f"/api/v1/namespaces/{namespace}")


def _play(field_: Field, user: str) -> Field:
    _begin(field_)
    with ExitStack() as stack:
        for obstacle in TABLE:
            _meet(field_, obstacle)
        places = [Place(field_.plane, field_.namespaces[title]) for title in SETUPS]
        for place, set_up in zip(places, SETUPS.values(), strict=True):
            set_up(place, stack)
        field_.until(lambda: [place.name for place in places if not _is_refused(place, user)], "the obstacles")
        field_.operator.start()
        field_.until(lambda: _unlike_promise(field_), "sets to say what is promised")
        _remember(field_)
    for name in NAMES.values():
        field_.plane.api("DELETE", f"{CONFIGMAPS.format(field_.namespaces[OTHER_OWNER.title])}/{name}")
    for title in field_.namespaces:  # nobody need wait for the next try: an edit is looked at at once
        for name in NAMES.values():
            field_.annotate(title, name, looked="again")
    field_.until(lambda: _not_ready(field_), "the cures to cure")
    return field_


def _begin(field_: Field) -> None:
    """Bring the sets that are in use to where they are, and stop the operator, so that it meets everything at once."""
    cases = [(title, phase) for title in field_.namespaces for phase in (LIVING, REVOKING, ROTATING)]
    for title, phase in cases:
        field_.create(title, NAMES[phase])
    field_.operator.start()
    field_.until(lambda: _not_ready(field_), "sets to be Ready")
    field_.operator.stop()
    for title, phase in cases:
        field_.before[title, phase] = in_use(field_.read(SECRETS, title, NAMES[phase]))["signing"]


def _remember(field_: Field) -> None:
    """Keep what is said while the obstacles are there."""
    for title, namespace in field_.namespaces.items():
        field_.told[title] = field_.sets(title)
        field_.events[title] = field_.plane.api("GET", EVENTS.format(namespace))["items"]
        secrets = field_.plane.api("GET", SECRETS.format(namespace))["items"]
        there = {each["metadata"]["name"]: each for each in secrets}
        for phase, name in NAMES.items():
            field_.used[title, phase] = in_use(there.get(name))


@EACH
def test_the_set_says_what_the_table_promises(met: Field, obstacle: Obstacle, phase: str) -> None:
    name, outcome = NAMES[phase], obstacle.promised[phase]
    the_set = met.told[obstacle.title][name]
    degraded = condition(the_set, "Degraded")
    assert (condition(the_set, "Ready")["reason"], degraded["reason"]) == (outcome.ready, outcome.degraded)
    if outcome.degraded != "AsExpected":
        assert condition(the_set, "Ready")["status"] == "False"
        assert f"ConfigMap {name}" in degraded["message"]
        assert obstacle.says in degraded["message"]
    if outcome.event:
        told = {e["reason"] for e in met.events[obstacle.title] if e["involvedObject"]["name"] == name}
        assert outcome.event in told


@EACH
def test_the_keys_do_what_they_may(met: Field, obstacle: Obstacle, phase: str) -> None:
    used = met.used[obstacle.title, phase].get("signing")
    if phase is REVOKING:
        assert used != met.before[obstacle.title, phase], "a revoked key leaves the Secret whatever the ConfigMap does"
    elif obstacle.promised[phase].degraded != "AsExpected":
        assert used == met.before.get((obstacle.title, phase)), "no key comes into use that is not published"


@EACH
def test_the_cure_cures(met: Field, obstacle: Obstacle, phase: str) -> None:
    name, title = NAMES[phase], obstacle.title
    used = in_use(met.read(SECRETS, title, name))["signing"]
    assert used in published(met.read(CONFIGMAPS, title, name))
    assert (used != met.before.get((title, phase))) is (phase is not LIVING)
    assert ready(met.sets(title)[name])
