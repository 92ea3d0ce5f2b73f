"""Which keys were found sound before: a memory of digests, so that a slow proof is made once for each key."""

from threading import Lock


class CheckCache:
    """Digests of the last `most` keys that were found sound; nothing of the keys themselves. For any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._digests: dict[bytes, None] = {}
        self._lock = Lock()

    def __contains__(self, digest: bytes) -> bool:
        with self._lock:
            return digest in self._digests

    def add(self, digest: bytes) -> None:
        """Remember a digest, and forget the one that was added first if there are too many."""
        with self._lock:
            self._digests[digest] = None
            if len(self._digests) > self._most:
                del self._digests[next(iter(self._digests))]
