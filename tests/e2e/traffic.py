"""An issuer and a verifier in the cluster, and the set that they use, told nothing but the truth about their world."""

import json
import os
import string
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from e2e.stage import ROOT, Stage

ISSUER, VERIFIER = "issuer", "verifier"
"""Namespaces."""
MANIFESTS = Path(__file__).with_name("manifests")
SYNC = os.environ.get("E2E_SYNC", "1m0s")
"""The kubelet's syncFrequency; 1m0s is Kubernetes' default and what counts."""
PROPAGATIONS = {"1m0s": 120, "5s": 20}
if SYNC not in PROPAGATIONS:
    raise RuntimeError(f"E2E_SYNC is {SYNC}; the test knows the delays of {' and '.join(PROPAGATIONS)} only")
PROPAGATION = PROPAGATIONS[SYNC]
"""Seconds from the API write until every pod sees the new file: the kubelet looks when it synchronizes a pod, up to
half as much later than syncFrequency says, and what it sees may be as old again as its cache (a watch: seconds)."""
TOKEN_SECONDS, REFRESH_SECONDS, CACHE_SECONDS, SKEW_SECONDS = 20, 5, 5, 2
LEAD = PROPAGATION + CACHE_SECONDS + REFRESH_SECONDS
EVERY = LEAD + 10
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def the_set() -> dict[str, Any]:
    """examples/quickstart.yaml with the facts of this world."""
    wanted: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "quickstart.yaml").read_text())
    wanted["spec"] |= {
        "rotation": {"every": f"{EVERY}s"},
        "timing": {
            "propagation": f"{PROPAGATION}s",
            "tokenLifetime": f"{TOKEN_SECONDS}s",
            "cacheMaxAge": f"{CACHE_SECONDS}s",
            "verifierRefresh": f"{REFRESH_SECONDS}s",
            "clockSkew": f"{SKEW_SECONDS}s",
        },
    }
    return wanted


class Traffic:
    """Tokens that are issued and verified all the time, from the start to the end of all tests."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def start(self) -> None:
        """Make the set, the issuer beside it and the verifier in another namespace; wait for the first tokens."""
        for namespace in (ISSUER, VERIFIER):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": RESTRICTED}}
            self._stage.kubectl("apply", "-f", "-", input=json.dumps(body))
        self._stage.kubectl("apply", "-n", ISSUER, "-f", "-", input=json.dumps(the_set()))
        self._stage.kubectl("wait", "-n", ISSUER, "jwks/auth", "--for=condition=Ready", "--timeout=60s")
        self._deploy(ISSUER)
        self._deploy(VERIFIER)
        wait_until(lambda: self.report()["verifications"] > 10, 60, "the first tokens")

    def report(self) -> dict[str, Any]:
        """What the verifier saw so far; asked again while the way to it is not there."""
        path = f"/api/v1/namespaces/{VERIFIER}/services/verifier:http/proxy/"
        end = time.monotonic() + 90
        while (done := self._stage.attempt("kubectl", "get", "--raw", path)).returncode:
            assert time.monotonic() < end, done.stderr
            time.sleep(1)
        reply: dict[str, Any] = json.loads(done.stdout)
        return reply

    def goes_on(self) -> dict[str, Any]:
        """Wait until new tokens have been verified, check that none has ever failed, and return the report."""
        before = self.report()
        wait_until(lambda: self.report()["issued"] >= before["issued"] + 10, 60, "tokens after what was done")
        report = self.report()
        assert not report["failed"], report["failures"]
        return report

    def _deploy(self, name: str) -> None:
        text = string.Template((MANIFESTS / f"{name}.yaml").read_text()).substitute(
            CLIENTS_IMAGE=self._stage.clients_image,
            ISSUER_NAMESPACE=ISSUER,
            TOKEN_SECONDS=TOKEN_SECONDS,
            REFRESH_SECONDS=REFRESH_SECONDS,
        )
        self._stage.kubectl("apply", "-n", name, "-f", "-", input=text)
        self._stage.kubectl("rollout", "status", "-n", name, f"deployment/{name}", "--timeout=120s")


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask once a second; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} took longer than {seconds:.0f} s"
        time.sleep(1)
