"""A token that the API server does not accept any more: told, survived, and over when the file has another one."""

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cluster.chronicle import Chronicle
from cluster.operators import Operator
from cluster.reading import in_use
from cluster.stage import ACCOUNT, Stage, grant, install, new_namespace, played, rules
from controlplane import ControlPlane

KEYS = {"keys": [{"name": "signing", "algorithm": "ES256"}]}
PATIENCE = 240.0
"""A token file is read again within a minute, and the pauses of a process without one grow to as much."""


@dataclass(frozen=True)
class Rotated:
    """The stage, whose operator reads its token from a file that the test writes, as the kubelet does."""

    stage: Stage
    token: Path

    def issue(self, name: str) -> None:
        """Write a token that is good as long as a Secret of this name is there."""
        here = self.stage.namespace
        bound = self.stage.plane.api("POST", f"/api/v1/namespaces/{here}/secrets", {"metadata": {"name": name}})
        reference = {"kind": "Secret", "apiVersion": "v1", "name": name, "uid": bound["metadata"]["uid"]}
        request = {"spec": {"boundObjectRef": reference}}
        path = f"/api/v1/namespaces/{here}/serviceaccounts/{ACCOUNT}/token"
        self.token.write_text(self.stage.plane.api("POST", path, request)["status"]["token"])


@pytest.fixture
def rotated(tmp_path: Path) -> Iterator[Rotated]:
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane.start())
        install(plane, "crds")
        namespace = new_namespace(plane, "token")
        config = yaml.safe_load(grant(plane, namespace, rules()).read_text())
        token = tmp_path / "token"
        for user in config["users"]:
            user["user"] = {"tokenFile": str(token)}
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(config))
        options = (
            f"--namespace={namespace}",
            f"--lease-namespace={namespace}",
            "--resync-interval=5s",
        )
        operator = Operator(kubeconfig, tmp_path / "operator.log", *options)
        rotated = Rotated(Stage(plane, namespace, Chronicle(plane, namespace), operator), token)
        rotated.issue("first")
        stack.enter_context(played(rotated.stage))
        yield rotated


@pytest.mark.timeout(600)
def test_an_operator_without_a_valid_token_says_so_and_goes_on_with_the_next_one(rotated: Rotated) -> None:
    stage, operator = rotated.stage, rotated.stage.operator
    stage.create("auth", KEYS)
    stage.until_ready("auth")
    kid = in_use(stage.there("Secret", "auth"))["signing"]
    stage.delete("Secret", "first")
    stage.until(lambda: "401" in operator.printed, "the log line", PATIENCE)
    stage.until(lambda: operator.health("/readyz") != "ok", "the readiness probe to fail", PATIENCE)
    stage.patch("auth", {"metadata": {"annotations": {"jwks-operator.dev/revoke": kid}}})
    assert operator.running
    rotated.issue("second")
    stage.until(lambda: in_use(stage.there("Secret", "auth"))["signing"] != kid, "the revocation", PATIENCE)
    stage.until(lambda: operator.health("/readyz") == "ok", "the readiness probe", PATIENCE)
    token = rotated.token.read_text()
    assert token not in operator.printed
    assert json.loads(b64decode(token.split(".")[1] + "==="))["sub"].endswith(f":{ACCOUNT}")
