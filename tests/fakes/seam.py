"""A client's way to the fake server: its log of calls and the faults on it.

Each client has a seam of its own, so that one replica can crash while another lives, and a test's own calls
are neither counted nor hurt.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from fakes.apiserver import FakeApiServer
from fakes.faults import ConnectionLost, Fault, writes
from jwks_operator.kube.client import Call, Object, Reply
from jwks_operator.kube.errors import Unavailable


class Seam:
    """`log` holds every call in its order, `faults` may be changed at any time."""

    def __init__(self, server: FakeApiServer, faults: Iterable[Fault] = ()) -> None:
        self.server = server
        self.faults = list(faults)
        self.log: list[Call] = []

    @property
    def writes(self) -> list[Call]:
        """The calls that were not reads."""
        return [call for call in self.log if writes(call)]

    async def exchange(self, call: Call) -> Reply:
        """Pass a call through the faults to the server and back; ConnectionLost or Crash as they will."""
        self.log.append(call)
        number = len(self.log)
        striking = [fault for fault in self.faults if fault.strikes(call)]
        reply = None
        for fault in striking:
            reply = reply or await fault.before(number, call, self.server)
        reply = reply or self.server.handle(call)
        for fault in striking:
            reply = await fault.after(number, call, reply)
        return reply

    async def events(self, call: Call) -> AsyncGenerator[Object, None]:
        """Pass a watch through; each event meets the faults whose turn it is."""
        self.log.append(call)
        async with aclosing(self.server.watch(call)) as watched:
            async for event in watched:
                events = [event]
                for fault in self.faults:
                    if fault.strikes(call):
                        events = [changed for each in events for changed in fault.events(each)]
                for each in events:
                    yield each


class FakeTransport(Seam):
    """The production `Transport` in memory: no sockets, no threads, no time but the server's clock."""

    async def request(self, call: Call) -> Reply:
        """Answer as the server would; `Unavailable` when a fault cuts the line."""
        try:
            return await self.exchange(call)
        except ConnectionLost:
            raise Unavailable(f"{call.method} {call.path}: connection lost") from None

    def stream(self, call: Call) -> AsyncGenerator[Object, None]:
        """Watch; ends when the server ends it."""
        return self.events(call)
