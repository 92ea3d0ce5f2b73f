"""What follows a set goes on whatever befalls it, and the server serves meanwhile."""

import asyncio

import pytest

from jwks_operator.serve import worker


@pytest.mark.parametrize("failure", [RuntimeError("used by transport"), KeyError("metadata"), None], ids=repr)
async def test_a_follower_that_fails_or_ends_starts_again(
    failure: Exception | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "RESTART_SECONDS", 0.001)
    starts, third = 0, asyncio.Event()

    async def follow(ended: asyncio.Event) -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            if failure is not None:
                raise failure
            return
        third.set()
        await ended.wait()

    ended = asyncio.Event()
    task = asyncio.create_task(worker._keep(follow, ended))
    await asyncio.wait_for(third.wait(), 5)
    ended.set()
    await asyncio.wait_for(task, 5)
    assert starts == 3
    assert caplog.text.count("starts again") == 2
