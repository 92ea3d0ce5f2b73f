"""Copies in other namespaces: where they are, what they prove, and what they cannot keep the set from."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from fakes.apiserver import FakeApiServer
from fakes.faults import Answer, Crash, Fault
from jwks_operator.api.names import copy_name, keyring_name
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, NAMESPACES, SECRETS, SETS, Call, Object, Reply
from jwks_operator.kube.errors import KubeError, Refused, Unavailable
from jwks_operator.reconcile.config import ReconcilerConfig
from reconcile.life import DELETION_DELAY, ES256, REF, Life

NAME = "shop.auth"
CONSENT = {"accept.jwks-operator.dev/shop": "true"}
WEB = {"tier": "web", **CONSENT}
SPEC: dict[str, Any] = {**ES256, "publish": {"namespaces": {"matchLabels": {"tier": "web"}}}}
LEAD = timedelta(minutes=70)


class Country(Life):
    """A life with other namespaces around it."""

    async def open(self, name: str, labels: dict[str, str] | None = None) -> None:
        await self.people.create(
            NAMESPACES, None, {"metadata": {"name": name, "labels": WEB if labels is None else labels}}
        )

    async def relabel(self, name: str, **labels: str | None) -> None:
        """Change the labels of a namespace; None takes one away."""
        seen = await self.people.read(NAMESPACES, None, name)
        assert seen is not None
        merged = {**(seen["metadata"].get("labels") or {}), **labels}
        seen["metadata"]["labels"] = {key: value for key, value in merged.items() if value is not None}
        await self.people.replace(NAMESPACES, seen)

    async def copy(self, namespace: str, name: str = NAME) -> Object | None:
        return await self.people.read(CONFIGMAPS, namespace, name)

    async def data(self, namespace: str) -> dict[str, str]:
        found = await self.copy(namespace)
        assert found is not None, f"no copy in {namespace}"
        return dict(found["data"])

    async def shown(self, namespace: str) -> list[str]:
        return [key["kid"] for key in json.loads((await self.data(namespace))["jwks.json"])["keys"]]

    async def tamper(self, namespace: str, change: Any) -> None:
        seen = await self.copy(namespace)
        assert seen is not None
        change(seen)
        path = CONFIGMAPS.path(namespace, NAME)
        typed = {**seen, "apiVersion": "v1", "kind": "ConfigMap"}
        reply = self.server.handle(Call("PUT", path, {"fieldManager": "kubectl-edit"}, typed))
        assert reply.status == 200, reply.body

    async def events(self, reason: str) -> list[str]:
        found, _ = await self.people.list(EVENTS, REF.namespace)
        return [event["message"] for event in found if event["reason"] == reason]

    async def degraded(self) -> str:
        return str(next(c["message"] for c in (await self.status())["conditions"] if c["type"] == "Degraded"))


class Quota(Fault):
    """The API server refuses to write ConfigMaps in some namespaces."""

    def __init__(self, *namespaces: str) -> None:
        super().__init__(lambda call: call.method in {"POST", "PUT", "DELETE"}, times=10**9)
        self.namespaces = set(namespaces)
        self.refused = 0

    async def before(self, _number: int, call: Call, _server: FakeApiServer) -> Reply | None:
        parts = call.path.split("/")
        if parts[3] != "namespaces" or parts[4] not in self.namespaces or parts[5] != "configmaps":
            return None
        self.refused += 1
        said = "exceeded quota: none, requested: count/configmaps=1"
        return Reply(403, {}, {"kind": "Status", "reason": "Forbidden", "message": said, "code": 403})


async def begun(*namespaces: str, spec: dict[str, Any] | None = None) -> Country:
    life = Country()
    for name in namespaces:
        await life.open(name)
    await life.begin(spec or SPEC)
    await life.pass_()
    return life


# --- where ---


async def test_a_copy_is_the_public_configmap_and_nothing_else_and_says_whose_it_is() -> None:
    target = {"name": "public", "aliases": ["jwks"], "labels": {"team": "id"}, "annotations": {"example.com/a": "b"}}
    publish = {**SPEC["publish"], "configMap": target, "issuer": "https://auth.example.com"}
    life = await begun("web", spec={**SPEC, "publish": publish})
    made, source = await life.copy("web", "shop.public"), await life.read(CONFIGMAPS, "public")
    assert made is not None
    assert made["data"] == source["data"]
    assert set(made["data"]) == {"jwks.json", "jwks", "openid-configuration", "zz-serve.json"}
    assert made["metadata"]["labels"] == {
        "team": "id",
        "app.kubernetes.io/managed-by": "jwks-operator",
        "jwks-operator.dev/set": "auth",
        "jwks-operator.dev/source-namespace": "shop",
    }
    assert made["metadata"]["annotations"] == {"example.com/a": "b", "jwks-operator.dev/source": "shop/auth"}
    assert await life.people.list(SECRETS, "web") == ([], str(life.server.store.version))


@pytest.mark.parametrize(
    ("labels", "copied"),
    [
        (WEB, True),
        ({"tier": "web"}, False),
        (CONSENT, False),
        ({"tier": "api", **CONSENT}, False),
        ({"tier": "web", "accept.jwks-operator.dev/shop": "false"}, False),
        ({"tier": "web", "accept.jwks-operator.dev/other": "true"}, False),
    ],
)
async def test_a_namespace_has_a_copy_if_it_is_selected_and_consents(labels: dict[str, str], copied: bool) -> None:
    life = Country()
    await life.open("web", labels)
    await life.begin(SPEC)
    await life.pass_()
    assert (await life.copy("web") is not None) is copied


@pytest.mark.parametrize(
    ("selector", "where"),
    [
        ({}, ["a", "b", "c"]),
        ({"matchLabels": {"tier": "web"}}, ["a"]),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web", "api"]}]}, ["a", "b"]),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, ["b", "c"]),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, ["a", "b"]),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, ["c"]),
        ({"matchLabels": {"tier": "web"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}, []),
    ],
)
async def test_a_selector_means_what_it_means_everywhere(selector: dict[str, Any], where: list[str]) -> None:
    life = Country()
    for name, labels in {"a": {"tier": "web"}, "b": {"tier": "api"}, "c": {}}.items():
        await life.open(name, {**labels, **CONSENT})
    await life.begin({**SPEC, "publish": {"namespaces": selector}})
    await life.pass_()
    assert [name for name in ("a", "b", "c") if await life.copy(name)] == where


async def test_a_set_is_not_copied_into_its_own_namespace() -> None:
    life = await begun(spec={**SPEC, "publish": {"namespaces": {}}})
    await life.relabel("shop", **CONSENT)
    await life.pass_()
    assert await life.copy("shop") is None


async def test_copies_cost_no_write_of_the_set_and_at_rest_nothing_is_written() -> None:
    life = await begun("web", "api")
    assert [write for write in life.writes() if "namespaces/" not in write] == [
        "POST secrets",
        "POST configmaps",
        "POST secrets",
        "PUT secrets/auth-keyring",
        "PATCH jsonwebkeysets/auth/status",
    ]
    await life.pass_()
    assert life.writes() == []
    assert len(await life.events("CopyMade")) == 2


async def test_many_copies_at_once_are_one_event() -> None:
    life = await begun(*(f"web-{number:02}" for number in range(20)))
    (told,) = await life.events("CopyMade")
    assert told.endswith("(web-00, web-01, web-02, web-03, web-04 and 15 more)")
    assert await life.shown("web-19") == await life.published()


# --- following ---


async def test_a_namespace_that_appears_consents_withdraws_or_disappears_is_followed() -> None:
    life = await begun()
    await life.open("web", {"tier": "web"})
    await life.pass_()
    assert await life.copy("web") is None
    await life.relabel("web", **CONSENT)
    await life.pass_()
    assert await life.shown("web") == await life.published()
    await life.relabel("web", tier="api")
    await life.pass_()
    assert await life.copy("web") is None
    await life.relabel("web", tier="web")
    await life.pass_()
    assert await life.shown("web") == await life.published()
    await life.relabel("web", **{"accept.jwks-operator.dev/shop": None})
    await life.pass_()
    assert await life.copy("web") is None
    assert len(await life.events("CopyMade")) == 2
    assert len(await life.events("CopyRemoved")) == 2
    assert (await life.condition("Degraded"))[0] == "False"


async def test_a_namespace_that_is_being_deleted_gets_no_copy_and_holds_nothing() -> None:
    life = await begun("web", "api")
    seen = await life.people.read(NAMESPACES, None, "web")
    assert seen is not None
    await life.people.delete(NAMESPACES, seen)
    await life.after(timedelta(hours=720))
    assert (await life.condition("Degraded"))[0] == "False"
    assert await life.shown("api") == await life.published()
    life.server.finish_namespace("web")
    await life.after(LEAD)
    assert (await life.condition("Ready"))[0] == "True"


async def test_the_selector_follows_the_spec_at_once() -> None:
    life = await begun("web", spec=ES256)
    assert await life.copy("web") is None
    await life.set_spec(SPEC)
    await life.pass_()
    assert await life.shown("web") == await life.published()
    await life.set_spec(ES256)
    await life.pass_()
    assert await life.copy("web") is None


async def test_a_copy_follows_through_rotations() -> None:
    life = await begun("web")
    await life.live(timedelta(hours=1500))
    assert await life.data("web") == (await life.read(CONFIGMAPS, REF.name))["data"]
    assert len([e for e in (await life.status())["history"] if e["event"] == "KeyActivated"]) >= 2


# --- what a copy proves ---


async def test_a_copy_made_later_adds_no_wait() -> None:
    life = await begun()
    before = await life.keyring()
    await life.open("web")
    await life.after(timedelta(minutes=30))
    after = await life.keyring()
    assert after == before
    assert await life.shown("web") == await life.published()


async def test_a_key_is_published_only_when_every_copy_has_it() -> None:
    life = await begun("web", "api")
    quota = Quota("web")
    life.seam.faults.append(quota)
    first = await life.in_use()
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}!")
    await life.pass_()
    assert await life.in_use() != first, "an emergency is not held by anybody"
    (retired,) = (await life.states())["Retired"]
    (pending,) = (await life.states())["Pending"]
    assert pending in await life.shown("api")
    assert pending not in await life.shown("web")
    key = next(key for key in (await life.status())["keys"] if key["kid"] == pending)
    assert "published" not in key
    assert await life.condition("Degraded") == ("True", "CopyRefused")
    told = await life.degraded()
    assert told.startswith("the copy in namespace web was refused: ")
    assert "exceeded quota" in told
    assert told.endswith("withdraw the label accept.jwks-operator.dev/shop from the namespace")
    life.time.pass_by(timedelta(minutes=1))
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
    await life.live(timedelta(hours=5))
    assert (await life.states())["Pending"] == [pending], "its lead has not begun"
    assert retired in await life.published()
    assert len(await life.events("CopyRefused")) == 1
    quota.namespaces.clear()
    await life.live(timedelta(minutes=2))
    assert pending in await life.shown("web")
    assert (await life.condition("Degraded"))[0] == "False"
    await life.live(LEAD - timedelta(minutes=5))
    assert await life.in_use() != pending
    await life.live(timedelta(minutes=6))
    assert await life.in_use() == pending


async def test_withdrawn_consent_releases_what_a_refusal_held() -> None:
    life = await begun("web")
    life.seam.faults.append(Quota("web"))
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}!")
    await life.pass_()
    (pending,) = (await life.states())["Pending"]
    life.seam.faults.clear()
    life.seam.faults.append(quota := Quota("web"))
    await life.relabel("web", **{"accept.jwks-operator.dev/shop": None})
    await life.pass_()
    assert quota.refused, "the copy itself cannot go either"
    key = next(key for key in (await life.status())["keys"] if key["kid"] == pending)
    assert "published" in key
    assert "web" in await life.degraded()
    quota.namespaces.clear()
    await life.live(timedelta(minutes=2))
    assert await life.copy("web") is None
    assert (await life.condition("Degraded"))[0] == "False"


@pytest.mark.parametrize("publish", [{}, {"namespaces": {"matchLabels": {"tier": "web", "stage": "live"}}}])
async def test_whoever_stops_selecting_a_namespace_need_not_wait_for_it(publish: dict[str, Any]) -> None:
    life = await begun("web", "api")
    await life.relabel("api", stage="live")
    life.seam.faults.append(Quota("web"))
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}!")
    await life.pass_()
    assert await life.condition("Rotating") == ("True", "StepInProgress")
    await life.edit_spec(publish=publish)
    await life.pass_()
    await life.pass_()
    assert await life.condition("Rotating") == ("False", "NothingDue")
    assert (await life.copy("api") is not None) is bool(publish)


async def test_a_revocation_is_held_by_nobody() -> None:
    life = await begun("web", "api")
    first = await life.in_use()
    life.seam.faults.append(Quota("web"))
    await life.annotate(revoke=first)
    await life.pass_()
    assert first not in await life.published()
    assert first not in await life.shown("api")
    assert await life.in_use() != first
    assert first in await life.shown("web")
    assert "web" in await life.degraded()


async def test_one_namespace_in_trouble_does_not_hide_the_others() -> None:
    life = await begun("a", "b", "c", "d", "e")
    life.seam.faults.append(Quota("a", "b", "c", "d"))
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}!")
    await life.pass_()
    assert await life.shown("e") == await life.published()
    told = await life.degraded()
    assert all(f"namespace {name} was refused" in told for name in "abc")
    assert "so it is in 1 more namespaces" in told


async def test_trouble_that_is_no_refusal_ends_the_pass_after_everybody_had_their_turn() -> None:
    life = await begun("a", "b")
    life.seam.faults.append(Answer(503, where=lambda call: call.method == "PUT" and "/a/" in call.path))
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}!")
    with pytest.raises(Unavailable):
        await life.pass_()
    assert await life.shown("b") == await life.published()
    await life.pass_()
    assert await life.shown("a") == await life.published()
    assert (await life.condition("Degraded"))[0] == "False"


# --- what others do to copies ---


async def test_an_edited_or_deleted_copy_comes_back() -> None:
    life = await begun("web", "api")
    before = await life.keyring()
    await life.tamper("web", lambda seen: seen["data"].update({"jwks.json": "{}"}))
    seen = await life.copy("api")
    assert seen is not None
    await life.people.delete(CONFIGMAPS, seen)
    await life.after(timedelta(minutes=5))
    assert await life.shown("web") == await life.shown("api") == await life.published()
    assert len(await life.events("ObjectRepaired")) == 1
    assert before != await life.keyring(), "whoever saw the edited copy knows the standby from now on only"


@pytest.mark.parametrize("what", ["labels", "annotations"])
async def test_a_copy_that_lost_its_labels_or_annotations_gets_them_back(what: str) -> None:
    life = await begun("web")
    before = await life.keyring()
    await life.tamper("web", lambda seen: seen["metadata"].update({what: {}}))
    await life.pass_()
    seen = await life.copy("web")
    assert seen is not None
    assert "shop" in str(seen["metadata"][what])
    assert await life.keyring() == before, "it showed the set all the time"


async def test_a_copy_that_lacked_the_standby_makes_it_wait_anew() -> None:
    life = await begun("web")
    (pending,) = (await life.states())["Pending"]
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
    await life.live(timedelta(hours=1))
    in_use = await life.in_use()
    lone = json.dumps(
        {"keys": [k for k in json.loads((await life.data("web"))["jwks.json"])["keys"] if k["kid"] == in_use]}
    )
    await life.tamper("web", lambda seen: seen["data"].update({"jwks.json": lone}))
    await life.pass_()
    assert pending in await life.shown("web")
    await life.live(timedelta(minutes=60))
    assert await life.in_use() == in_use
    await life.live(timedelta(minutes=11))
    assert await life.in_use() == pending


async def test_an_edit_that_hides_no_key_makes_nothing_wait() -> None:
    life = await begun("web")
    before = await life.keyring()
    await life.tamper("web", lambda seen: seen["data"].update({"zz-serve.json": "{}"}))
    await life.after(timedelta(minutes=5))
    assert await life.keyring() == before
    assert await life.data("web") == (await life.read(CONFIGMAPS, REF.name))["data"]


async def test_a_foreign_configmap_of_that_name_is_never_touched_and_is_named() -> None:
    life = Country()
    await life.open("web")
    body = {"metadata": {"name": NAME}, "data": {"a": "b"}}
    mine = await life.people.create(CONFIGMAPS, "web", body)
    await life.begin(SPEC)
    await life.pass_()
    for _ in range(3):
        await life.after(timedelta(hours=720))
    assert await life.copy("web") == mine
    assert await life.condition("Degraded") == ("True", "CopyConflict")
    assert "ConfigMap web/shop.auth exists and is not a copy of this set" in await life.degraded()
    assert (await life.condition("Ready"))[0] == "True"
    assert len(await life.events("CopyConflict")) == 1
    await life.people.delete(CONFIGMAPS, mine)
    await life.live(timedelta(minutes=2))
    assert await life.shown("web") == await life.published()
    assert (await life.condition("Degraded"))[0] == "False"


async def test_the_copy_of_another_set_is_foreign() -> None:
    life = await begun("web")
    await life.tamper("web", lambda seen: seen["metadata"].update(
        annotations={"jwks-operator.dev/source": "shop/other"},
        labels={**seen["metadata"]["labels"], "jwks-operator.dev/set": "other"},
    ))  # fmt: skip
    before = await life.copy("web")
    await life.pass_()
    assert await life.copy("web") == before
    assert "is not a copy of this set" in await life.degraded()


# --- the end ---


async def test_copies_of_a_deleted_set_go_with_its_objects() -> None:
    life = await begun("web", "api")
    await life.delete(SETS, REF.name)
    await life.pass_()
    await life.after(DELETION_DELAY - timedelta(seconds=1))
    assert await life.copy("web") is not None
    await life.after(timedelta(seconds=2))
    assert await life.copy("web") is None
    assert await life.copy("api") is None
    assert await life.people.read(CONFIGMAPS, REF.namespace, REF.name) is None


async def test_copies_of_a_retained_set_stay() -> None:
    life = await begun("web", spec={**SPEC, "deletionPolicy": "Retain"})
    await life.delete(SETS, REF.name)
    await life.pass_()
    await life.after(2 * DELETION_DELAY)
    assert await life.copy("web") is not None


async def test_copies_go_also_when_the_whole_namespace_of_their_set_went() -> None:
    life = await begun("web")
    await life.delete(SETS, REF.name)
    life.server.finish_namespace(REF.namespace)
    await life.pass_()
    assert await life.copy("web") is not None
    await life.after(DELETION_DELAY)
    assert await life.copy("web") is None


async def test_a_copy_that_may_not_be_removed_keeps_no_private_key_from_going() -> None:
    life = await begun("web")
    await life.delete(SETS, REF.name)
    await life.pass_()
    quota = Quota("web")
    life.seam.faults.append(quota)
    life.time.pass_by(DELETION_DELAY)
    with pytest.raises(Refused, match="the copy of shop/auth in namespace web cannot be removed"):
        await life.pass_()
    assert await life.people.list(SECRETS, REF.namespace) == ([], str(life.server.store.version))
    quota.namespaces.clear()
    await life.pass_()
    assert await life.copy("web") is None


async def test_a_set_that_comes_back_in_time_keeps_its_copies() -> None:
    life = await begun("web")
    before = await life.copy("web")
    await life.delete(SETS, REF.name)
    await life.pass_()
    await life.create_set(SPEC)
    await life.after(timedelta(minutes=1))
    await life.after(2 * DELETION_DELAY)
    assert await life.copy("web") == before


# --- crashes, and operators that see less ---


async def test_killed_after_any_call_the_copies_come_out_the_same() -> None:
    for calls in range(1, 40):
        life = Country()
        await life.open("web")
        await life.begin(SPEC)
        life.start_operator(_Dies(calls))
        for _ in range(3):
            try:
                await life.pass_()
            except Crash:
                life.start_operator()
        assert await life.shown("web") == await life.published()
        assert (await life.condition("Ready"))[0] == "True"


class _Dies(Fault):
    def __init__(self, after: int) -> None:
        super().__init__(times=10**9)
        self._left = after

    async def after(self, _number: int, _call: Call, reply: Reply) -> Reply:
        self._left -= 1
        if self._left == 0:
            raise Crash
        return reply


async def test_an_operator_of_single_namespaces_says_that_it_cannot_copy() -> None:
    life = Country(means=ReconcilerConfig(DELETION_DELAY, clusterwide=False))
    await life.open("web")
    await life.begin(SPEC)
    await life.pass_()
    assert await life.copy("web") is None
    assert await life.condition("Degraded") == ("True", "CopiesUnsupported")
    assert "remove the field, or run the operator for the whole cluster" in await life.degraded()
    assert (await life.condition("Ready"))[0] == "True"
    await life.live(timedelta(hours=800))
    assert len([e for e in (await life.status())["history"] if e["event"] == "KeyActivated"]) >= 2
    assert not [call for call in life.seam.log if call.path == NAMESPACES.path(None) or "/web" in call.path]


async def test_without_the_right_to_list_namespaces_it_says_so_and_confirms_nothing() -> None:
    life = await begun("web")
    life.start_operator(Answer(403, where=lambda call: call.path == NAMESPACES.path(None), times=10**9))
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}!")
    await life.pass_()
    assert "it cannot be told which namespaces are to have a copy: " in await life.degraded()
    (key,) = (key for key in (await life.status())["keys"] if key["state"] == "Active")
    assert "inUseSince" not in key
    life.seam.faults.clear()
    await life.after(timedelta(minutes=1))
    assert await life.shown("web") == await life.published()
    assert (await life.condition("Degraded"))[0] == "False"


async def test_a_set_without_copies_looks_at_no_other_namespace() -> None:
    life = await begun("web", spec=ES256)
    life.seam.log.clear()
    await life.pass_()
    assert [call.path for call in life.seam.log if "/namespaces/shop/" not in call.path] == []
    assert len(life.seam.log) == 4


def test_names_of_copies_tell_their_namespace() -> None:
    assert copy_name(REF, "auth") == NAME


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_copy_gives_a_revoked_key_up_also_without_a_record(restarted: bool) -> None:
    country = Country()
    documents = [{"name": "pems", "entries": ["signing"], "format": "PEM"}]
    spec = {**SPEC, "publish": {**SPEC["publish"], "documents": documents}}
    await country.begin(spec)
    await country.open("web")
    await country.pass_()
    bad = await country.in_use()
    assert bad in (await country.data("web"))["pems.pem"]
    await country.delete(SECRETS, keyring_name(REF.name))
    await country.annotate(revoke=bad)
    await country.set_spec({**spec, "rotation": {"every": "1h"}})
    if restarted:
        country.start_operator()
    await country.pass_()
    kept = (await country.read(CONFIGMAPS, REF.name))["data"]
    for data in (kept, await country.data("web")):
        assert bad not in "".join(data.values())
        assert data["pems.pem"].count("-----BEGIN PUBLIC KEY-----") == 1, "the pending key stays"
    (told,) = await country.events("KeyWithdrawn")
    assert "ConfigMap web/shop.auth" in told


async def test_a_copy_that_cannot_give_a_revoked_key_up_is_named() -> None:
    country = Country()
    await country.begin(SPEC)
    await country.open("web")
    await country.pass_()
    bad = await country.in_use()
    await country.delete(SECRETS, keyring_name(REF.name))
    await country.annotate(revoke=bad)
    await country.set_spec({**SPEC, "rotation": {"every": "1h"}})
    country.seam.faults.append(Quota("web"))
    with pytest.raises(Refused):
        await country.pass_()
    assert bad not in await country.published()
    told = (await country.status())["troubles"][0]
    assert (told["reason"], told["about"]) == ("RevokedKeyRemains", "ConfigMap web/shop.auth")


@pytest.mark.parametrize("code", [403, 500])
async def test_a_copy_that_keeps_a_revoked_key_is_told_in_the_same_pass(code: int) -> None:
    country = Country()
    await country.begin(SPEC)
    await country.open("web")
    await country.pass_()
    bad = await country.in_use()
    path = CONFIGMAPS.path("web", NAME)
    country.seam.faults.append(Answer(code, lambda call: call.method == "PUT" and call.path == path, times=1000))
    await country.annotate(revoke=bad)
    with suppress(KubeError):
        await country.pass_()
    assert bad in await country.shown("web")
    told = (await country.status())["troubles"][0]
    assert str(code) in told["message"]
    assert "web/shop.auth" in told["message"]
    assert (await country.condition("Ready"))[0] == "False"
    assert (await country.states())["Active"] != [bad]
    if code == 403:
        assert (told["reason"], told["about"]) == ("RevokedKeyRemains", "ConfigMap web/shop.auth")
    country.start_operator()
    await country.pass_()
    assert bad not in await country.shown("web")
    assert await country.condition("Ready") == ("True", "KeysInUse")
