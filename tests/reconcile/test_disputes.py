"""Disputes: another client changes an object after every repair; this neither floods the server nor stops the set."""

import copy
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from fakes.apiserver import FakeApiServer
from fakes.faults import Fault
from jwks_operator.api.names import keyring_name
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SECRETS, Call, Object, Reply, Resource
from jwks_operator.reconcile.disputes import LONG, QUIET, YOUNG
from reconcile.life import ES256, REF
from reconcile.test_copies import SPEC, Country

Change = Callable[[Object], None]
TIER = {"labels": {"tier": "edge"}}
LABELLED: dict[str, Any] = {**ES256, "publish": {"configMap": TIER}, "secret": TIER}
COPIED: dict[str, Any] = {**SPEC, "publish": {**SPEC["publish"], "configMap": TIER}}


def _writes_to(*paths: str) -> Callable[[Call], bool]:
    return lambda call: call.method in {"POST", "PUT"} and any(path in f"{call.path}/" for path in paths)


class Policy(Fault):
    """A mutating policy: changes each write of the operator before it is stored."""

    def __init__(self, change: Change, *paths: str) -> None:
        super().__init__(_writes_to(*paths), times=10**9)
        self.change = change

    async def before(self, _number: int, call: Call, server: FakeApiServer) -> Reply | None:
        body = copy.deepcopy(call.body)
        assert body is not None
        self.change(body)
        return server.handle(Call(call.method, call.path, call.query, body, content_type=call.content_type))


class Controller:
    """A controller: changes the object back as soon as the operator has changed it, and so brings news of it."""

    def __init__(self, change: Change) -> None:
        self.change = change


def _set_managed_by(thing: Object) -> None:
    thing["metadata"].setdefault("labels", {})["app.kubernetes.io/managed-by"] = "platform"


def _set_tier(thing: Object) -> None:
    if "tier" in thing["metadata"].get("labels", {}):
        thing["metadata"]["labels"]["tier"] = "core"


def _empty_set(thing: Object) -> None:
    thing["data"]["jwks.json"] = '{"keys":[]}'


def _add_note(thing: Object) -> None:
    thing["data"]["note"] = b64encode(b"hello").decode()


def _other_kid(thing: Object) -> None:
    thing["data"]["signing.kid"] = b64encode(b"another").decode()


@dataclass(frozen=True)
class Kind:
    """One kind of dispute: who changes what, and what is said of it."""

    title: str
    other: Callable[[], "Policy | Controller"]
    resource: Resource
    namespace: str
    name: str
    said: str
    spec: Any = None
    disputes: int = 1

    def __str__(self) -> str:
        return self.title


_BOTH = ("/secrets/", "/configmaps/")
_POLICY = "a mutating admission policy or webhook changes"
_MANAGED_BY = "metadata.labels[app.kubernetes.io/managed-by]"
KINDS = (
    Kind("a policy on our label of the ConfigMap", lambda: Policy(_set_managed_by, *_BOTH), CONFIGMAPS, "shop", "auth",
         f"{_POLICY} {_MANAGED_BY} of ConfigMap auth", disputes=2),
    Kind("a policy on our label of the Secret", lambda: Policy(_set_managed_by, *_BOTH), SECRETS, "shop", "auth",
         f"{_POLICY} {_MANAGED_BY} of Secret auth", disputes=2),
    Kind("a policy on our label of the keyring", lambda: Policy(_set_managed_by, *_BOTH), SECRETS, "shop",
         keyring_name("auth"), f"{_POLICY} {_MANAGED_BY} of Secret auth-keyring", disputes=1),
    Kind("a policy on our label of a copy", lambda: Policy(_set_managed_by, "/namespaces/web/configmaps/"), CONFIGMAPS,
         "web", "shop.auth", f"{_POLICY} {_MANAGED_BY} of ConfigMap web/shop.auth", SPEC),
    Kind("a policy on a label of the spec", lambda: Policy(_set_tier, "/configmaps/"), CONFIGMAPS, "shop", "auth",
         f"{_POLICY} metadata.labels[tier] of ConfigMap auth", LABELLED),
    Kind("a policy on a label of the spec, on the Secret", lambda: Policy(_set_tier, "/secrets/"), SECRETS, "shop",
         "auth", f"{_POLICY} metadata.labels[tier] of Secret auth", LABELLED),
    Kind("a policy on a label of the spec, on a copy", lambda: Policy(_set_tier, "/namespaces/web/configmaps/"),
         CONFIGMAPS, "web", "shop.auth", f"{_POLICY} metadata.labels[tier] of ConfigMap web/shop.auth", COPIED),
    Kind("a controller on the ConfigMap", lambda: Controller(_empty_set), CONFIGMAPS,
         "shop", "auth", "rewriter changes data[jwks.json] of ConfigMap auth"),
    Kind("a controller on the Secret", lambda: Controller(_other_kid), SECRETS, "shop", "auth",
         "rewriter changes data[signing.kid] of Secret auth"),
    Kind("a controller on the keyring's labels",
         lambda: Controller(_set_managed_by), SECRETS, "shop",
         keyring_name("auth"), f"rewriter changes {_MANAGED_BY} of Secret auth-keyring"),
    Kind("a controller on a copy", lambda: Controller(_empty_set), CONFIGMAPS, "web",
         "shop.auth", "rewriter changes data[jwks.json] of ConfigMap web/shop.auth", SPEC),
)  # fmt: skip


class Dispute(Country):
    """A set whose objects another client changes; passes come at their time, and every 15 seconds as by a watch."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self.other = kind.other()
        self.active = True

    async def start(self) -> None:
        await self.begin(self.kind.spec)
        await self.open("web")
        await super().pass_()
        if isinstance(self.other, Policy):
            self.seam.faults.append(self.other)
        self._change(await self._object())

    def stop(self) -> None:
        """The other client ends."""
        self.seam.faults.clear()
        self.active = False

    async def pass_(self) -> datetime | None:
        before = await self._object()
        wake = await super().pass_()
        after = await self._object()
        if self.active and isinstance(self.other, Controller) and after != before:
            self._change(after)
            return self.time.now + timedelta(milliseconds=200)
        return wake

    async def _object(self) -> Object:
        found = await self.people.read(self.kind.resource, self.kind.namespace, self.kind.name)
        assert found is not None
        return found

    def _change(self, found: Object) -> None:
        changed = copy.deepcopy(found)
        self.other.change(changed)
        typed = {**changed, "apiVersion": "v1", "kind": self.kind.resource.kind}
        path = self.kind.resource.path(self.kind.namespace, self.kind.name)
        assert self.server.handle(Call("PUT", path, {"fieldManager": "rewriter"}, typed)).status == 200

    async def spend(self, span: timedelta) -> int:
        """Let time pass; return how often the operator wrote the object."""
        self.seam.log.clear()
        end = self.time.now + span
        while self.time.now < end:
            wake = await self.pass_()
            soon = self.time.now + timedelta(seconds=15)
            then = min(end, soon if wake is None else min(soon, wake))
            self.time.pass_by(max(then - self.time.now, timedelta(milliseconds=100)))
        path = f"/namespaces/{self.kind.namespace}/{self.kind.resource.plural}"
        wrote = [c for c in self.seam.writes if path in c.path and c.body is not None and "dryRun" not in c.query]
        return sum(c.body is not None and c.body["metadata"]["name"] == self.kind.name for c in wrote)

    async def disputes_told(self) -> list[Object]:
        found, _ = await self.people.list(EVENTS, "shop")
        return [event for event in found if event["reason"] == "ObjectDisputed"]


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_dispute_costs_a_write_a_minute_has_one_event_and_names_field_and_manager(kind: Kind) -> None:
    life = Dispute(kind)
    await life.start()
    assert await life.spend(timedelta(seconds=40)) <= 16
    assert kind.said in await life.degraded(), "the status is written although the dispute goes on"
    assert await life.condition("Degraded") == ("True", "ObjectDisputed")
    await life.spend(timedelta(minutes=10))
    counted = {event["metadata"]["name"]: event["count"] for event in await life.disputes_told()}
    history = (await life.status())["history"]
    assert await life.spend(timedelta(minutes=10)) <= 11
    assert kind.said in await life.degraded()
    events = await life.disputes_told()
    assert len(events) == kind.disputes
    assert all(event["count"] > counted[event["metadata"]["name"]] for event in events)
    assert (await life.status())["history"] == history, "repairs of a dispute are no history"


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("age", [timedelta(minutes=1), timedelta(minutes=11)], ids=str)
async def test_a_dispute_is_over_soon_after_the_end_of_the_other_client(kind: Kind, age: timedelta) -> None:
    life = Dispute(kind)
    await life.start()
    await life.spend(age)
    life.stop()
    old = age > YOUNG and isinstance(life.other, Controller)
    keyring = kind.name == keyring_name("auth")
    await life.spend(LONG * (1 + keyring) + QUIET if old else timedelta(seconds=30))
    assert await life.condition("Degraded") == ("False", "AsExpected")
    assert await life.spend(timedelta(minutes=10)) == 0


async def test_a_restart_learns_the_delays_again_and_counts_in_another_event() -> None:
    life = Dispute(KINDS[0])
    await life.start()
    await life.spend(timedelta(minutes=15))
    life.start_operator(life.other)
    assert await life.spend(timedelta(seconds=40)) <= 8
    assert len(await life.disputes_told()) == 2 * KINDS[0].disputes


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[4]], ids=str)
async def test_keys_go_on_rotating_while_a_label_is_in_dispute(kind: Kind) -> None:
    life = Dispute(kind)
    await life.start()
    first = (await life.states())["Active"]
    await life.spend(timedelta(minutes=1))
    await life.after(timedelta(hours=720))
    await life.spend(timedelta(minutes=5))
    assert (await life.states())["Active"] != first


async def test_no_key_becomes_active_while_the_published_set_is_in_dispute() -> None:
    life = Dispute(KINDS[7])
    await life.start()
    first = (await life.states())["Active"]
    await life.spend(timedelta(minutes=1))
    await life.after(timedelta(hours=720))
    await life.spend(timedelta(minutes=5))
    assert (await life.states())["Active"] == first


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_revocation_does_not_wait_for_a_dispute(kind: Kind) -> None:
    life = Dispute(kind)
    await life.start()
    await life.spend(timedelta(minutes=15))
    (active,) = (await life.states())["Active"]
    await life.annotate(revoke=active)
    await life.pass_()
    assert active not in str(await life.states())
    ring = await life.keyring()
    assert not any(document.get("kid") == active for document in ring.values())


async def test_an_accident_that_happens_twice_is_repaired_twice_at_once() -> None:
    life = Country()
    await life.begin()
    await life.pass_()
    for _ in range(2):
        await life.delete(CONFIGMAPS, REF.name)
        await life.pass_()
        assert await life.published()
    assert await life.condition("Degraded") == ("False", "AsExpected")
