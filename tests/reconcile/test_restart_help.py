"""Restart help: who reads keys only at the start is started anew when keys change, once, and nobody else is."""

from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import Answer, Crash, CrashAfter
from jwks_operator.api.names import ANNOTATION_RESTARTED_FOR
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SECRETS, Call, Object, Resource
from jwks_operator.kube.workloads import DAEMON_SETS, DEPLOYMENTS, STATEFUL_SETS, WORKLOADS
from reconcile import certified
from reconcile.life import ES256, REF, Life

MONTH = timedelta(hours=720)
CONSENT = {"jwks-operator.dev/allow-set": REF.name}
RESTART: dict[str, Any] = {"secret": {"restart": {}}}


def workload(name: str, **labels: str) -> Object:
    template = {"metadata": {"labels": {"app": name}, "annotations": {"team": "shop"}}, "spec": {"containers": []}}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template, "replicas": 3}
    return {"metadata": {"name": name, "namespace": REF.namespace, "labels": {**CONSENT, **labels}}, "spec": spec}


async def settled(spec: dict[str, Any] | None = None, *things: tuple[Resource, Object]) -> Life:
    """A set that is in use, and the workloads that mount its Secret: one Deployment if nothing else is said."""
    life = Life()
    await life.begin({**ES256, **RESTART} if spec is None else spec)
    for resource, thing in things or ((DEPLOYMENTS, workload("issuer")),):
        await life.people.create(resource, REF.namespace, thing)
    await life.pass_()
    life.writes()
    return life


async def mark(life: Life, name: str = "issuer", resource: Resource = DEPLOYMENTS) -> str | None:
    annotations = (await life.read(resource, name))["spec"]["template"]["metadata"]["annotations"]
    assert annotations["team"] == "shop", "nothing else of a workload is touched"
    return dict(annotations).get(ANNOTATION_RESTARTED_FOR)


async def told(life: Life, reason: str) -> list[str]:
    events, _ = await life.people.list(EVENTS, REF.namespace)
    return [event["message"] for event in events if event["reason"] == reason]


def patches(life: Life) -> list[str]:
    return [write for write in life.writes() if write.startswith("PATCH") and "status" not in write]


def to_workloads(call: Call) -> bool:
    return call.method == "PATCH" and "/apis/apps/" in call.path


async def test_a_rotation_restarts_whatever_consents_once() -> None:
    things = [(resource, workload("issuer")) for resource in WORKLOADS]
    life = await settled(None, *things)
    await life.after(MONTH)
    assert patches(life) == ["PATCH deployments/issuer", "PATCH statefulsets/issuer", "PATCH daemonsets/issuer"]
    marks = {await mark(life, "issuer", resource) for resource in WORKLOADS}
    assert len(marks) == 1
    assert None not in marks
    await life.live(timedelta(hours=30))
    assert patches(life) == []
    assert {await mark(life, "issuer", resource) for resource in (STATEFUL_SETS, DAEMON_SETS)} == marks


async def test_neither_the_first_key_nor_a_standby_restarts_anything() -> None:
    life = await settled()
    assert await mark(life) is None


async def test_without_the_wish_nothing_is_restarted() -> None:
    life = await settled(ES256)
    await life.after(MONTH)
    assert await mark(life) is None
    assert not [call for call in life.seam.log if "/apis/apps/" in call.path], "nor is anybody looked for"


async def test_only_what_consents_and_is_selected_is_restarted() -> None:
    stranger = workload("stranger")
    del stranger["metadata"]["labels"]
    other = workload("other", **{"jwks-operator.dev/allow-set": "another"})
    things = [(DEPLOYMENTS, each) for each in (workload("issuer", tier="api"), workload("web"), stranger, other)]
    selector = {"matchLabels": {"tier": "api"}}
    life = await settled({**ES256, "secret": {"restart": {"selector": selector}}}, *things)
    await life.after(MONTH)
    assert [await mark(life, name) is not None for name in ("issuer", "web", "stranger", "other")] == [True] + [
        False
    ] * 3


async def test_a_mark_that_somebody_removes_is_not_put_back() -> None:
    life = await settled()
    await life.after(MONTH)
    await life.edit(DEPLOYMENTS, "issuer", lambda seen: seen["spec"]["template"]["metadata"]["annotations"].pop(
        ANNOTATION_RESTARTED_FOR))  # fmt: skip
    await life.live(timedelta(hours=30))
    assert await mark(life) is None


@pytest.mark.parametrize("request_", ["rotate", "revoke"])
async def test_emergency_and_revocation_restart_at_once(request_: str) -> None:
    life = await settled()
    value = await life.in_use() if request_ == "revoke" else f"signing@{life.time.now.isoformat()}!"
    await life.annotate(**{request_: value})
    await life.pass_()
    assert await mark(life) is not None


async def test_each_change_has_a_mark_of_its_own_and_a_roll_back_too() -> None:
    life = await settled()
    await life.after(MONTH)
    first = await mark(life)
    await life.annotate(rollback=f"signing@{life.time.now.isoformat()}")
    await life.pass_()
    second = await mark(life)
    assert len({None, first, second}) == 3


async def test_the_repair_of_a_secret_restarts_nothing() -> None:
    life = await settled()
    await life.edit(SECRETS, REF.name, lambda seen: seen["data"].clear())
    await life.pass_()
    await life.delete(CONFIGMAPS, REF.name)
    await life.pass_()
    assert await mark(life) is None


async def test_receivers_are_restarted_when_there_is_another_key_to_open_with_and_not_when_it_is_used() -> None:
    life = await settled(
        {"keys": [{"name": "mail", "algorithm": "ECDH-ES"}], "rotation": {"prepublish": "OnSchedule"}, **RESTART}
    )
    lead = timedelta(minutes=15)  # propagation and the roll-out
    await life.after(MONTH - lead - timedelta(seconds=1))
    assert await mark(life) is None
    await life.after(timedelta(seconds=1))
    before = await mark(life)
    assert before is not None, "the next key is published one lead before its use"
    await life.live(lead)
    assert len((await life.states("mail"))["Retired"]) == 1
    await life.live(timedelta(days=2))
    assert (await life.states("mail")).keys() == {"Active"}
    assert await mark(life) == before, "that a key is used, or removed when its time is over, concerns no receiver"


async def test_holders_of_a_shared_key_are_restarted_to_check_with_it_and_to_use_it() -> None:
    spec = {"keys": [{"name": "s", "algorithm": "HS256"}], "rotation": {"prepublish": "OnSchedule"}, **RESTART}
    life = await settled(spec)
    await life.after(MONTH - timedelta(minutes=15))
    published = await mark(life)
    await life.after(timedelta(minutes=15))
    assert len({None, published, await mark(life)}) == 3


async def test_the_retention_of_a_signing_key_covers_the_roll_out() -> None:
    life = await settled({**ES256, "rotation": {"rollbackWindow": "5m"}, "secret": {"restart": {"within": "2h"}}})
    first = await life.in_use()
    await life.after(MONTH)
    retention = timedelta(hours=1 + 2, minutes=5 + 1)
    await life.live(retention - timedelta(seconds=1))
    assert first in await life.published()
    await life.live(timedelta(seconds=2))
    assert first not in await life.published()


@pytest.mark.parametrize("nth", range(1, 24))
async def test_a_crash_anywhere_loses_no_restart(nth: int) -> None:
    life = await settled()
    life.time.pass_by(MONTH)
    life.start_operator(CrashAfter(nth))
    try:
        await life.pass_()
    except Crash:
        life.start_operator()
        await life.pass_()
    found = await mark(life)
    assert found is not None
    assert (await life.keyring())["record.json"]["restart"] == ""
    life.writes()
    await life.live(timedelta(minutes=10))
    assert patches(life) == []


async def test_a_workload_that_refuses_holds_nothing_and_is_told_and_tried_again() -> None:
    life = await settled()
    first = await life.in_use()
    life.seam.faults.append(Answer(403, to_workloads, 2))
    again = await life.after(MONTH)
    assert await life.in_use() != first
    assert await life.condition("Degraded") == ("True", "RestartFailed")
    assert again == life.time.now + timedelta(minutes=1)
    (message,) = await told(life, "RestartFailed")
    assert message.startswith("Deployment issuer could not be restarted: ")
    await life.after(timedelta(minutes=1))
    assert len(await told(life, "RestartFailed")) == 1, "it is told once"
    await life.after(timedelta(minutes=1))
    assert await mark(life) is not None
    assert await life.condition("Degraded") == ("False", "AsExpected")
    assert await told(life, "WorkloadRestarted") == [
        "asked to restart, because keys that it reads have changed (Deployment issuer)"
    ]


async def test_a_kind_that_may_not_be_listed_is_named_and_the_others_are_restarted() -> None:
    life = await settled()
    life.seam.faults.append(Answer(403, lambda call: call.path.endswith("/daemonsets"), 9))
    await life.after(MONTH)
    assert await mark(life) is not None
    assert (await told(life, "RestartFailed"))[0].startswith("DaemonSets could not be restarted: ")


async def test_a_workload_that_changes_meanwhile_is_looked_at_again_in_the_same_pass() -> None:
    life = await settled()
    life.seam.faults.append(Answer(409, to_workloads, 2))
    await life.after(MONTH)
    assert await mark(life) is not None
    assert await life.condition("Degraded") == ("False", "AsExpected")


async def test_that_nobody_consents_is_told_once() -> None:
    life = await settled(None, (DEPLOYMENTS, workload("issuer", **{"jwks-operator.dev/allow-set": "another"})))
    await life.after(MONTH)
    await life.live(timedelta(hours=3))
    (message,) = await told(life, "NothingRestarted")
    assert "label what is to restart with jwks-operator.dev/allow-set: auth" in message


async def test_who_no_longer_wants_restarts_owes_none() -> None:
    life = await settled()
    life.seam.faults.append(Answer(403, to_workloads, 99))
    await life.after(MONTH)
    await life.set_spec(ES256)
    await life.after(timedelta(seconds=10))
    await life.live(timedelta(hours=30))
    assert await life.condition("Degraded") == ("False", "AsExpected")
    assert (await life.keyring())["record.json"]["restart"] == ""


@pytest.mark.parametrize(("formats", "restarted"), [(["JWK", "TLS"], True), (["JWK"], False)], ids=["TLS", "JWK"])
async def test_a_renewed_certificate_restarts_whoever_reads_it(formats: list[str], restarted: bool) -> None:
    certificate = {"selfSigned": {}, "duration": "100h", "renewBefore": "90h"}
    written = certified.spec(certificate, **certified.MANUAL)
    life = await settled({**written, "secret": {"formats": formats, "restart": {}}})
    assert await mark(life) is None
    before = await certified.files(life)
    await life.live(timedelta(hours=11))
    assert (await mark(life) is not None) is restarted
    assert (await certified.files(life) != before) is restarted
