"""Writes that fail are told, whatever the code: a condition, an Event, the server's words and what helps."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import Answer, Fault, LoseRequest, to
from fakes.status import status
from jwks_operator.api.names import keyring_name
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SECRETS, SETS, Call, Reply
from jwks_operator.kube.errors import KubeError
from reconcile.life import REF, Life

A_FEW = 3
WEBHOOK = 'Internal error occurred: failed calling webhook "dead.example.com": connection refused'


class DeadWebhook(Fault):
    """Admission of every write to ConfigMaps ends in 500, as with a webhook that nobody answers."""

    async def before(self, _number: int, _call: Call, _server: object) -> Reply | None:
        return Reply(500, {}, status(500, "InternalError", WEBHOOK))


async def _degraded(life: Life) -> dict[str, Any]:
    return next(c for c in (await life.status())["conditions"] if c["type"] == "Degraded")


async def _try(life: Life, times: int) -> None:
    for _ in range(times):
        with suppress(KubeError):
            await life.pass_()


def _faults() -> dict[str, Fault]:
    writes = to("configmaps")
    answers: dict[str, Fault] = {str(code): Answer(code, writes, times=1000) for code in (403, 409, 422, 429, 500, 503)}
    return answers | {"no answer": LoseRequest(lambda call: writes(call) and call.method != "GET", times=1000)}


def _writes_only(fault: Fault) -> Fault:
    where = fault.where
    fault.where = lambda call: call.method != "GET" and where(call)
    return fault


@pytest.mark.parametrize("kind", _faults())
async def test_a_new_set_has_a_status_also_if_its_writes_fail(kind: str) -> None:
    life = Life()
    await life.begin()
    life.start_operator(_writes_only(_faults()[kind]))
    await _try(life, A_FEW)
    told = await _degraded(life)
    assert (told["status"], told["reason"]) == ("True", "WriteRefused")
    assert "ConfigMap auth could not be written" in told["message"]
    events = (await life.people.list(EVENTS, REF.namespace))[0]
    assert "WriteRefused" in [event["reason"] for event in events]
    life.start_operator()
    await life.pass_()
    assert (await _degraded(life))["status"] == "False"
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_a_record_that_cannot_be_made_is_told_of_a_new_set() -> None:
    life = Life()
    await life.begin()
    life.start_operator(_writes_only(Answer(500, to("secrets"), times=1000)))
    await _try(life, A_FEW)
    assert await life.condition("Ready") == ("False", "WriteRefused")
    assert f"Secret {keyring_name(REF.name)}" in (await _degraded(life))["message"]


async def test_a_dead_webhook_is_named_with_the_cure() -> None:
    life = Life()
    await life.begin()
    life.start_operator(_writes_only(DeadWebhook(to("configmaps"), times=1000)))
    await _try(life, A_FEW)
    told = (await _degraded(life))["message"]
    assert 'failed calling webhook "dead.example.com"' in told
    assert "repair that webhook" in told


async def test_one_failure_alone_is_not_told() -> None:
    life = Life()
    await life.begin()
    life.start_operator(_writes_only(Answer(500, to("configmaps"))))
    await _try(life, 2)
    events = (await life.people.list(EVENTS, REF.namespace))[0]
    assert "WriteRefused" not in [event["reason"] for event in events]
    assert (await _degraded(life))["status"] == "False"


class SetGoes(Fault):
    """A person deletes the set while this write is on its way."""

    def __init__(self, life: Life) -> None:
        super().__init__(lambda call: call.method == "POST" and call.path.endswith("/secrets"))
        self._life = life

    async def before(self, _number: int, _call: Call, _server: object) -> Reply | None:
        await self._life.delete(SETS, REF.name)
        return None


async def test_a_first_keyring_that_meets_the_deletion_of_its_set_is_taken_back() -> None:
    life = Life()
    await life.begin()
    life.start_operator(SetGoes(life))
    with pytest.raises(KubeError, match="deleted meanwhile"):
        await life.pass_()
    for resource, name in ((SECRETS, keyring_name(REF.name)), (SECRETS, REF.name), (CONFIGMAPS, REF.name)):
        assert await life.people.read(resource, REF.namespace, name) is None


class SetWent(Fault):
    """The set is another one of its name when the operator looks again before its first keyring."""

    def __init__(self, life: Life) -> None:
        super().__init__(lambda call: call.method == "GET" and call.path.endswith("/jsonwebkeysets/auth"), times=2)
        self._life = life

    async def before(self, _number: int, _call: Call, _server: object) -> Reply | None:
        if self.left == 0:
            await self._life.delete(SETS, REF.name)
            await self._life.create_set()
        return None


async def test_no_first_keyring_is_made_for_a_set_that_was_made_again_meanwhile() -> None:
    life = Life()
    await life.begin()
    life.start_operator(SetWent(life))
    with pytest.raises(KubeError, match="deleted meanwhile"):
        await life.pass_()
    assert life.writes() == []
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")


async def test_a_repair_that_is_refused_again_and_again_is_no_dispute_with_another_client() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    await life.delete(CONFIGMAPS, REF.name)
    life.start_operator(_writes_only(Answer(403, to("configmaps"), times=1000)))
    for _ in range(2 * A_FEW):
        await _try(life, 1)
        life.time.pass_by(timedelta(seconds=5))
    assert (await _degraded(life))["reason"] == "WriteRefused"
    assert await life.condition("Ready") == ("False", "WriteRefused")
