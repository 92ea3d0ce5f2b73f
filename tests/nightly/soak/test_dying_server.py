"""The API server is killed again and again, and etcd stopped, under operators at work: none exits, none loses a task.

A short life by default; `SERVER_KILLS=100 ETCD_STOPS=20 OPERATORS=6` is the long one.
"""

import functools
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cluster.operators import Operator
from cluster.reading import ready
from cluster.stage import figures, grant, install, rules
from cluster.witness import BRISK
from controlplane import ControlPlane
from controlplane.errors import ControlPlaneError

KILLS = int(os.environ.get("SERVER_KILLS", "4"))
STOPS = int(os.environ.get("ETCD_STOPS", "1"))
OPERATORS = int(os.environ.get("OPERATORS", "2"))
STOPPED = (1.0, 12.0)
"""Seconds for which etcd is stopped; the API server gives up on it in between."""
PATIENCE = 120.0
SPEC = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "rotation": {"every": "3s", "rollbackWindow": "1s"},
    "timing": BRISK,
}
SETS = "/apis/jwks-operator.dev/v1beta1/namespaces/{}/jsonwebkeysets"
GONE = ("starts again", "the process ends", "used by transport", "watching failed", "Traceback")
"""What no log may say."""


@dataclass(frozen=True)
class Looked:
    """An operator and the namespace that it looks after."""

    namespace: str
    operator: Operator


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    with ControlPlane.start() as plane:
        install(plane, "crds")
        yield plane


@pytest.fixture
def looked(plane: ControlPlane, tmp_path: Path) -> Iterator[list[Looked]]:
    every: list[Looked] = []
    try:
        for number in range(OPERATORS):
            namespace = f"shop-{number}"
            plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
            options = (f"--namespace={namespace}", f"--lease-namespace={namespace}", "--leader-elect")
            operator = Operator(grant(plane, namespace, rules()), tmp_path / f"{namespace}.log", *options)
            operator.start()
            every.append(Looked(namespace, operator))
            make(plane, namespace, "auth")
        yield every
    finally:
        for one in every:
            one.operator.stop()


@pytest.mark.timeout(300 + 60 * KILLS + 90 * STOPS)
def test_nobody_exits_and_no_task_is_lost(plane: ControlPlane, looked: list[Looked]) -> None:
    chance = Random(1)
    until_ready(plane, looked, "auth")
    for number in range(KILLS):
        time.sleep(chance.uniform(0, 1.5))
        plane.kill_apiserver()
        plane.start_apiserver()
        assert_all_live(looked, f"kill {number}")
    for number in range(STOPS):
        etcd = plane.pids()["etcd"]
        os.kill(etcd, signal.SIGSTOP)
        try:
            time.sleep(chance.uniform(*STOPPED))
        finally:
            os.kill(etcd, signal.SIGCONT)
        until(plane.is_ready, "the API server to be ready")
        assert_all_live(looked, f"stop {number}")
    for one in looked:
        until(functools.partial(posted, plane, one.namespace), f"a new set in {one.namespace}")
    until_ready(plane, looked, "late")
    said = {word: sum(one.operator.printed.count(word) for one in looked) for word in GONE}
    figures.info(f"{KILLS} kills, {STOPS} stops, {OPERATORS} operators; exits 0; said: {said}")
    assert {one.operator.health() for one in looked} == {"ok"}
    assert not any(said.values()), said


def until_ready(plane: ControlPlane, looked: list[Looked], name: str) -> None:
    for one in looked:
        until(functools.partial(is_ready, plane, one.namespace, name), f"{name} of {one.namespace} to be Ready")


def assert_all_live(looked: list[Looked], when: str) -> None:
    ended = {one.namespace: one.operator.printed[-2000:] for one in looked if not one.operator.running}
    assert not ended, f"{when}: {ended}"


def make(plane: ControlPlane, namespace: str, name: str) -> None:
    body: dict[str, Any] = {"apiVersion": "jwks-operator.dev/v1beta1", "kind": "JsonWebKeySet"}
    plane.api("POST", SETS.format(namespace), {**body, "metadata": {"name": name}, "spec": SPEC})


def posted(plane: ControlPlane, namespace: str) -> bool:
    try:
        make(plane, namespace, "late")
    except ControlPlaneError:
        return False
    return True


def is_ready(plane: ControlPlane, namespace: str, name: str) -> bool:
    try:
        return ready(plane.api("GET", f"{SETS.format(namespace)}/{name}"))
    except ControlPlaneError:
        return False


def until(check: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < end, f"waited {PATIENCE:g} s for {what}"
        time.sleep(0.2)
