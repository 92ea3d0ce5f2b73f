"""The gRPC server: connections, deadlines, counters, and an end that no call notices."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from time import perf_counter
from typing import Final

from jwks_operator.httpd.counters import Stats
from jwks_operator.service_accounts.grpc_connection import CallRefused, GrpcConnection, Status

CONNECTIONS: Final = 64
CALL_SECONDS: Final = 10.0
"""For one request from its first octet to its last, and for a new connection until it is one of HTTP/2."""
WRITE_SECONDS: Final = 10.0
"""For a client that does not read."""
SWEEP_SECONDS: Final = 1.0

Call = Callable[[bytes, bytes, int], bytes]
"""Carries out a call by path, message and uid of the caller; raises CallRefused."""


class GrpcServer:
    """Serves calls on one socket; `stats.codes` counts gRPC status codes."""

    def __init__(self, call: Call, admits: Callable[[int], bool], sweep: Callable[[], None]) -> None:
        self.stats = Stats()
        self.draining = False
        self._call = call
        self._admits = admits
        self._sweep = sweep
        self._connections: set[GrpcConnection] = set()
        self._empty = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle
        self._tick()

    async def listen(self, sock: socket.socket) -> None:
        """Accept connections on a bound socket. Raises OSError."""
        self._listener = await self._loop.create_unix_server(lambda: GrpcConnection(self), sock=sock)

    async def drain(self, limit: float) -> None:
        """Accept nothing more, ask each client to close behind its open calls, and end what is left at the limit."""
        self.draining = True
        if self._listener is not None:
            self._listener.close()
        await asyncio.sleep(0)  # connections that were accepted just now begin
        for connection in list(self._connections):
            connection.finish()
        with contextlib.suppress(TimeoutError):
            if self._connections:
                self._empty.clear()
                await asyncio.wait_for(self._empty.wait(), limit)
        self._timer.cancel()
        for connection in list(self._connections):
            connection.abort()

    def is_full(self) -> bool:
        """Tell whether there are as many connections that may not call as may."""
        return len(self._connections) >= 2 * CONNECTIONS

    def enter(self, connection: GrpcConnection) -> None:
        """Register a connection; raises CallRefused if it may not call."""
        full = len(self._connections) >= CONNECTIONS
        self._connections.add(connection)
        self.stats.connections = len(self._connections)
        if not self._admits(connection.uid):
            raise CallRefused(Status.PERMISSION_DENIED, f"uid {connection.uid} may not call; see --allow-uid")
        if full:
            self.stats.rejected += 1
            raise CallRefused(Status.RESOURCE_EXHAUSTED, f"there are more than {CONNECTIONS} connections")
        self.stats.accepted += 1

    def leave(self, connection: GrpcConnection) -> None:
        """Forget a connection that has ended."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
        self.stats.connections = len(self._connections)

    def call(self, path: bytes, message: bytes, uid: int) -> bytes:
        """Carry out a call and count it."""
        began = perf_counter()
        status = Status.OK
        try:
            return self._call(path, message, uid)
        except CallRefused as refused:
            status = refused.status
            raise
        finally:
            self.stats.answered(status, perf_counter() - began)

    def _tick(self) -> None:
        """Set the deadlines that begin now, and sweep."""
        self._timer = self._loop.call_later(SWEEP_SECONDS, self._tick)
        now = self._loop.time()
        self.call_until = now + CALL_SECONDS
        self.write_until = now + WRITE_SECONDS
        self._sweep()
        for connection in list(self._connections):
            connection.sweep(now)
