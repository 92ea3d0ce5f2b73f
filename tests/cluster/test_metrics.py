"""Metrics and log of a running operator on a real API server, scraped and read as people do."""

import json
import socket
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.stage import Stage, open_stage
from controlplane import Access
from jwks_operator.metrics.catalog import CATALOG
from metrics.scrape import Scrape

ES256 = {"keys": [{"name": "signing", "algorithm": "ES256"}]}


class Scraped:
    """A stage whose operator has an admin port that is known."""

    def __init__(self, stage: Stage, port: int) -> None:
        self.stage = stage
        self._url = f"http://127.0.0.1:{port}/metrics"

    def scrape(self) -> Scrape:
        with urllib.request.urlopen(self._url, timeout=10) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            return Scrape(answer.read().decode())

    def until(self, name: str, *labels: str, at_least: float = 1.0) -> Scrape:
        """Wait until a sample is that large."""
        return self.stage.until(
            lambda: page if (page := self.scrape()).value(name, *labels) >= at_least else None, f"{name} {labels}"
        )


@pytest.fixture
def scraped(control_plane: Access, crds: None, tmp_path: Path) -> Iterator[Scraped]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    options = (f"--admin-port={port}", "--log-format=json", "--log-level=info")
    with open_stage(control_plane, tmp_path, "metrics", *options) as stage:
        yield Scraped(stage, port)


def test_a_life_is_seen_in_the_metrics_and_in_the_log(scraped: Scraped) -> None:
    stage = scraped.stage
    stage.create("auth", ES256)
    stage.until_ready("auth")
    page = scraped.until("reconcile_duration_seconds_count", "done")
    assert page.series("keys") == {("Active", "ES256"): 1, ("Pending", "ES256"): 1}
    assert {name for name, _, _ in page.families()} == {family.name for family in CATALOG}
    assert page.value("sets") == page.value("leader") == 1
    assert page.value("next_transition_timestamp_seconds", "Activate") > datetime.now(UTC).timestamp()
    assert page.value("api_requests_total", "create", "secrets", "201") == 2
    assert page.value("api_requests_total", "patch", "jsonwebkeysets/status", "200") >= 1
    for resource in ("secrets", "configmaps"):  # a set may be Ready before everything is watched
        scraped.until("watch_requests_total", resource, "watch", "200")

    first = stage.there("JsonWebKeySet", "auth")["status"]["keys"][0]["kid"]
    asked = f"signing@{datetime.now(UTC).isoformat()}!"
    stage.patch("auth", {"metadata": {"annotations": {"jwks-operator.dev/rotate": asked}}})
    scraped.until("rotations_total", "Emergency")
    stage.patch("auth", {"metadata": {"annotations": {"jwks-operator.dev/revoke": first}}})
    scraped.until("events_total", "KeyRevoked")
    stage.delete("ConfigMap", "auth")
    scraped.until("events_total", "ObjectRepaired")
    stage.patch("auth", {"spec": {"rotation": {"every": "10m"}}})
    page = scraped.until("alarms_total", "IntervalTooShort")
    name = f"{stage.namespace}/auth"
    assert page.value("set_attention_timestamp_seconds", name, "IntervalTooShort") > 0
    assert first not in page.page
    stage.patch("auth", {"spec": {"rotation": None}})
    stage.until(lambda: not scraped.scrape().series("set_attention_timestamp_seconds"), "attention to be over")

    stage.delete("JsonWebKeySet", "auth")
    stage.until(lambda: scraped.scrape().value("sets") == 0, "no set to be counted")
    lines = [json.loads(line) for line in stage.operator.printed.splitlines()]
    told = [line for line in lines if line["logger"] == "jwks_operator.audit_log"]
    events = [line["message"] for line in told]
    assert all(line["set"] == name for line in told)
    assert [(line["message"], line["reason"]) for line in told if line.get("kid") == first] == [
        ("KeyActivated", "Bootstrap"),
        ("KeyRetired", "Emergency"),
        ("KeyRevoked", "Request"),
    ]
    assert {"KeyPublished", "ObjectRepaired"} <= set(events)
    attention = [line for line in lines if line["logger"] == "jwks_operator.attention"]
    assert [(line["level"], line["set"], line.get("reason")) for line in attention] == [
        ("warning", name, "IntervalTooShort"),
        ("info", name, None),
    ]
    assert not [line for line in lines if line["logger"].startswith("kopf")], "kopf speaks only of trouble"
