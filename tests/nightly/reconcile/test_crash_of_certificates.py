"""Killed at any call of a life with a CA, the operator leaves whole certificates."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fakes.faults import Crash, CrashAfter
from jwks_operator.kube.client import SECRETS
from reconcile import authority
from reconcile.certified import BY_CA, LIFE, MINUTE, MONTH, chain_of, files, spec, usable
from reconcile.life import REF, Life

WHOLE_LIFE = (timedelta(0), MINUTE, LIFE * 2 / 3, MINUTE, MONTH, timedelta(minutes=80), timedelta(hours=3))


async def whole_life(life: Life) -> None:
    """Creation, renewal and a rotation, whatever happens in between."""
    for span in WHOLE_LIFE:
        life.time.pass_by(span)
        for _ in range(2):
            try:
                await life.pass_()
            except Crash:
                life.start_operator()
                life.time.pass_by(timedelta(seconds=2))


async def born(written: dict[str, Any]) -> Life:
    life = Life()
    await life.begin(written)
    await life.people.create(SECRETS, REF.namespace, authority.secret())
    return life


async def test_a_crash_at_any_call_leaves_whole_certificates(tmp_path: Path) -> None:
    written = {**spec(BY_CA), "rotation": {"every": "1500h"}}
    life = await born(written)
    await whole_life(life)
    for nth in range(1, len(life.seam.log) + 1):
        life = await born(written)
        life.start_operator(CrashAfter(nth))
        await whole_life(life)
        assert {state: len(kids) for state, kids in (await life.states()).items()} == {"Active": 1, "Pending": 1}
        await _all_valid(life, life.time.now)
        usable(await files(life), tmp_path)
        life.writes()
        await life.pass_()
        assert life.writes() == [], f"call {nth}"


async def _all_valid(life: Life, now: datetime) -> None:
    for kid in await life.published():
        leaf, issuer = await chain_of(life, kid)
        leaf.verify_directly_issued_by(issuer)
        assert leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc
