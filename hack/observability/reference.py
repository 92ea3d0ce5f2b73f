"""docs/metrics.md: the metrics from their catalog, the alerts from their file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from jwks_operator.httpd.counters import Stats
from jwks_operator.metrics.catalog import COUNTED, PROCESS_FAMILIES, SET_FAMILIES, Family
from jwks_operator.publish.bucket import Bucket
from jwks_operator.publish.publish_status import render_metrics as publisher_page
from jwks_operator.publish.publisher import Publisher
from jwks_operator.serve.server_metrics import render as server_page
from jwks_operator.serve.shelf import Shelf, content_of
from jwks_operator.serve.stats import SetState, Snapshot

ALERTS = Path(__file__).parents[2] / "helm" / "jwks-operator" / "files" / "alerts.yaml"

_HEAD = """\
# Metrics and alerts

The operator serves its metrics at `/metrics` on the admin port (`--admin-host`, `--admin-port`, by default
127.0.0.1:8081), in the text format of Prometheus. No metric carries key material or a kid.

- A moment is Unix time; `time() - x` is its age and `x - time()` what is left of it.
- Only the leader exports metrics of sets, so queries take `sum`, `min` or `max` over the replicas.
- There is no series for each set, because there may be ten thousand of them, except for those that need attention,
  and of these at most a hundred ([ADR 0012](adr/0012-metric-series-only-for-sets-that-need-attention.md)). The label
  `set` is `namespace/name`, as in the log.
- Rotations, revocations and repairs are counted by the replica that did them: sum over replicas.

This page is generated from the code (`make generate`).
"""

QUERIES = {
    "How long until the next key changes?": "min(jwks_operator_next_transition_timestamp_seconds) - time()",
    "How old is the oldest key in use?": "time() - min(jwks_operator_oldest_active_key_timestamp_seconds)",
    "Which sets need a look, and since when?": (
        "time() - min by (set, reason) (jwks_operator_set_attention_timestamp_seconds)"
    ),
    "How many rotations a day, and why?": "sum by (cause) (increase(jwks_operator_rotations_total[1d]))",
    "How many keys were revoked this week?": 'sum(increase(jwks_operator_events_total{event="KeyRevoked"}[7d]))',
    "Does another client fight the operator?": 'sum(increase(jwks_operator_events_total{event="ObjectRepaired"}[1h]))',
    "Which specs were refused today?": "sum by (reason) (increase(jwks_operator_alarms_total[1d]))",
    "What does the operator write?": (
        'sum by (verb, resource) (rate(jwks_operator_api_requests_total{verb!~"get|list"}[5m]))'
    ),
}


def render() -> str:
    """Return the page."""
    return "\n".join(
        [
            _HEAD,
            "## Sets and keys\n\nGauges of what the passes found, told by the leader alone.\n",
            *_table(SET_FAMILIES),
            "## What happened\n\nCounters and histograms since the process began.\n",
            *_table(COUNTED),
            "## The process\n\nBeside `process_*` of the client library (CPU, memory, open files).\n",
            *_table(PROCESS_FAMILIES),
            "## The JWKS server\n\nAt `/metrics` of `jwks-operator serve` ([serving](serving.md)).\n",
            *_of_page(sample_server_page()),
            "## The publisher\n\nAt `/metrics` of `jwks-operator publish` ([buckets](buckets.md)).\n",
            *_of_page(sample_publisher_page()),
            *_questions(),
            *_alerts(),
        ]
    )


def _table(families: tuple[Family, ...]) -> Iterator[str]:
    yield "| metric | type | labels | meaning |\n|---|---|---|---|"
    for family in families:
        labels = "; ".join(f"`{name}`: {text}" for name, text in family.labels)
        yield f"| `{family.full_name}` | {family.kind} | {_cell(labels)} | {_cell(family.text)} |"
    yield ""


def sample_server_page() -> str:
    """Return a page of the JWKS server on which every family has a sample."""
    state = SetState("auth", loaded=True, etag="0", keys=1)
    return server_page([Snapshot(Stats(codes={200: 1}), (state,), draining=False, rss=1, cpu=1.0)], 1.0)


def sample_publisher_page() -> str:
    """Return a page of the publisher on which every family has a sample."""
    publisher = Publisher(Shelf(), Bucket(None, "s3://keys"), "shop/auth")
    content = content_of({"jwks.json": b'{"keys": []}'}, None, 0.0)
    publisher.shelf.take(content)
    publisher.confirmed = content
    return publisher_page(publisher, 1.0)


def _of_page(text: str) -> Iterator[str]:
    yield "| metric | type | labels | meaning |\n|---|---|---|---|"
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = dict.fromkeys(label for sample in family.samples for label in sample.labels if label != "le")
        told = ", ".join(f"`{label}`" for label in labels)
        yield f"| `{name}` | {family.type} | {told} | {_cell(family.documentation)} |"
    yield ""


def _questions() -> Iterator[str]:
    yield "## Questions and their queries\n\n| question | query |\n|---|---|"
    for question, query in QUERIES.items():
        yield f"| {question} | `{_cell(query)}` |"
    yield ""


def _alerts() -> Iterator[str]:
    yield (
        "## Alerts\n\nThe chart renders them as a PrometheusRule; without the chart, load\n"
        "`helm/jwks-operator/files/alerts.yaml` as a rule file. Each has a section in [the runbooks](runbooks.md).\n"
    )
    yield "| alert | severity | fires when | after |\n|---|---|---|---|"
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield _alert(rule)
    yield ""


def _alert(rule: dict[str, Any]) -> str:
    link = f"[{rule['alert']}]({rule['annotations']['runbook_url'].removeprefix('docs/')})"
    expr = " ".join(rule["expr"].split())
    return f"| {link} | {rule['labels']['severity']} | `{_cell(expr)}` | {rule.get('for', 'at once')} |"


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|")
