"""The rules of admission change with a version: sets that break the new ones are told and live on as they are."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jwks_operator.api.admission_rules import Model, Rule
from jwks_operator.api.names import keyring_name
from jwks_operator.api.rotation_spec import Rotation
from jwks_operator.api.spec import JsonWebKeySetSpec, KeyEntry
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS
from reconcile.life import ES256, REF, Life

RING = keyring_name(REF.name)
DAY = timedelta(hours=24)
DAILY = {**ES256, "rotation": {"every": "24h"}}


def _rule(field: str, message: str, holds: Callable[[Any], bool]) -> Rule:
    return Rule(field=field, cel="true", holds=holds, message=message)


NEW_RULES: dict[str, tuple[type[Model], Rule]] = {
    "a rule is added": (KeyEntry, _rule("algorithm", "must be RS256", lambda entry: entry.algorithm == "RS256")),
    "a pattern is tighter": (
        KeyEntry,
        _rule("name", "must be short", lambda entry: len(entry.name) < 4),
    ),
    "a field is required": (
        JsonWebKeySetSpec,
        _rule("timing", "Required value", lambda spec: bool(spec.timing.preset)),
    ),
    "a field is removed": (
        Rotation,
        _rule("every", "unknown field; remove it", lambda rotation: "every" not in rotation.model_fields_set),
    ),
}


def _under(patch: pytest.MonkeyPatch, model: type[Model], *rules: Rule) -> None:
    patch.setattr(model, "rules", rules)


async def _living() -> Life:
    life = Life()
    await life.begin(DAILY)
    await life.pass_()
    assert await life.condition("Degraded") == ("False", "AsExpected")
    return life


async def _is_repaired_and_rotated(life: Life) -> None:
    published, used = await life.published(), await life.in_use()
    await life.delete(CONFIGMAPS, REF.name)
    await life.after(timedelta(minutes=1))
    assert await life.published() == published
    await life.after(DAY)
    await life.live(2 * DAY)
    assert await life.in_use() not in {used, ""}


async def _is_revoked(life: Life, kid: str) -> None:
    await life.after(timedelta(minutes=1))
    assert kid not in await life.published()
    assert await life.in_use() not in {kid, ""}


@pytest.mark.parametrize("change", NEW_RULES)
async def test_a_set_that_breaks_a_new_rule_is_told_and_goes_on(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    life = await _living()
    model, rule = NEW_RULES[change]
    _under(monkeypatch, model, *model.rules, rule)
    await life.after(timedelta(minutes=1))
    assert await life.condition("Degraded") == ("True", "InvalidSpec")
    assert await life.condition("Ready") == ("True", "KeysInUse")
    await _is_repaired_and_rotated(life)
    leaked = await life.in_use()
    await life.edit_spec(revoked=[{"kid": leaked, "reason": "KeyCompromise"}])
    await _is_revoked(life, leaked)
    leaked = await life.in_use()
    await life.annotate(revoke=leaked)
    await _is_revoked(life, leaked)
    assert await life.condition("Degraded") == ("True", "InvalidSpec")


async def test_brakes_of_a_spec_that_a_new_rule_refuses_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    life = await _living()
    model, rule = NEW_RULES["a rule is added"]
    _under(monkeypatch, model, *model.rules, rule)
    used = await life.in_use()
    await life.edit_spec(suspend=True)
    await life.after(timedelta(minutes=1))
    await life.live(3 * DAY)
    assert await life.in_use() == used


async def test_a_set_that_a_removed_rule_had_refused_gets_what_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    life = await _living()
    with monkeypatch.context() as former:
        model, rule = NEW_RULES["a rule is added"]
        _under(former, model, *model.rules, rule)
        await life.edit_spec(held=["k1"])
        await life.edit_spec(rotation={"every": "48h"})
        await life.after(timedelta(minutes=1))
        assert (await life.keyring())["record.json"]["policy"]["rotation"]["every"] == "24h"
    await life.after(timedelta(minutes=1))
    assert (await life.keyring())["record.json"]["policy"]["rotation"]["every"] == "48h"
    assert await life.condition("Degraded") == ("False", "AsExpected")


async def _spoil_policy(life: Life, **members: Any) -> None:
    def change(ring: Any) -> None:
        rest = json.loads(b64decode(ring["data"]["record.json"]))
        rest["policy"].update(members)
        ring["data"]["record.json"] = b64encode(json.dumps(rest).encode()).decode()

    await life.edit(SECRETS, RING, change)


async def test_a_policy_that_cannot_be_read_gives_way_to_the_spec_as_written() -> None:
    life = await _living()
    used, published = await life.in_use(), await life.published()
    await _spoil_policy(life, recovery="Ask", facts={"propagation": "soon"})
    await life.after(timedelta(minutes=1))
    assert (await life.keyring())["record.json"]["policy"]["recovery"] == "Regenerate"
    assert (await life.in_use(), await life.published()) == (used, published)
    assert "RecordRestored" in {told["event"] for told in (await life.status())["history"]}
    await _is_repaired_and_rotated(life)


async def test_where_neither_policy_nor_spec_can_be_read_keys_are_repaired_and_revoked_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = await _living()
    model, rule = NEW_RULES["a rule is added"]
    used, published = await life.in_use(), await life.published()
    with monkeypatch.context() as now:
        _under(now, model, *model.rules, rule)
        await _spoil_policy(life, recovery="Ask", keys=None)
        await life.delete(CONFIGMAPS, REF.name)
        await life.after(timedelta(minutes=1))
        assert await life.published() == published
        assert await life.condition("Degraded") == ("True", "PolicyUnreadable")
        await life.after(3 * DAY)
        assert (await life.in_use(), await life.published()) == (used, published)
        await life.annotate(revoke=used)
        await _is_revoked(life, used)
        successor = await life.in_use()
        await life.after(3 * DAY)
        assert await life.in_use() == successor
        assert await life.condition("Degraded") == ("True", "PolicyUnreadable")
        await life.edit(SETS, REF.name, lambda seen: seen["metadata"].update(annotations={}))
    await life.after(timedelta(minutes=1))
    await life.after(timedelta(minutes=1))
    assert await life.condition("Degraded") == ("False", "AsExpected")
    await _is_repaired_and_rotated(life)
