"""Waits that were not kept show in what consumers saw."""

import json
from base64 import b64encode
from typing import Any

from scale.chronicle import Chronicle
from scale.generator import Ref

REF = Ref("shop", "auth")
LEAD, RETENTION = 10.0, 60.0


def configmap(*kids: str) -> dict[str, Any]:
    text = json.dumps({"keys": [{"kid": kid} for kid in kids]})
    return {"metadata": {"namespace": "shop", "name": "auth"}, "data": {"jwks.json": text}}


def secret(kid: str) -> dict[str, Any]:
    data = {"signing.kid": b64encode(kid.encode()).decode()}
    return {"metadata": {"namespace": "shop", "name": "auth"}, "data": data}


def rotated(published: float = 0, used: float = 100, removed: float = 160) -> Chronicle:
    """One rotation from `old` to `new`, with these times."""
    told = Chronicle()
    told.saw_configmap("ADDED", configmap("old"), -1000)
    told.saw_secret("ADDED", secret("old"), -1000)
    told.saw_configmap("MODIFIED", configmap("old", "new"), published)
    told.saw_secret("MODIFIED", secret("new"), used)
    told.saw_configmap("MODIFIED", configmap("new"), removed)
    return told


def test_a_rotation_that_keeps_its_waits_is_fine() -> None:
    assert rotated().broken_waits(REF, LEAD, RETENTION) == []


def test_a_key_that_is_still_published_has_not_left_too_early() -> None:
    assert rotated(removed=10_000).broken_waits(REF, LEAD, RETENTION) == []


def test_a_key_that_is_used_too_early_is_found() -> None:
    told = rotated(published=95).broken_waits(REF, LEAD, RETENTION)
    assert told == ["shop/auth: new was used 5.0 s after its publication, not 10 s"]


def test_a_key_that_is_used_and_never_published_is_found() -> None:
    told = Chronicle()
    told.saw_configmap("ADDED", configmap("old"), 0)
    told.saw_secret("ADDED", secret("old"), 0)
    told.saw_secret("MODIFIED", secret("new"), 100)
    assert len(told.broken_waits(REF, LEAD, RETENTION)) == 1


def test_a_key_that_is_removed_too_early_is_found() -> None:
    told = rotated(removed=130).broken_waits(REF, LEAD, RETENTION)
    assert told == ["shop/auth: old was removed 30.0 s after its last use, not 60 s"]


def test_a_key_that_is_removed_before_its_last_use_is_found() -> None:
    told = rotated(removed=90).broken_waits(REF, LEAD, RETENTION)
    assert told == ["shop/auth: old was removed 0.0 s after its last use, not 60 s"]


def test_a_configmap_that_is_deleted_publishes_nothing() -> None:
    told = rotated()
    told.saw_configmap("DELETED", configmap("new"), 200)
    assert told.kids(REF) == frozenset()


def test_echoes_are_no_changes() -> None:
    told = rotated()
    told.saw_secret("MODIFIED", secret("new"), 300)
    assert [kid for _, kid in told.used[REF]] == ["old", "new"]
