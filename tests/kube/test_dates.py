"""The Date of an answer says something about the clock only if the answer did not wait for this process."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from jwks_operator.kube import client as module
from jwks_operator.kube.client import Call, Client, Reply
from jwks_operator.kube.resources import SECRETS


class Stopped:
    """A transport whose answers took so long, by the monotonic clock, and are so old, by their Date."""

    def __init__(self, took: float, late: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self._took, self._late, self._now = took, late, 1000.0
        monkeypatch.setattr(module, "monotonic", lambda: self._now)

    async def request(self, _: Call) -> Reply:
        self._now += self._took
        date = format_datetime(datetime.now(UTC) - timedelta(seconds=self._late), usegmt=True)
        return Reply(200, {"date": date}, {"kind": "Secret"})

    def stream(self, call: Call) -> object:
        raise NotImplementedError(call)


@pytest.mark.parametrize(
    ("took", "late", "heard"),
    [
        pytest.param(0.1, 0.0, True, id="prompt"),
        pytest.param(0.1, 60.0, True, id="prompt, and the clock is wrong"),
        pytest.param(60.0, 58.0, False, id="stopped with the answer on its way"),
        pytest.param(60.0, 20.0, False, id="stopped before the request was sent"),
        pytest.param(60.0, 0.0, True, id="a slow server"),
        pytest.param(60.0, -90.0, True, id="a slow server, and the clock is behind"),
        pytest.param(60.0, 600.0, True, id="stopped, and the clock is wrong beside that"),
    ],
)
async def test_a_stopped_process_does_not_blame_the_clock(
    took: float, late: float, *, heard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dates: list[datetime] = []
    client = Client(Stopped(took, late, monkeypatch), dates.append)  # type: ignore[arg-type]
    await client.read(SECRETS, "shop", "auth")
    assert len(dates) == heard
