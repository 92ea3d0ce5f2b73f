"""A revocation reaches the mounted files of every pod that consents, on a real kubelet with its own delays.

How fast, is told with `--log-cli-level=info`; REFRESH_PODS and REFRESH_ROUNDS make a benchmark of it.
"""

import json
import logging
import os
import string
import time
from collections.abc import Iterator
from statistics import quantiles

import pytest

from e2e.stage import Stage
from e2e.traffic import MANIFESTS, RESTRICTED, SYNC, wait_until

pytestmark = pytest.mark.timeout(1800)

figures = logging.getLogger("figures")
figures.setLevel(logging.INFO)
HERE = "refresh"
PODS, ROUNDS = int(os.environ.get("REFRESH_PODS", "4")), int(os.environ.get("REFRESH_ROUNDS", "2"))
PLACES = 3
"""Secret, ConfigMap, and what the server beside them serves."""
LATEST = 20.0
"""Seconds, on any machine; a kubelet that looks at its own time needs a minute."""
SET = {
    "apiVersion": "jwks-operator.dev/v1beta1",
    "kind": "JsonWebKeySet",
    "metadata": {"name": "auth"},
    "spec": {"keys": [{"name": "signing", "algorithm": "ES256"}]},
}
CHART = ("upgrade", "--install", "jwks-operator", "helm/jwks-operator", "--namespace=jwks-operator", "--wait")


@pytest.fixture(scope="module")
def followed(stage: Stage) -> Iterator[Stage]:
    """A set, and pods that say when they see other keys: `willing` ones and a `stranger`."""
    values = ("--set=podRefresh.enabled=true", f"--set=image.repository={stage.image.rpartition(':')[0]}")
    stage.run("helm", *CHART, "--create-namespace", *values)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HERE, "labels": RESTRICTED}}
    stage.kubectl("apply", "-f", "-", input=json.dumps(namespace))
    stage.kubectl("apply", "-n", HERE, "-f", "-", input=json.dumps(SET))
    stage.kubectl("wait", "-n", HERE, "jwks/auth", "--for=condition=Ready", "--timeout=60s")
    for name, replicas, allowed in (("willing", PODS, "auth"), ("stranger", 1, "other")):
        text = string.Template((MANIFESTS / "follower.yaml").read_text()).substitute(
            CLIENTS_IMAGE=stage.clients_image, NAME=name, REPLICAS=replicas, ALLOWED=allowed
        )
        stage.kubectl("apply", "-n", HERE, "-f", "-", input=text)
    for name in ("willing", "stranger"):
        stage.kubectl("rollout", "status", "-n", HERE, f"deployment/{name}", "--timeout=300s")
    yield stage
    stage.kubectl("delete", "namespace", HERE, "--timeout=120s")


def test_a_revocation_reaches_every_consenting_pod_long_before_its_kubelet_would_look(followed: Stage) -> None:
    took: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        wait_until(lambda: "Pending" in followed.keys("auth", HERE).values(), 60, "the next key")
        for place, seconds in revoke(followed):
            took.setdefault(place, []).append(seconds)
    for place, times in took.items():
        cuts = quantiles(times, n=100, method="inclusive")
        figures.info(
            "%s: p50 %.2f s, p99 %.2f s, max %.2f s (%d pods, %d revocations, syncFrequency %s)",
            place, cuts[49], cuts[98], max(times), PODS, ROUNDS, SYNC,
        )  # fmt: skip
    assert {place: max(times) for place, times in took.items() if max(times) > LATEST} == {}
    notes = [pod["metadata"].get("annotations", {}) for pod in followed.list("pods", "app=stranger", HERE)]
    assert "jwks-operator.dev/refreshed-at" not in notes[0]


def revoke(stage: Stage) -> list[tuple[str, float]]:
    """Revoke the key in use; return after how many seconds kubectl had ended, and each place in each pod followed."""
    (active,) = (kid for kid, state in stage.keys("auth", HERE).items() if state == "Active")
    begun = time.time()
    stage.kubectl("annotate", "-n", HERE, "jwks/auth", "--overwrite", f"jwks-operator.dev/revoke={active}")
    asked = time.time() - begun
    wait_until(lambda: len(without(stage, active)) == PLACES * PODS, 120, "every place in every pod")
    return [("kubectl itself", asked), *((place, at - begun) for (_, place), at in without(stage, active).items())]


def without(stage: Stage, kid: str) -> dict[tuple[str, str], float]:
    """When each pod and place was first seen without a key that it had before."""
    log = stage.kubectl("logs", "-n", HERE, "--selector=app=willing", "-c", "follower", "--prefix", "--tail=-1",
                        "--max-log-requests=100")  # fmt: skip
    had: set[tuple[str, str]] = set()
    gone: dict[tuple[str, str], float] = {}
    for line in log.splitlines():
        pod, _, text = line.partition(" ")
        seen = json.loads(text)
        where = (pod, seen["place"])
        if kid in seen["kids"]:
            had.add(where)
        elif where in had:
            gone.setdefault(where, seen["at"])
    return gone
