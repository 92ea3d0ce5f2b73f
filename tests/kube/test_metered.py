"""What is told of requests: verb, resource and code, never a name."""

import pytest

from fakes.apiserver import FakeApiServer
from fakes.faults import LoseRequest
from fakes.seam import FakeTransport
from jwks_operator.kube.client import (
    CONFIGMAPS,
    CRDS,
    EVENTS,
    LEASES,
    NAMESPACES,
    SECRETS,
    SETS,
    Client,
    Resource,
)  # fmt: skip
from jwks_operator.kube.errors import Unavailable
from jwks_operator.kube.metered import MeteredTransport, verb_and_resource

ROWS = [
    ("GET", SETS.path("shop", "auth"), ("get", "jsonwebkeysets")),
    ("GET", SETS.path("shop"), ("list", "jsonwebkeysets")),
    ("GET", SETS.path(None), ("list", "jsonwebkeysets")),
    ("PATCH", SETS.path("shop", "auth", "status"), ("patch", "jsonwebkeysets/status")),
    ("PUT", SECRETS.path("shop", "auth-keyring"), ("update", "secrets")),
    ("POST", CONFIGMAPS.path("shop"), ("create", "configmaps")),
    ("POST", EVENTS.path("shop"), ("create", "events")),
    ("DELETE", SECRETS.path("namespaces", "namespaces"), ("delete", "secrets")),
    ("PUT", LEASES.path("kube-system", "jwks-operator"), ("update", "leases")),
    ("GET", NAMESPACES.path(None, "shop"), ("get", "namespaces")),
    ("GET", NAMESPACES.path(None), ("list", "namespaces")),
    ("GET", CRDS.path(None, "a.b"), ("get", "customresourcedefinitions")),
]


@pytest.mark.parametrize(("method", "path", "told"), ROWS, ids=[f"{method} {path}" for method, path, _ in ROWS])
def test_a_request_is_told_by_verb_and_resource(method: str, path: str, told: tuple[str, str]) -> None:
    assert verb_and_resource(method, path) == told


async def test_every_answer_is_told_and_so_is_its_absence() -> None:
    told: list[tuple[str, str, str]] = []

    def tell(verb: str, resource: str, code: str, seconds: float) -> None:
        assert seconds >= 0
        told.append((verb, resource, code))

    seam = FakeTransport(FakeApiServer())
    client = Client(MeteredTransport(seam, tell))
    await client.create(NAMESPACES, None, {"metadata": {"name": "shop"}})
    await client.read(SECRETS, "shop", "auth")
    seam.faults.append(LoseRequest())
    with pytest.raises(Unavailable):
        await client.read(CONFIGMAPS, "shop", "auth")
    assert told == [("create", "namespaces", "201"), ("get", "secrets", "404"), ("get", "configmaps", "none")]


def test_a_resource_of_another_group_needs_nothing_new() -> None:
    deployments = Resource("apps", "v1", "deployments", "Deployment")
    assert verb_and_resource("PATCH", deployments.path("shop", "api")) == ("patch", "deployments")
