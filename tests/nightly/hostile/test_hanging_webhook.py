"""An admission webhook that never answers: its sets are told of it, all others continue."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from cluster.chronicle import Chronicle
from cluster.operators import Operator
from cluster.reading import condition, ready
from cluster.stage import Stage, figures, install_chart, played
from controlplane import ControlPlane
from helmchart import render as chart

ACCOUNT = (chart.NAMESPACE, chart.ACCOUNT)
KEYS = {"keys": [{"name": "signing", "algorithm": "ES256"}]}
TIMEOUT = 15
"""Seconds for which the API server waits for the webhook."""
SETS = 12
"""More than the operator has workers."""
PATIENCE = 240.0


@contextmanager
def silent_server() -> Iterator[int]:
    """A server that takes connections and says nothing; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return

        taker = threading.Thread(target=take)
        taker.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            taker.join()
            for each in taken:
                each.close()


def webhook(port: int) -> str:
    return json.dumps(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "silent"},
            "webhooks": [
                {
                    "name": "silent.example.com",
                    "clientConfig": {"url": f"https://127.0.0.1:{port}/"},
                    "rules": [
                        {
                            "apiGroups": [""],
                            "apiVersions": ["v1"],
                            "operations": ["CREATE", "UPDATE"],
                            "resources": ["secrets", "configmaps"],
                        }
                    ],
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "slow"}},
                    "timeoutSeconds": TIMEOUT,
                    "failurePolicy": "Fail",
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                }
            ],
        }
    )


@pytest.mark.timeout(600)
def test_only_the_sets_behind_a_webhook_that_hangs_wait_for_it_and_are_told(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(silent_server())
        plane = stack.enter_context(ControlPlane.start())
        install_chart(plane)
        for name in ("slow", "quick"):
            plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        log = tmp_path_factory.mktemp("webhook") / "operator.log"
        operator = Operator(plane.kubeconfig_for_service_account(*ACCOUNT), log, f"--lease-namespace={ACCOUNT[0]}")
        slow = Stage(plane, "slow", Chronicle(plane, "slow"), operator)
        quick = Stage(plane, "quick", Chronicle(plane, "quick"), operator)
        stack.callback(quick.chronicle.close)
        stack.enter_context(played(slow))
        assert slow.kubectl("apply", "--filename=-", content=webhook(port)).returncode == 0
        names = [f"s{number:02d}" for number in range(SETS)]
        for name in names:
            slow.create(name, KEYS)
        slow.until(lambda: "failed calling webhook" in operator.printed, "the webhook to be called", PATIENCE)
        begun = time.monotonic()
        quick.create("auth", KEYS)
        quick.until_ready("auth")
        took = time.monotonic() - begun
        figures.info(f"beside {SETS} sets behind a silent webhook a set was Ready after {took:.2f} s")
        assert took < TIMEOUT
        assert operator.health() == "ok"

        def told() -> bool:
            found = [condition(slow.latest("JsonWebKeySet", name), "Degraded") for name in names]
            return any(
                each.get("reason") == "WriteRefused" and "failed calling webhook" in each["message"] for each in found
            )

        slow.until(told, "the condition", PATIENCE)
        assert slow.kubectl("delete", "--filename=-", content=webhook(port)).returncode == 0
        slow.until(lambda: all(ready(slow.latest("JsonWebKeySet", name)) for name in names), "all of them", PATIENCE)
