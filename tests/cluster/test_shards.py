"""Three operators of three shards on a real API server, with sets that move between them in the middle of rotations.

Each has an account of its own, so that the API server's audit log tells who wrote what and who asked for which objects.
"""

import random
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cluster.chronicle import Chronicle
from cluster.operators import Operator
from cluster.reading import condition, in_use, leaks
from cluster.stage import Stage, figures, grant, install, new_namespace
from cluster.witness import BRISK, BRISK_LEAD, BRISK_RETENTION, Witness
from controlplane import Access
from helmchart import render as chart
from jwks_operator.api.shards import Shard, selector_of_objects, selector_of_sets, shard_of

SPEC = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "rotation": {"every": "3s", "rollbackWindow": "1s"},
    "timing": BRISK,
}
SHARDS: dict[str, Shard] = {"nameless": None, "blue": "blue", "green": "green"}
"""Each operator's account, and its shard."""
NAMES = [f"set-{number}" for number in range(9)]
MOVES = 40
WRITES = {"create", "update", "patch", "delete"}
OWNED = {"secrets", "configmaps"}
HAND_OVER = 5.0
"""Seconds for which the former owner may still be under way, on a busy machine."""


@dataclass
class Fleet:
    """The operators, the namespace they share, and where each set was moved to when."""

    stage: Stage
    operators: dict[str, Operator]
    moved: dict[str, list[tuple[float, Shard]]] = field(default_factory=dict)

    def move(self, name: str, shard: Shard) -> None:
        """Label a set."""
        self.moved.setdefault(name, []).append((time.time(), shard))
        self.stage.patch(name, {"metadata": {"labels": {"jwks-operator.dev/shard": shard}}})

    def written(self, name: str) -> dict[str, list[tuple[float, str]]]:
        """By object of a set, when it was written with success and by whom, in order."""
        found: dict[str, list[tuple[float, str]]] = {}
        for event in self.asked():
            what = event["objectRef"]
            mine = what.get("name") == name or what.get("name") == f"{name}-keyring"
            done = event["verb"] in WRITES and event["responseStatus"]["code"] < 300
            if mine and done and what["resource"] in OWNED:
                at = datetime.fromisoformat(event["stageTimestamp"]).timestamp()
                found.setdefault(f"{what['resource']}/{what['name']}", []).append((at, _account(event)))
        return {what: sorted(writes) for what, writes in found.items()}

    def asked(self) -> Iterator[dict[str, Any]]:
        """Everything that the operators asked of the API server and that was answered."""
        prefix = f"system:serviceaccount:{self.stage.namespace}:"
        for event in self.stage.plane.audit_events(prefix):
            if event["user"].get("username", "").startswith(prefix) and "objectRef" in event:
                yield event

    def settled(self, name: str, shard: Shard) -> bool:
        """Whether everything of a set carries a label."""
        objects = (("Secret", f"{name}-keyring"), ("Secret", name), ("ConfigMap", name))
        return all(shard_of(self.stage.there(*which)) == shard for which in objects)

    def witness(self, name: str) -> Witness:
        witness = Witness(BRISK_LEAD, BRISK_RETENTION)
        witness.watch(seen for seen in self.stage.chronicle.sightings("Secret", "ConfigMap") if seen.name == name)
        return witness


def _account(event: dict[str, Any]) -> str:
    return str(event["user"]["username"]).rpartition(":")[2]


@pytest.fixture(scope="module")
def fleet(control_plane: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """All are running, and all sets are Ready."""
    install(control_plane, "crds")
    namespace = new_namespace(control_plane, "shards")
    logs = tmp_path_factory.mktemp("shards")
    rules = chart.operator_rules({"watchNamespaces": ["any"], "shards": ["blue", "green"]})
    operators = {}
    for account, shard in SHARDS.items():
        options = [f"--namespace={namespace}", f"--lease-namespace={namespace}", "--deletion-delay=2s"]
        kubeconfig = grant(control_plane, namespace, rules, account)
        mine = [] if shard is None else [f"--shard={shard}"]
        operators[account] = Operator(kubeconfig, logs / f"{account}.log", *options, *mine)
    chronicle = Chronicle(control_plane, namespace)
    fleet = Fleet(Stage(control_plane, namespace, chronicle, operators["nameless"]), operators)
    try:
        for name, shard in zip(NAMES, 3 * list(SHARDS.values()), strict=True):
            fleet.stage.create(name, SPEC, labels={} if shard is None else {"jwks-operator.dev/shard": shard})
            fleet.moved[name] = [(time.time(), shard)]
        for operator in operators.values():
            operator.start()
        fleet.stage.until_ready(*NAMES)
        yield fleet
    finally:
        for operator in operators.values():
            operator.stop()
        chronicle.close()


@pytest.fixture(scope="module")
def moved(fleet: Fleet) -> Fleet:
    """After many moves, half of them right after a write to the set; at the end every set is at rest."""
    seed = secrets.randbits(32)
    figures.info(f"seed {seed}")
    chance = random.Random(seed)
    stage = fleet.stage
    for turn in range(MOVES):
        name = chance.choice(NAMES)
        if turn % 2:
            seen = len(stage.chronicle.of("Secret", f"{name}-keyring"))
            stage.until(lambda: len(stage.chronicle.of("Secret", f"{name}-keyring")) > seen, "a step")  # noqa: B023
        else:
            time.sleep(chance.uniform(0, 0.5))
        now = fleet.moved[name][-1][1]
        fleet.move(name, chance.choice([shard for shard in SHARDS.values() if shard != now]))
    used = {name: in_use(stage.latest("Secret", name)) for name in NAMES}
    stage.until(lambda: all(in_use(stage.latest("Secret", name)) != used[name] for name in NAMES), "rotations")
    for name in NAMES:
        stage.patch(name, {"spec": {"suspend": True}})
    stage.until_ready(*NAMES)
    stage.until(lambda: all(fleet.settled(name, fleet.moved[name][-1][1]) for name in NAMES), "the labels")
    stage.until(lambda: not any(_retired(stage, name) for name in NAMES), "what was retired to go")
    return fleet


def _retired(stage: Stage, name: str) -> bool:
    """Whether a key is still to be destroyed; after that nothing is due any more in a suspended set."""
    return any(key["state"] == "Retired" for key in stage.there("JsonWebKeySet", name)["status"]["keys"])


def test_no_move_makes_anything_early_or_loses_it(moved: Fleet) -> None:
    for name in NAMES:
        witness = moved.witness(name)
        assert witness.objections == [], name
        assert witness.activations > 1, name
        assert condition(moved.stage.there("JsonWebKeySet", name), "Degraded")["status"] == "False"
    assert leaks(moved.stage.chronicle.sightings(), "".join(each.printed for each in moved.operators.values())) == []


def test_no_object_was_written_by_two_shards_but_at_its_move(moved: Fleet) -> None:
    for name in NAMES:
        ways = pairwise([*moved.moved[name], (time.time(), None)])
        terms = [(SHARDS_BY[shard], begun, ended) for (begun, shard), (ended, _) in ways]
        for what, writes in moved.written(name).items():
            hands = sum(one != other for (_, one), (_, other) in pairwise(writes))
            assert hands < len(terms), f"{what} changed hands {hands} times in {len(terms) - 1} moves"
            for at, who in writes:
                assert any(owner == who and begun - 1 < at < ended + HAND_OVER for owner, begun, ended in terms), (
                    f"{what} was written by {who}, whose the set was not"
                )


SHARDS_BY: dict[Shard, str] = {shard: account for account, shard in SHARDS.items()}


def test_each_operator_asks_for_nothing_but_what_is_of_its_shard(moved: Fleet) -> None:
    asked = set()
    for event in moved.asked():
        what = event["objectRef"]
        if event["verb"] in {"list", "watch"} and what["resource"] in OWNED | {"jsonwebkeysets"}:
            (selector,) = parse_qs(urlsplit(event["requestURI"]).query)["labelSelector"]
            shard = SHARDS[_account(event)]
            wanted = selector_of_objects(shard) if what["resource"] in OWNED else selector_of_sets(shard)
            assert selector in {wanted, "jwks-operator.dev/allow-set"}, event["requestURI"]
            asked.add((_account(event), event["verb"], what["resource"]))
    assert len(asked) == len(SHARDS) * 2 * 3


def test_each_shard_has_a_leader(moved: Fleet) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{moved.stage.namespace}/leases"
    leases = {each["metadata"]["name"] for each in moved.stage.plane.api("GET", path)["items"]}
    assert leases == {"jwks-operator", "jwks-operator-blue", "jwks-operator-green"}


def test_a_set_of_a_shard_that_nobody_runs_is_left_alone_and_comes_back(moved: Fleet) -> None:
    stage, name, other = moved.stage, *NAMES[:2]
    moved.move(name, "grey")
    time.sleep(2)  # for a pass of the former shard that has begun
    before = [stage.there(*which)["metadata"]["resourceVersion"] for which in (("Secret", name), ("ConfigMap", name))]
    stage.patch(name, {"spec": {"suspend": False}})
    stage.patch(other, {"spec": {"suspend": False}})
    other_used = in_use(stage.latest("Secret", other))
    stage.until(lambda: in_use(stage.latest("Secret", other)) != other_used, "a rotation of a set of a living shard")
    after = [stage.there(*which)["metadata"]["resourceVersion"] for which in (("Secret", name), ("ConfigMap", name))]
    assert after == before
    listed = stage.kubectl("get", "jwks", name, "--label-columns=jwks-operator.dev/shard")
    assert listed.stdout.split()[-1] == "grey"
    used = in_use(stage.latest("Secret", name))
    moved.move(name, "green")
    stage.until(lambda: in_use(stage.latest("Secret", name)) != used, "a rotation in the new shard")
    assert moved.witness(name).objections == []


def test_what_a_deleted_set_leaves_is_removed_by_its_shard_alone(moved: Fleet) -> None:
    name = NAMES[1]
    owner = SHARDS_BY[moved.moved[name][-1][1]]
    moved.stage.delete("JsonWebKeySet", name)
    moved.stage.until(lambda: moved.stage.latest("Secret", f"{name}-keyring") is None, "the end of the record")
    assert moved.stage.latest("ConfigMap", name) is None
    removed = {
        _account(event)
        for event in moved.asked()
        if event["verb"] == "delete" and event["objectRef"].get("name") in {name, f"{name}-keyring"}
    }
    assert removed == {owner}
