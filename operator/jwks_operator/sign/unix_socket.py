"""The socket file: its mode, stale files, a second instance, and its hand-over to a successor.

A client needs write permission on the file to connect (unix(7)), so its mode is set by the umask at bind, not
afterwards. The socket is bound under a name of its own and renamed over what is there: a stale file of a killed signer
is replaced without a moment without a socket. A lock on `<path>.lock`, which the kernel drops with the process, keeps a
second instance from taking the place of a living one.

A successor that is told to take over renames its socket over that of the living signer, which sees that the file is not
its own any more, ends, and so gives up the lock.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BACKLOG: Final = 256
LONGEST: Final = 100
"""Octets of the path; sun_path holds 108, and the temporary name is longer."""


class SocketRefused(Exception):
    """The socket cannot be had; the message is for the user."""


@dataclass(slots=True)
class BoundSocket:
    """A listening socket and the file by which clients find it."""

    sock: socket.socket
    path: Path
    _inode: int
    _lock: int
    locked: bool

    def is_taken_over(self) -> bool:
        """Tell whether the file belongs to another socket by now."""
        try:
            return self.path.stat().st_ino != self._inode
        except OSError:
            return False

    def try_lock(self) -> None:
        """Take the lock of a predecessor if it has ended."""
        if not self.locked:
            self.locked = _take(self._lock)


@contextlib.contextmanager
def bind_unix_socket(path: Path, mode: int, *, take_over: bool = False) -> Iterator[BoundSocket]:
    """Give a bound socket with this mode, and remove its file at the end. Raises SocketRefused.

    With `take_over` a living signer at the path is replaced; the lock then is free only when it has ended.
    """
    if len(os.fsencode(path)) > LONGEST:
        raise SocketRefused(f"{path} is longer than {LONGEST} octets; choose a shorter path")
    with contextlib.ExitStack() as held:
        try:
            lock = held.enter_context(open(f"{path}.lock", "w", encoding="ascii"))
            locked = _take(lock.fileno())
            if not locked and not take_over:
                raise SocketRefused(f"another signer listens on {path}; end it first, or choose another path")
            sock, inode = _bind(path, mode)
        except OSError as error:
            raise SocketRefused(f"cannot listen on {path}: {error.strerror}") from None
        bound = BoundSocket(held.enter_context(sock), path, inode, lock.fileno(), locked)
        yield bound
        if not bound.is_taken_over():
            path.unlink(missing_ok=True)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _bind(path: Path, mode: int) -> tuple[socket.socket, int]:
    """Return a listening socket at the path, and the inode of its file."""
    temporary = Path(f"{path}.new")
    temporary.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777 & ~mode)
    try:
        sock.bind(str(temporary))
        sock.listen(BACKLOG)  # before it has its name: a client that finds the socket can connect
        inode = temporary.stat().st_ino
        os.rename(temporary, path)
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(mask)
    sock.setblocking(False)
    return sock, inode
