"""CrashSafe: killed before or after any API call of a whole life, then restarted: the same end, nothing early."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from fakes.faults import Crash, CrashAfter, CrashBefore
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from reconcile.life import ES256, Life

LEAD = timedelta(minutes=70)
RETENTION = timedelta(minutes=70)
EVERY = timedelta(hours=720)


@dataclass
class Witness:
    """Somebody who looks at the published set and the key in use after every pass, and never forgets."""

    life: Life
    first_published: dict[str, datetime] = field(default_factory=dict)
    last_in_use: dict[str, datetime] = field(default_factory=dict)
    bootstrap: set[str] = field(default_factory=set)

    async def look(self) -> None:
        now = self.life.time.now
        namespace = "shop"
        configmap = await self.life.people.read(CONFIGMAPS, namespace, "auth")
        secret = await self.life.people.read(SECRETS, namespace, "auth")
        published = await self.life.published() if configmap else []
        in_use = await self.life.in_use() if secret else None
        for kid in published:
            self.first_published.setdefault(kid, now)
        if in_use is not None:
            assert in_use in published, "a key is in use that nobody who checks can know"
            if not self.bootstrap:
                self.bootstrap.add(in_use)
            if in_use not in self.bootstrap:
                assert self.first_published[in_use] + LEAD <= now, "a key came into use before its lead"
            self.last_in_use[in_use] = now
        for kid, last in self.last_in_use.items():
            assert kid in published or last + RETENTION <= now, "a key went while tokens still need it"


async def _whole_life(life: Life) -> None:
    """Creation, one rotation and the end of the first key: every kind of step a schedule brings."""
    witness = Witness(life)
    for span in (timedelta(0), timedelta(minutes=1), EVERY, timedelta(minutes=1), RETENTION, timedelta(hours=1)):
        life.time.pass_by(span)
        for _ in range(3):
            try:
                await life.pass_()
            except Crash:
                await witness.look()
                life.start_operator()
                life.time.pass_by(timedelta(seconds=2))
        await witness.look()


async def _calls_of_a_life() -> int:
    life = Life()
    await life.begin()
    await _whole_life(life)
    return len(life.seam.log)


@pytest.mark.parametrize("fault", [CrashBefore, CrashAfter])
async def test_a_crash_at_any_api_call_changes_nothing_but_the_time(fault: type[CrashBefore]) -> None:
    for nth in range(1, await _calls_of_a_life() + 1):
        life = Life()
        await life.begin()
        life.start_operator(fault(nth))
        await _whole_life(life)
        states = await life.states()
        assert {state: len(kids) for state, kids in states.items()} == {"Active": 1, "Pending": 1}, f"call {nth}"
        assert await life.in_use() == states["Active"][0]
        assert sorted(await life.published()) == sorted(kid for kids in states.values() for kid in kids)
        ring = await life.keyring()
        assert ring["record.json"].get("step") is None
        private = [document["kid"] for document in ring.values() if "private" in document]
        assert sorted(private) == sorted(await life.published())
        life.writes()
        await life.pass_()
        assert life.writes() == []


async def test_at_most_one_generated_key_is_lost_by_a_crash() -> None:
    """A key that never reached the record was never seen by anybody; one that did is used."""
    life = Life()
    await life.begin(ES256)
    life.start_operator(CrashAfter(6))  # five reads, then the POST of the record
    with pytest.raises(Crash):
        await life.pass_()
    recorded = sorted(document["kid"] for document in (await life.keyring()).values() if "kid" in document)
    life.start_operator()
    await life.pass_()
    assert sorted(await life.published()) == recorded
