"""What the server refuses of Secrets, ConfigMaps, Leases and Events, and with which status."""

import base64

import pytest

from cluster.conformance.conftest import World
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, LEASES, SECRETS, Object, Resource

MIB = 1024 * 1024


def _typed(kind: str, **fields: object) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, **fields}


async def _post(world: World, body: Object, **query: str) -> tuple[int, str]:
    resource = {"Secret": SECRETS, "ConfigMap": CONFIGMAPS}[body["kind"]]
    reply = await world.send("POST", resource.path(world.namespace), body, **query)
    assert reply.body is not None
    return reply.status, reply.body.get("reason", "")


def _encoded(size: int) -> str:
    return base64.b64encode(b"x" * size).decode()


REFUSALS = {
    "data that is not base64": (_typed("Secret", data={"k": "not base64!"}), 400),
    "data that is not text": (_typed("Secret", data={"k": 5}), 400),
    "data that is not a map": (_typed("ConfigMap", data=["k"]), 400),
    "a number in a config map": (_typed("ConfigMap", data={"k": 5}), 400),
    "binary data that is not base64": (_typed("ConfigMap", binaryData={"k": "not base64!"}), 400),
    "another kind": (_typed("Secret") | {"kind": "ConfigMap", "apiVersion": "v2"}, 400),
    "a data key with a slash": (_typed("Secret", data={"a/b": "dg=="}), 422),
    "a data key of two dots": (_typed("ConfigMap", data={"..": "v"}), 422),
    "a data key that begins with two dots": (_typed("Secret", data={"..a": ""}), 422),
    "an upper-case name": (_typed("Secret") | {"metadata": {"name": "A"}}, 422),
    "a label value with a space": (_typed("Secret") | {"metadata": {"name": "a", "labels": {"x": "a b"}}}, 422),
    "a label key with a space": (_typed("Secret") | {"metadata": {"name": "a", "labels": {"a b": "x"}}}, 422),
    "a long label value": (_typed("Secret") | {"metadata": {"name": "a", "labels": {"x": "y" * 64}}}, 422),
    "a secret over 1 MiB": (_typed("Secret", data={"a": _encoded(MIB // 2), "b": _encoded(MIB // 2 + 1)}), 422),
    "a config map over 1 MiB": (_typed("ConfigMap", data={"a": "x" * (MIB + 1)}), 422),
    "annotations over 256 KiB": (
        _typed("Secret") | {"metadata": {"name": "a", "annotations": {"x": "y" * 262_144}}},
        422,
    ),
    "a body over 3 MiB": (_typed("ConfigMap", data={"a": "x" * (3 * MIB)}), 413),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_the_server_refuses(world: World, case: str) -> None:
    body, status = REFUSALS[case]
    path = (SECRETS if body["kind"] == "Secret" else CONFIGMAPS).path(world.namespace)
    assert (await world.send("POST", path, body)).status == status


ACCEPTED = {
    "a secret of 1 MiB": _typed("Secret", data={"a": _encoded(MIB)}),
    "a config map of 1 MiB": _typed("ConfigMap", data={"a": "x" * (MIB - 1)}),
    "data that is null": _typed("Secret", data=None),
    "odd data keys": _typed("Secret", data={".a": "", "_-.A": "", "x" * 253: ""}),
    "an empty label": _typed("Secret") | {"metadata": {"name": "a", "labels": {"example.com/x": ""}}},
}


@pytest.mark.parametrize("case", ACCEPTED)
async def test_the_server_accepts(world: World, case: str) -> None:
    status, _ = await _post(world, ACCEPTED[case], fieldValidation="Strict")
    assert status == 201


async def test_an_invalid_object_names_the_field(world: World) -> None:
    reply = await world.send("POST", SECRETS.path(world.namespace), _typed("Secret", data={"a/b": "dg=="}))
    assert reply.body is not None
    assert reply.body["reason"] == "Invalid"
    assert reply.body["details"]["name"] == "a"
    assert reply.body["details"]["kind"] == "Secret"
    assert [cause["field"] for cause in reply.body["details"]["causes"]] == ["data[a/b]"]


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
async def test_strict_validation_refuses_an_unknown_field(world: World, kind: str) -> None:
    for body in (_typed(kind, nonsense=1), _typed(kind) | {"metadata": {"name": "a", "nonsense": 1}}):
        assert await _post(world, body, fieldValidation="Strict") == (400, "BadRequest")
    assert (await _post(world, _typed(kind, nonsense=1)))[0] == 201
    obj = await world.client.read(SECRETS if kind == "Secret" else CONFIGMAPS, world.namespace, "a")
    assert obj is not None
    assert "nonsense" not in obj


async def test_string_data_is_merged_into_data(world: World) -> None:
    body = _typed("Secret", data={"k": "b2xk", "l": "bA=="}, stringData={"k": "new"})
    await _post(world, body)
    obj = await world.client.read(SECRETS, world.namespace, "a")
    assert obj is not None
    assert obj["data"] == {"k": "bmV3", "l": "bA=="}
    assert "stringData" not in obj
    assert obj["type"] == "Opaque"


async def test_the_type_of_a_secret_never_changes(world: World) -> None:
    obj = await world.client.create(SECRETS, world.namespace, _typed("Secret", type="example.com/one"))
    obj["type"] = "example.com/two"
    reply = await world.send("PUT", SECRETS.path(world.namespace, "a"), obj)
    assert reply.status == 422
    assert reply.body is not None
    assert [cause["field"] for cause in reply.body["details"]["causes"]] == ["type"]


@pytest.mark.parametrize("kind", [SECRETS, CONFIGMAPS], ids=lambda kind: kind.kind)
async def test_an_immutable_object_changes_only_its_metadata(world: World, kind: Resource) -> None:
    obj = await world.client.create(kind, world.namespace, _typed(kind.kind, data={"k": "dg=="}, immutable=True))
    path = kind.path(world.namespace, "a")
    for change in ({"data": {"k": "dw=="}}, {"immutable": False}, {"data": {"k": "dg==", "l": "dg=="}}):
        assert (await world.send("PUT", path, obj | change)).status == 422
    labelled = obj | {"metadata": obj["metadata"] | {"labels": {"x": "1"}}}
    assert (await world.send("PUT", path, labelled)).status == 200


async def test_a_lease_holds_for_at_least_a_second(world: World) -> None:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"}}
    path = LEASES.path(world.namespace)
    assert (await world.send("POST", path, lease | {"spec": {"leaseDurationSeconds": 0}})).status == 422
    times = {"renewTime": "2026-11-22T18:00:00.000000Z", "acquireTime": "2026-11-22T18:00:00.000000Z"}
    spec = {"holderIdentity": "x", "leaseDurationSeconds": 15, "leaseTransitions": 0, **times}
    stored = await world.client.create(LEASES, world.namespace, lease | {"spec": spec})
    assert stored["spec"] == spec


async def test_an_event_belongs_to_the_namespace_of_its_object(world: World) -> None:
    thing = {"apiVersion": "v1", "kind": "Secret", "name": "a", "namespace": world.namespace}
    event = {"metadata": {"name": "a.1"}, "involvedObject": thing, "reason": "Said", "message": "…", "type": "Normal"}
    assert (await world.client.create(EVENTS, world.namespace, event))["reason"] == "Said"
    wrong = _typed("Event", involvedObject=thing | {"namespace": "default"}, reason="Said")
    assert (await world.send("POST", EVENTS.path(world.namespace), wrong)).status in {400, 422}
