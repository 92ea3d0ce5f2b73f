"""Revocation wins over every combination of what objects, spec, record and clock can be in (docs/rotation.md).

Here are all combinations of objects, record and clock, with the specs in turn; tests/nightly/reconcile has all 864.
"""

from base64 import b64decode
from contextlib import suppress
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from fakes.faults import SkewDate
from jwks_operator.api.names import keyring_name
from jwks_operator.kube.client import SECRETS
from jwks_operator.kube.errors import KubeError
from reconcile.life import REF, Life
from reconcile.test_revocation_wins import OBJECTS, REFUSED, _break_spec, _messages, _refusing, _spoil_record

STATES = ("ok", "gone", "edited", "immutable", "foreign", "refused")
SPECS = ("ok", "refused", "unreadable")
RECORDS = ("ok", "restored", "lost", "unreadable")
CLOCKS = ("ok", "doubt")


async def _put_into(life: Life, what: str, state: str) -> list[Any]:
    """Bring an object into a state; returns the faults that the operator meets there."""
    resource, name = OBJECTS[what]
    if state == "gone":
        await life.delete(resource, name)
    elif state == "edited":
        await life.edit(resource, name, lambda seen: seen["metadata"].update(annotations={"of": "another client"}))
        await life.edit(resource, name, lambda seen: seen["data"].update(more="YQ=="))
    elif state == "immutable":
        await life.edit(resource, name, lambda seen: seen.update(immutable=True))
    elif state == "foreign":
        seen = await life.read(resource, name)
        await life.delete(resource, name)
        await life.people.create(resource, REF.namespace, {"metadata": {"name": name}, "data": seen["data"]})
    return [_refusing(what, 403)] if state == "refused" else []


async def _bring_record(life: Life, state: str) -> None:
    ring = keyring_name(REF.name)
    if state == "unreadable":
        await _spoil_record(life)
    elif state in {"restored", "lost"}:
        backup = await life.read(SECRETS, ring)
        await life.delete(SECRETS, ring)
        if state == "restored":
            metadata = {"name": ring, "namespace": REF.namespace, "labels": backup["metadata"]["labels"]}
            body = {"metadata": metadata, "type": backup["type"], "data": backup["data"]}
            await life.people.create(SECRETS, REF.namespace, body)


async def _holders(life: Life, kid: str) -> set[str]:
    """Return the objects in which the key is still to be found, whoever they belong to."""
    held = set()
    for what, (resource, name) in OBJECTS.items():
        seen = await life.people.read(resource, REF.namespace, name)
        files = {} if seen is None else dict(seen.get("data") or {})
        texts = files.values() if what == "ConfigMap" else [b64decode(text).decode() for text in files.values()]
        private = [text for text in texts if kid in text and (what != "keyring" or '"private"' in text)]
        held |= {what} if private else set()
    return held


async def check_combination(spec: str, record: str, clock: str, configmap: str, secret: str) -> None:
    """Revoke the active key of a set in this state; every object that can be written gives the key up."""
    where = f"spec {spec}, record {record}, clock {clock}, ConfigMap {configmap}, Secret {secret}"
    life = Life()
    await life.begin()
    await life.pass_()
    bad = (await life.states())["Active"][0]
    faults = [*await _put_into(life, "ConfigMap", configmap), *await _put_into(life, "Secret", secret)]
    await _bring_record(life, record)
    if spec == "refused":
        await life.set_spec(REFUSED)
    elif spec == "unreadable":
        await _break_spec(life)
    await life.annotate(revoke=bad)
    skew = [SkewDate(timedelta(hours=2), times=1_000_000)] if clock == "doubt" else []
    life.start_operator(*faults, *skew)
    for _ in range(2):
        with suppress(KubeError):
            await life.pass_()
        life.time.pass_by(timedelta(seconds=1))
    stuck = {"ConfigMap": configmap, "Secret": secret}
    excused = {what for what, state in stuck.items() if state in {"foreign", "refused"}}
    held = await _holders(life, bad)
    assert held <= excused, where
    if held:
        named = {trouble["about"] for trouble in await _messages(life, "RevokedKeyRemains")}
        assert {f"{OBJECTS[what][0].kind} {OBJECTS[what][1]}" for what in held} <= named, where
        assert (await life.condition("Ready"))[0] == "False", where


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("turn", range(len(SPECS)))
async def test_every_object_that_can_be_written_gives_a_revoked_key_up(turn: int, record: str, clock: str) -> None:
    for number, (configmap, secret) in enumerate(product(STATES, STATES)):
        if (number + number // len(STATES)) % len(SPECS) == turn:
            spec = SPECS[(turn + RECORDS.index(record) + CLOCKS.index(clock)) % len(SPECS)]
            await check_combination(spec, record, clock, configmap, secret)
