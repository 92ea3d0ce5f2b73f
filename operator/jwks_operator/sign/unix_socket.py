"""The socket file: its mode, stale files, and a second instance.

A client needs write permission on the file to connect (unix(7)), so its mode is set by the umask at bind, not
afterwards. The socket is bound under a name of its own and renamed over what is there: a stale file of a killed signer
is replaced without a moment without a socket. A lock on `<path>.lock`, which the kernel drops with the process, keeps a
second instance from taking the place of a living one.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

BACKLOG: Final = 256
LONGEST: Final = 100
"""Octets of the path; sun_path holds 108, and the temporary name is longer."""


class SocketRefused(Exception):
    """The socket cannot be had; the message is for the user."""


@contextlib.contextmanager
def bind_unix_socket(path: Path, mode: int) -> Iterator[socket.socket]:
    """Give a bound socket with this mode, and remove its file at the end. Raises SocketRefused."""
    if len(os.fsencode(path)) > LONGEST:
        raise SocketRefused(f"{path} is longer than {LONGEST} octets; choose a shorter path")
    try:
        with open(f"{path}.lock", "w", encoding="ascii") as lock:
            _take(lock.fileno(), path)
            with _bound(path, mode) as sock:
                yield sock
                path.unlink(missing_ok=True)
    except OSError as error:
        raise SocketRefused(f"cannot listen on {path}: {error.strerror}") from None


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SocketRefused(f"another signer listens on {path}; end it first, or choose another path") from None


def _bound(path: Path, mode: int) -> socket.socket:
    temporary = f"{path}.new"
    Path(temporary).unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777 & ~mode)
    try:
        sock.bind(temporary)
        sock.listen(BACKLOG)  # before it has its name: a client that finds the socket can connect
        os.rename(temporary, path)
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(mask)
    sock.setblocking(False)
    return sock
