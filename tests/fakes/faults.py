"""What can go wrong between a client and the server, one small class for each accident.

A fault looks at calls for which `where` holds, `times` times, and then rests.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

from fakes.apiserver import FakeApiServer
from fakes.status import status
from jwks_operator.kube.client import Call, Object, Reply

Where = Callable[[Call], bool]

_REASONS = {
    401: "Unauthorized", 403: "Forbidden", 409: "Conflict", 410: "Expired", 422: "Invalid", 429: "TooManyRequests",
    500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip


class ConnectionLost(Exception):
    """The client gets no answer; whether the call took effect it cannot know."""


class Crash(BaseException):
    """The client process dies here. A BaseException, so that no handler of the product survives it."""


def anything(_call: Call) -> bool:
    return True


def writes(call: Call) -> bool:
    return call.method != "GET"


def to(plural: str, method: str | None = None) -> Where:
    """Choose calls to one resource, perhaps by one method."""
    return lambda call: f"/{plural}" in call.path and method in {None, call.method}


class Fault:
    """An accident that does not happen. `number` counts the calls of this client from 1."""

    def __init__(self, where: Where = anything, times: int = 1) -> None:
        self.where = where
        self.left = times

    async def before(self, _number: int, _call: Call, _server: FakeApiServer) -> Reply | None:
        """Happen before the call arrives: raise, wait, or answer in the server's place."""
        return None

    async def after(self, _number: int, _call: Call, reply: Reply) -> Reply:
        """Happen after the call took effect: raise, wait, or change the answer."""
        return reply

    def events(self, event: Object) -> list[Object]:
        """Happen to a watch event: what is delivered in its place."""
        return [event]

    def strikes(self, call: Call) -> bool:
        """Tell whether it is this call's turn, and count it."""
        if self.left <= 0 or not self.where(call):
            return False
        self.left -= 1
        return True


class LoseRequest(Fault):
    """The connection breaks before the call arrives."""

    async def before(self, _number: int, _call: Call, _server: FakeApiServer) -> Reply | None:
        raise ConnectionLost


class LoseResponse(Fault):
    """The call takes effect, its answer never arrives."""

    async def after(self, _number: int, _call: Call, _reply: Reply) -> Reply:
        raise ConnectionLost


class Answer(Fault):
    """The server answers an error instead of doing it."""

    def __init__(self, code: int, where: Where = anything, times: int = 1, retry_after: int | None = None) -> None:
        super().__init__(where, times)
        self._code = code
        self._headers = {} if retry_after is None else {"retry-after": str(retry_after)}

    async def before(self, _number: int, _call: Call, _server: FakeApiServer) -> Reply | None:
        return Reply(self._code, self._headers, status(self._code, _REASONS[self._code], "injected"))


class Delay(Fault):
    """The answer takes `seconds`; with `late` the effect is already there meanwhile."""

    def __init__(self, seconds: float, where: Where = anything, times: int = 1, *, late: bool = False) -> None:
        super().__init__(where, times)
        self._seconds = seconds
        self._late = late

    async def before(self, _number: int, _call: Call, _server: FakeApiServer) -> Reply | None:
        await asyncio.sleep(0 if self._late else self._seconds)
        return None

    async def after(self, _number: int, _call: Call, reply: Reply) -> Reply:
        await asyncio.sleep(self._seconds if self._late else 0)
        return reply


class Stuck(Fault):
    """The client gives up on the call, but it is still on its way and lands at `release`."""

    def __init__(self, where: Where = writes, times: int = 1) -> None:
        super().__init__(where, times)
        self.held: list[tuple[Call, FakeApiServer]] = []

    async def before(self, _number: int, call: Call, server: FakeApiServer) -> Reply | None:
        self.held.append((call, server))
        raise ConnectionLost

    def release(self) -> list[Reply]:
        """Let the held calls land now, in their order; return the answers nobody waits for."""
        held, self.held = self.held, []
        return [server.handle(call) for call, server in held]


class CrashBefore(Fault):
    """The client dies right before its n-th call."""

    def __init__(self, nth: int) -> None:
        super().__init__(times=1_000_000)
        self._nth = nth

    async def before(self, number: int, _call: Call, _server: FakeApiServer) -> Reply | None:
        if number >= self._nth:
            raise Crash
        return None


class CrashAfter(CrashBefore):
    """The client dies right after its n-th call took effect, before it sees the answer."""

    async def before(self, number: int, call: Call, server: FakeApiServer) -> Reply | None:
        return await super().before(number - 1, call, server)

    async def after(self, number: int, _call: Call, reply: Reply) -> Reply:
        if number >= self._nth:
            raise Crash
        return reply


class SkewDate(Fault):
    """The server's clock is off by `by`, as far as the Date header tells."""

    def __init__(self, by: timedelta, where: Where = anything, times: int = 1_000_000) -> None:
        super().__init__(where, times)
        self._by = by

    async def after(self, _number: int, _call: Call, reply: Reply) -> Reply:
        if "date" not in reply.headers:  # another fault answered
            return reply
        date = parsedate_to_datetime(reply.headers["date"]) + self._by
        return Reply(reply.status, {**reply.headers, "date": format_datetime(date, usegmt=True)}, reply.body)


class DropEvents(Fault):
    """Watch events get lost."""

    def events(self, _event: Object) -> list[Object]:
        return []


class RepeatEvents(Fault):
    """Watch events come twice."""

    def events(self, event: Object) -> list[Object]:
        return [event, event]


class SwapEvents(Fault):
    """Two neighbouring watch events change places: one is held back until the next has passed."""

    def __init__(self, where: Where = anything, times: int = 2) -> None:
        super().__init__(where, times)
        self._held: Object | None = None

    def events(self, event: Object) -> list[Object]:
        if self._held is None:
            self._held = event
            return []
        held, self._held = self._held, None
        return [event, held]
