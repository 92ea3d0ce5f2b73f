"""A registry on loopback that takes and gives what the OCI distribution specification 1.1 asks of one, in memory."""

import hashlib
import json
import re
import secrets
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

PLACE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>blobs/uploads|blobs|manifests|tags)/(?P<reference>[^/]*)")


class Registry:
    """`with Registry() as registry`: at `registry.host`, without TLS and without accounts."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        """Blobs and manifests by digest."""
        self.tags: dict[tuple[str, str], str] = {}
        """Digest of a manifest by name and tag, or name and digest."""
        self.types: dict[str, str] = {}
        """Media type of a manifest by digest."""
        self.uploads: dict[str, bytes] = {}
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.host = f"127.0.0.1:{self._server.server_port}"

    def put_manifest(self, name: str, reference: str, media_type: str, content: bytes) -> str:
        """Take a manifest; return its digest."""
        digest = self.put_blob(content)
        self.types[digest] = media_type
        self.tags[name, reference] = self.tags[name, digest] = digest
        return digest

    def put_blob(self, content: bytes) -> str:
        """Take a blob; return its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.contents[digest] = content
        return digest

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def __init__(self, registry: Registry) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.registry = registry


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        found = PLACE.fullmatch(urlsplit(self.path).path)
        if found is None:
            self._answer(HTTPStatus.OK if self.path == "/v2/" else HTTPStatus.NOT_FOUND)
        elif found["kind"] == "tags":
            tags = [tag for name, tag in self.server.registry.tags if name == found["name"] and ":" not in tag]
            self._answer(HTTPStatus.OK, body=json.dumps({"name": found["name"], "tags": tags}).encode())
        else:
            manifest = found["kind"] == "manifests"
            reference = found["reference"]
            digest = self.server.registry.tags.get((found["name"], reference), "") if manifest else reference
            self._give(digest)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        session = secrets.token_hex(8)
        self.server.registry.uploads[session] = b""
        self._answer(HTTPStatus.ACCEPTED, {"Location": f"{self.path.rstrip('/')}/{session}"})

    def do_PATCH(self) -> None:
        session = self.path.rpartition("/")[2]
        self.server.registry.uploads[session] += self._read()
        received = f"0-{len(self.server.registry.uploads[session]) - 1}"
        self._answer(HTTPStatus.ACCEPTED, {"Location": self.path, "Range": received})

    def do_PUT(self) -> None:
        parts = urlsplit(self.path)
        found = PLACE.fullmatch(parts.path)
        assert found is not None, self.path
        if found["kind"] == "manifests":
            media_type = self.headers["Content-Type"]
            digest = self.server.registry.put_manifest(found["name"], found["reference"], media_type, self._read())
        else:
            digest = self.server.registry.put_blob(self.server.registry.uploads.pop(found["reference"]) + self._read())
            if [digest] != parse_qs(parts.query)["digest"]:
                return self._answer(HTTPStatus.BAD_REQUEST)
        return self._answer(HTTPStatus.CREATED, {"Location": parts.path, "Docker-Content-Digest": digest})

    def _give(self, digest: str) -> None:
        if digest not in self.server.registry.contents:
            return self._answer(HTTPStatus.NOT_FOUND)
        kind = self.server.registry.types.get(digest, "application/octet-stream")
        headers = {"Content-Type": kind, "Docker-Content-Digest": digest}
        return self._answer(HTTPStatus.OK, headers, self.server.registry.contents[digest])

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: HTTPStatus, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
