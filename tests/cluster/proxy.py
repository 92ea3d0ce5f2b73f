"""A cache between the server and those who fetch the set: it keeps the document for as long as it is allowed to."""

import re
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class CachingProxy:
    """Answers every request with the document of `origin`, fetched anew only when its max-age has passed."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._lock = threading.Lock()
        self._document, self._until = b"", 0.0
        self.max_ages: set[float] = set()

        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                document = proxy.document()
                self.send_response(200)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.uri = f"http://127.0.0.1:{self._server.server_port}/jwks.json"

    def document(self) -> bytes:
        """What is in the cache, which may be as old as its max-age."""
        with self._lock:
            if time.monotonic() >= self._until:
                with _DIRECT.open(self._origin, timeout=5) as reply:
                    self._document = reply.read()
                    found = re.search(r"max-age=(\d+)", reply.headers["Cache-Control"])
                assert found is not None
                self.max_ages.add(float(found[1]))
                self._until = time.monotonic() + float(found[1])
            return self._document

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
