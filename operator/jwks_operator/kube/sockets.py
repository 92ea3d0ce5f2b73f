"""Client sockets that never close a descriptor of another connection.

uvloop closes the descriptor of a connection itself and then detaches the Python socket that it came with. There is one
order of events in which it does not detach (uvloop 0.23, `Loop.create_connection(sock=…)`):

1. The server resets the connection right after it was accepted, as a dying API server does.
2. The first write, which for TLS is the ClientHello, fails at once. uvloop notes that the connection is lost, and
   schedules the end of the transport before it schedules the caller's next step.
3. The transport ends and closes the descriptor. Only then `create_connection` attaches the socket to it.

The socket still holds the number of the closed descriptor. When the socket is collected as garbage, its finalizer
closes whatever has that number by then: another connection to the API server, a watch, the listener of the admin port.
uvloop meets such a number again as "File descriptor N is used by transport …". So the sockets made here compare the
inode before they close anything.
"""

import os
import socket
from typing import Any

import aiohttp


class OwnSocket(socket.socket):
    """A socket whose finalizer closes its descriptor only if the descriptor is still its own."""

    def __init__(self, family: int, kind: int, protocol: int, fileno: int | None = None) -> None:
        """Make a new socket, or take over `fileno`, as `socket.dup` wants it. Raises OSError."""
        super().__init__(family, kind, protocol, fileno)
        self._inode = os.fstat(self.fileno()).st_ino

    def __del__(self) -> None:
        if self.fileno() < 0:
            return
        try:
            own = os.fstat(self.fileno()).st_ino == self._inode
        except OSError:
            own = False
        descriptor = self.detach()
        if own:
            os.close(descriptor)


def make_socket(address: Any) -> socket.socket:
    """Make the socket for one address as `getaddrinfo` gives it; aiohttp's `socket_factory`. Raises OSError."""
    family, kind, protocol, _, _ = address
    return OwnSocket(family, kind, protocol)


def make_connector(**options: Any) -> aiohttp.TCPConnector:
    """Make aiohttp's connector with these options and with sockets that close only themselves."""
    return aiohttp.TCPConnector(socket_factory=make_socket, **options)
