"""One client of the Unix socket, and the user it runs as.

The kernel tells uid and gid at connect() (SO_PEERCRED, unix(7)). The pid is 0 between the containers of a pod, so only
the uid is believed. A user that is not allowed is told so and read no further.
"""

import asyncio
import socket
import struct
from typing import Protocol

from jwks_operator.httpd.connection import Connection, Hub
from jwks_operator.httpd.reply import Reply
from jwks_operator.httpd.request import Request
from jwks_operator.sign.problems import BY_STATUS, Problem, problem_reply


class Gate(Protocol):
    """Decides who may call."""

    def admits(self, uid: int) -> bool:
        """Tell whether the user may sign; a refusal is counted."""
        ...


def peer_uid(sock: socket.socket) -> int:
    """Return the uid of the process that connected. Raises OSError."""
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)


def caller_at(gate: Gate) -> type[Connection]:
    """Return the protocol of connections that pass this gate."""

    class Caller(Connection):
        """A connection that knows its user and answers in problem details."""

        __slots__ = ("_uid",)

        def __init__(self, hub: Hub) -> None:
            super().__init__(hub)
            self._uid = -1

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self._uid = peer_uid(transport.get_extra_info("socket"))
            if not self._closing and not gate.admits(self._uid):
                detail = f"uid {self._uid} may not sign"
                self.refuse(problem_reply(Problem.CALLER, self._hub.date, detail, final=True))

        def reply_to(self, request: Request) -> Reply:
            if request.problem:
                return problem_reply(BY_STATUS[request.problem], self._hub.date, final=True)
            request.uid = self._uid
            return super().reply_to(request)

    return Caller
