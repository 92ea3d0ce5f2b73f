"""A cache of digests of keys that passed their check, so that a slow check runs once for each key."""

from threading import Lock


class CheckCache:
    """Digests of the last `most` keys that passed, without any part of the keys. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._digests: dict[bytes, None] = {}
        self._lock = Lock()

    def __contains__(self, digest: bytes) -> bool:
        with self._lock:
            return digest in self._digests

    def add(self, digest: bytes) -> None:
        """Add a digest; remove the oldest one if there are too many."""
        with self._lock:
            self._digests[digest] = None
            if len(self._digests) > self._most:
                del self._digests[next(iter(self._digests))]
