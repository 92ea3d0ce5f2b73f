"""NoPrivateLeak: the private members of every key that ever lived are looked for in everything others can see."""

import json
import logging
from datetime import timedelta

import pytest

from fakes.faults import Answer, Crash, CrashAfter, to
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, SETS
from jwks_operator.kube.errors import KubeError
from reconcile.life import REF, Life

SPEC = {
    "keys": [
        {"name": "signing", "algorithm": "ES256"},
        {"name": "legacy", "algorithm": "RS256", "modulusLength": 2048},
    ],
    "rotation": {"every": "24h"},
}


async def _secrets_of(life: Life) -> set[str]:
    members: set[str] = set()
    for document in (await life.keyring()).values():
        private = document.get("private") or {}
        members |= {str(private[name]) for name in ("d", "p", "q", "dp", "dq", "qi") if name in private}
    return members


async def test_no_private_member_is_seen_outside_the_two_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    life = Life()
    await life.begin(SPEC)
    private: set[str] = set()
    errors: list[str] = []
    for fault in (
        None,
        CrashAfter(7),
        Answer(500, to("configmaps", "PUT"), times=2),
        Answer(403, to("secrets", "PUT"), times=2),
        None,
    ):
        life.start_operator(*(() if fault is None else (fault,)))
        for _ in range(3):
            try:
                await life.live(timedelta(hours=24))
            except KubeError as error:
                errors.append(repr(error) + str(error))
            except Crash:
                life.start_operator()
        private |= await _secrets_of(life)
    assert len(private) > 20, "keys of several rotations were seen"
    events, _ = await life.people.list(EVENTS, REF.namespace)
    seen = {
        "ConfigMap": json.dumps(await life.read(CONFIGMAPS, REF.name)),
        "status": json.dumps(await life.read(SETS, REF.name)),
        "Events": json.dumps(events),
        "logs": caplog.text + repr([vars(record) for record in caplog.records]),
        "errors": " ".join(errors),
        "calls": repr(life.seam.log),
    }
    leaks = [where for where, text in seen.items() for member in private if member in text]
    assert leaks == []
    assert '"d"' not in seen["ConfigMap"]
    assert '\\"d\\"' not in seen["ConfigMap"]
