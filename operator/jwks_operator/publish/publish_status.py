"""Probes and metrics of the publisher."""

import time
from collections.abc import Iterator, Mapping
from typing import Final

from jwks_operator.httpd.exposition import Family, Sample, write_families
from jwks_operator.httpd.probe_pages import Probe
from jwks_operator.publish.bucket import Cause
from jwks_operator.publish.bucket_documents import list_documents
from jwks_operator.publish.publisher import Publisher

PREFIX: Final = "jwks_publisher"


def build_pages(publisher: Publisher) -> Mapping[str, Probe]:
    """Return /healthz, /readyz and /metrics by path; ready means that the newest good content was read back."""

    def healthz(_: bool) -> tuple[int, str]:
        return 200, "ok\n"

    def readyz(verbose: bool) -> tuple[int, str]:
        ready = publisher.confirmed is not None and publisher.is_published()
        text = explain_state(publisher) if verbose else "ok\n" if ready else "not ready; ask /readyz?verbose\n"
        return (200 if ready else 503), text

    def metrics(_: bool) -> tuple[int, str]:
        return 200, render_metrics(publisher, time.time())

    return {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


def explain_state(publisher: Publisher) -> str:
    """Return what is published and why something is not, one line each."""
    confirmed, shelf = publisher.confirmed, publisher.shelf
    lines = ["[-] nothing is published yet"]
    if confirmed is not None:
        lines = [f"[+] published {confirmed.keys} keys, content {confirmed.etag[:12]}, at {publisher.bucket.url}"]
    if publisher.trouble is not None:
        lines.append(f"[-] the newest content is not published: {publisher.trouble}")
    if shelf.trouble is not None:
        lines.append(f"[-] the ConfigMap is not used: {shelf.trouble}")
    return "\n".join(lines) + "\n"


def render_metrics(publisher: Publisher, now: float) -> str:
    """Return all metrics; `now` is the Unix time."""
    return write_families(PREFIX, _list_families(publisher, now))


def _list_families(publisher: Publisher, now: float) -> Iterator[Family]:
    confirmed, content = publisher.confirmed, publisher.shelf.content
    current = content is not None and publisher.is_published()
    yield "published", "gauge", "1 if the newest good content was read back.", [("", (), current)]
    stale = publisher.shelf.trouble is not None
    yield "set_stale", "gauge", "1 if the ConfigMap is refused, gone or cannot be read.", [("", (), stale)]
    yield "sets_refused_total", "counter", "Contents that must not be published.", [("", (), publisher.shelf.refused)]
    failed: list[Sample] = [("", (("reason", str(cause)),), publisher.failed[cause]) for cause in Cause]
    yield "failures_total", "counter", "Attempts that did not end with all documents read back.", failed
    names = [document.name for document in list_documents(content)] if content else []
    written: list[Sample] = [("", (("document", name),), publisher.written[name]) for name in names]
    yield "documents_written_total", "counter", "Documents written and read back.", written
    requests: list[Sample] = [("", (("method", name),), publisher.bucket.requests[name]) for name in ("GET", "PUT")]
    yield "requests_total", "counter", "Requests to the bucket.", requests
    overwritten: list[Sample] = [("", (), publisher.overwritten)]
    yield "foreign_changes_total", "counter", "Objects that another client had changed or deleted.", overwritten
    if confirmed is not None:
        info: list[Sample] = [("", (("hash", confirmed.etag),), 1)]
        yield "set_info", "gauge", "The SHA-256 of the set that was read back.", info
        yield "set_keys", "gauge", "Keys in the set that was read back.", [("", (), confirmed.keys)]
        age = now - publisher.confirmed_at
        yield "set_age_seconds", "gauge", "Time since the set was read back after its last change.", [("", (), age)]
