"""Reads that fail: nobody can tell what is there, so nothing moves, except that revoked keys leave all the rest."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from fakes.faults import Answer, LoseRequest, Where
from jwks_operator.api.names import keyring_name
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SECRETS, SETS, Resource
from jwks_operator.kube.errors import KubeError
from reconcile import authority
from reconcile.life import ES256, REF, Life
from reconcile.test_former_names import _made_again, _named
from reconcile.test_revocation_everywhere import _holders
from reconcile.test_revocation_wins import OBJECTS, _messages

A_FEW = 3
SOURCE = {"name": "more", "algorithm": "ES256", "import": {"secretRef": {"name": "source", "key": "tls.key"}}}
CERTIFIED = {"name": "signing", "algorithm": "ES256", "certificate": {"caSecretRef": {"name": authority.NAME}}}


def _reading(resource: Resource, name: str | None, namespace: str | None = REF.namespace) -> Where:
    path = resource.path(namespace, name) if name else resource.path(namespace)
    return lambda call: call.method == "GET" and call.path == path


async def _nothing(_life: Life) -> None:
    """Leave the set as it is."""


async def _importing(life: Life) -> None:
    await life.edit_spec(keys=[*ES256["keys"], SOURCE])
    await life.pass_()


async def _renamed(life: Life) -> None:
    await _made_again(life, _named("old"))
    await _made_again(life, ES256)


PLACES: dict[str, tuple[dict[str, Any], Where, Callable[[Life], Awaitable[None]]]] = {
    "ConfigMap": (ES256, _reading(CONFIGMAPS, REF.name), _nothing),
    "Secret": (ES256, _reading(SECRETS, REF.name), _nothing),
    "keyring": (ES256, _reading(SECRETS, keyring_name(REF.name)), _nothing),
    "source of an import": (ES256, _reading(SECRETS, "source"), _importing),
    "CA": ({"keys": [CERTIFIED]}, _reading(SECRETS, authority.NAME), _nothing),
    "copies": (
        {**ES256, "publish": {"namespaces": {"matchLabels": {"tier": "web"}}}},
        _reading(CONFIGMAPS, None, None),
        _nothing,
    ),
    "former object": (ES256, _reading(SECRETS, "old"), _renamed),
}
"""What cannot be read: the spec of the set, the calls that fail, and what happened before."""


def _faults(where: Where) -> dict[str, Any]:
    return {
        "403": Answer(403, where, times=1000),
        "500": Answer(500, where, times=1000),
        "no answer": LoseRequest(where, times=1000),
    }


async def _begun(spec: dict[str, Any], prepare: Callable[[Life], Awaitable[None]]) -> tuple[Life, str]:
    life = Life()
    await life.begin(spec)
    await life.pass_()
    await prepare(life)
    return life, (await life.states())["Active"][0]


async def _try(life: Life, times: int = 2) -> None:
    for _ in range(times):
        with suppress(KubeError):
            await life.pass_()


@pytest.mark.parametrize("kind", _faults(lambda _call: False))
@pytest.mark.parametrize("what", PLACES)
async def test_what_cannot_be_read_keeps_a_revoked_key_nowhere_else(what: str, kind: str) -> None:
    spec, where, prepare = PLACES[what]
    life, bad = await _begun(spec, prepare)
    life.start_operator(_faults(where)[kind])
    await life.annotate(revoke=bad)
    await _try(life)
    assert await _holders(life, bad) <= {what}
    if what in OBJECTS:
        named = {trouble["about"] for trouble in await _messages(life, "RevokedKeyRemains")}
        assert named == {f"{OBJECTS[what][0].kind} {OBJECTS[what][1]}"}
        assert await life.condition("Ready") == ("False", "RevokedKeyRemains")
    life.start_operator()
    await life.pass_()
    assert await _holders(life, bad) == set()
    assert bad not in str(await life.states())
    assert (await life.states())["Active"]
    assert (await life.condition("Degraded"))[0] == "False" or what in {"CA", "source of an import"}


@pytest.mark.parametrize("what", ["ConfigMap", "Secret", "keyring", "former object"])
async def test_what_cannot_be_read_is_told_after_a_few_tries_and_nothing_moves(what: str) -> None:
    spec, where, prepare = PLACES[what]
    life, active = await _begun({**spec, "rotation": {"every": "24h"}}, prepare)
    before = await life.status()
    life.start_operator(Answer(403, where, times=1000))
    life.writes()
    life.time.pass_by(timedelta(hours=30))
    await _try(life, A_FEW - 1)
    assert await life.status() == before
    assert life.writes() == []
    await _try(life, 1)
    assert await life.condition("Degraded") == ("True", "ReadRefused")
    assert await life.condition("Ready") == ("False", "ReadRefused")
    assert life.writes() == ["PATCH jsonwebkeysets/auth/status"]
    events = (await life.people.list(EVENTS, REF.namespace))[0]
    assert any(event["reason"] == "ReadRefused" and "403" in event["message"] for event in events)
    life.start_operator()
    await life.pass_()
    assert await life.condition("Degraded") == ("False", "AsExpected")
    assert (await life.states())["Active"] == [active] or "Retired" in await life.states()


async def test_a_new_set_whose_objects_cannot_be_read_is_told_so_and_makes_no_key() -> None:
    life = Life()
    await life.begin()
    life.start_operator(Answer(403, _reading(SECRETS, keyring_name(REF.name)), times=1000))
    await _try(life, A_FEW)
    assert await life.condition("Ready") == ("False", "ReadRefused")
    assert [write for write in life.writes() if "status" not in write] == []


async def test_a_deleted_set_of_which_something_cannot_be_read_keeps_everything() -> None:
    life, _ = await _begun(ES256, _nothing)
    await life.delete(SETS, REF.name)
    life.start_operator(Answer(500, _reading(CONFIGMAPS, REF.name), times=1000))
    for _ in range(3):
        life.time.pass_by(timedelta(hours=1))
        await _try(life, 1)
    assert life.writes() == []
