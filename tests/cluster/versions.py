"""When was an object written? Not before the API server was last asked for its newest version and gave an older one.

Watches tell of a write when their news arrives, and on a busy machine that of one write is later than that of another.
Who measures between two of them needs a bound from below as well.
"""

import contextlib
import http.client
import json
import ssl
import threading
import time
from bisect import bisect_left
from urllib.parse import urlsplit

from controlplane import Access

PAUSE = 0.2
"""Seconds between two questions: how sharp the bound is on a machine that is not busy."""
MOST = 10_000


def connect(plane: Access) -> http.client.HTTPSConnection:
    """Open no connection yet; it is opened by its first use."""
    address = urlsplit(plane.url)
    secure = ssl.create_default_context(cafile=str(plane.ca_file))
    return http.client.HTTPSConnection(f"{address.hostname}:{address.port}", context=secure, timeout=30)


class Versions:
    """Asks the API server for its newest resourceVersion now and then, in a thread of its own."""

    def __init__(self, plane: Access, namespace: str) -> None:
        self._plane = plane
        self._path = f"/api/v1/namespaces/{namespace}/configmaps?limit=1"
        self._asked: list[float] = []
        self._newest: list[int] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def close(self) -> None:
        """Ask no more; what is known stays."""
        self._closed.set()
        self._thread.join()

    def earliest(self, version: int) -> float:
        """Return a moment of `time.time()` before which this version was not written, minus infinity if unknown."""
        with self._lock:
            place = bisect_left(self._newest, version)
            return self._asked[place - 1] if place else float("-inf")

    def _follow(self) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(OSError, ValueError, KeyError, http.client.HTTPException):
                self._ask_on_one_connection()
            self._closed.wait(PAUSE)

    def _ask_on_one_connection(self) -> None:
        headers = {"Authorization": f"Bearer {self._plane.admin_token}"}
        with contextlib.closing(connect(self._plane)) as connection:
            while not self._closed.is_set():
                asked = time.time()
                connection.request("GET", self._path, headers=headers)
                self._remember(asked, int(json.load(connection.getresponse())["metadata"]["resourceVersion"]))
                self._closed.wait(PAUSE)

    def _remember(self, asked: float, newest: int) -> None:
        with self._lock:
            if not self._newest or newest >= self._newest[-1]:
                self._asked.append(asked)
                self._newest.append(newest)
                del self._asked[:-MOST], self._newest[:-MOST]
