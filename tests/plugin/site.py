"""A web server for a JWK Set, with the faults that a test gives it."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD = {"Content-Type": "application/jwk-set+json", "Cache-Control": "public, max-age=300", "ETag": '"1"'}


@dataclass
class Site:
    """What is served, anew for each request; headers can be changed at any time."""

    content: Callable[[], bytes]
    headers: Mapping[str, str] = field(default_factory=lambda: dict(GOOD))
    status: int = 200
    url: str = ""


@contextmanager
def served(content: Callable[[], bytes], **faults: object) -> Iterator[Site]:
    """Serve on a free loopback port until the block ends."""
    site = Site(content, **faults)  # type: ignore[arg-type]  # the fields of Site

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = site.headers.get("ETag")
            status = 304 if known is not None and self.headers.get("If-None-Match") == known else site.status
            body = b"" if status == 304 else site.content()
            self.send_response(status)
            for name, value in site.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name for it
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_address[1]}/.well-known/jwks.json"
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
