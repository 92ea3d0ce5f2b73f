"""A signer that reads its keys only at its start, through rotations: no token of it ever fails if it is restarted."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from jwks_operator.api.durations import format_duration
from jwks_operator.api.names import ANNOTATION_RESTARTED_FOR
from jwks_operator.kube.workloads import DEPLOYMENTS
from reconcile.life import ES256, REF, Life

STEP = timedelta(minutes=10)
TOKEN = timedelta(hours=1)
PROPAGATION = timedelta(minutes=5)
ROLL_OUT = timedelta(hours=2)
SPEC: dict[str, Any] = {**ES256, "rotation": {"every": "6h", "rollbackWindow": "10m"}}
DEPLOYMENT = {
    "metadata": {"name": "issuer", "labels": {"jwks-operator.dev/allow-set": REF.name}},
    "spec": {"template": {"metadata": {"annotations": {}}}},
}


class Signer:
    """One pod of the Deployment: the last one to be rolled out, with the longest way of the Secret to it."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.tokens: list[tuple[datetime, str]] = []
        self._mark: str | None = None
        self._restarts: list[tuple[datetime, str]] = []

    async def live(self, life: Life) -> None:
        now = life.time.now
        template = (await life.read(DEPLOYMENTS, "issuer"))["spec"]["template"]
        mark = template["metadata"]["annotations"].get(ANNOTATION_RESTARTED_FOR)
        if mark != self._mark:
            self._mark = mark
            self._restarts.append((now + PROPAGATION + ROLL_OUT, await life.in_use()))
        due = [kid for time, kid in self._restarts if time <= now]
        self.kid = due[-1] if due else self.kid
        self.tokens.append((now + TOKEN, self.kid))


async def failures(spec: dict[str, Any]) -> int:
    """How many looks at the published set, ten minutes apart, miss the key of a token that is still valid."""
    life = Life()
    await life.begin(spec)
    await life.people.create(DEPLOYMENTS, REF.namespace, DEPLOYMENT)
    await life.pass_()
    signer = Signer(await life.in_use())
    missed = 0
    for _ in range(6 * 30):
        await life.live(STEP)
        published = await life.published()
        missed += any(kid not in published for expires, kid in signer.tokens if expires > life.time.now)
        await signer.live(life)
    assert len({kid for _, kid in signer.tokens}) >= 4 or "secret" not in spec
    return missed


async def test_no_token_of_a_restarted_signer_fails() -> None:
    restart = {"within": format_duration(ROLL_OUT)}
    assert await failures({**SPEC, "secret": {"restart": restart}}) == 0


@pytest.mark.parametrize("spec", [SPEC, {**SPEC, "secret": {"restart": {"within": "1m"}}}], ids=["none", "too short"])
async def test_without_a_restart_or_with_too_short_a_time_for_it_tokens_fail(spec: dict[str, Any]) -> None:
    assert await failures(spec) > 0
