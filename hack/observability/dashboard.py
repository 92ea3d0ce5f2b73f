"""The Grafana dashboard, as a table of panels; the JSON is made from it.

Queries about the operator filter by the variables `job` and `namespace` and sum over replicas: only the leader reports
sets. Its servers may run anywhere and are shown all.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

UID: Final = "jwks-operator"
WIDTH: Final = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WHERE = 'job=~"$job",namespace=~"$namespace"'


@dataclass(frozen=True)
class Query:
    """One query of a panel; `%` in the expression stands for the filter by the dashboard's variables."""

    expr: str
    legend: str = ""

    @property
    def text(self) -> str:
        """The query with its filter."""
        return self.expr.replace("%", _WHERE)


@dataclass(frozen=True)
class Panel:
    """One panel: what it shows, how wide and how."""

    title: str
    text: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    red_above: float | None = None


def _stat(title: str, text: str, expr: str, unit: str = "short", red_above: float | None = None) -> Panel:
    return Panel(title, text, [Query(expr)], unit, "stat", 4, red_above)


ROWS: Final[Sequence[tuple[str, Sequence[Panel]]]] = (
    (
        "At a glance",
        (
            _stat("Sets", "JsonWebKeySets that exist.", "sum(jwks_operator_sets{%})"),
            _stat(
                "Need attention",
                "Sets with a reason to look at them; the table below names them.",
                "sum(jwks_operator_sets_needing_attention{%}) or vector(0)",
                red_above=1,
            ),
            _stat(
                "Next transition in",
                "Until the next key of all sets is published, used, retired or removed.",
                "min(jwks_operator_next_transition_timestamp_seconds{%}) - time()",
                "s",
            ),
            _stat(
                "Overdue",
                "Sets whose next transition is a minute or more late.",
                "sum(jwks_operator_overdue_transitions{%}) or vector(0)",
                red_above=1,
            ),
            _stat(
                "Oldest key in use",
                "Age of the key that has been in use longest.",
                "time() - min(jwks_operator_oldest_active_key_timestamp_seconds{%})",
                "s",
            ),
            _stat("Leaders", "Replicas that lead: exactly one.", "sum(jwks_operator_leader{%})", red_above=2),
        ),
    ),
    (
        "Keys",
        (
            Panel(
                "Sets that need attention",
                "Since when, and why; at most a hundred sets are named.",
                [Query("time() - min by (set, reason) (jwks_operator_set_attention_timestamp_seconds{%})")],
                "s",
                "table",
                12,
            ),
            Panel(
                "Keys by state",
                "Pending keys are published and not used yet, retired ones not used any more.",
                [Query("sum by (state) (jwks_operator_keys{%})", "{{state}}")],
                width=12,
            ),
            Panel(
                "Rotations by cause",
                "Keys in use that were replaced.",
                [Query("sum by (cause) (increase(jwks_operator_rotations_total{%}[$__rate_interval]))", "{{cause}}")],
            ),
            Panel(
                "What happened",
                "Events by their reason: revocations, repairs, removals.",
                [Query("sum by (event) (increase(jwks_operator_events_total{%}[$__rate_interval]))", "{{event}}")],
            ),
            Panel(
                "Alarms and conditions",
                "Sets that became Degraded, and sets that are not Ready.",
                [
                    Query("sum by (reason) (increase(jwks_operator_alarms_total{%}[$__rate_interval]))", "{{reason}}"),
                    Query('sum(jwks_operator_set_conditions{%,type="Ready",status="False"})', "not Ready"),
                ],
            ),
            Panel(
                "Unfinished steps",
                "Steps that are begun and not confirmed; longer than seconds is trouble.",
                [
                    Query("sum by (kind) (jwks_operator_unfinished_steps{%})", "{{kind}}"),
                ],
            ),
            Panel(
                "Late",
                "Age of the oldest unfinished step and of the transition that is overdue longest.",
                [
                    Query("time() - min(jwks_operator_oldest_unfinished_step_timestamp_seconds{%})", "step"),
                    Query("time() - min(jwks_operator_oldest_overdue_transition_timestamp_seconds{%})", "transition"),
                ],
                "s",
            ),
            Panel(
                "Consumers",
                "Endpoints and public URLs without a published key, workloads asked to restart, pods refreshed.",
                [
                    Query("sum(jwks_operator_lagging_endpoints{%})", "lagging endpoints"),
                    Query("sum(jwks_operator_unseen_urls{%})", "lagging URLs"),
                    Query(
                        "sum by (result) (increase(jwks_operator_restarts_total{%}[$__rate_interval]))",
                        "restarts {{result}}",
                    ),
                    Query(
                        "sum by (result) (increase(jwks_operator_pod_refreshes_total{%}[$__rate_interval]))",
                        "pod refreshes {{result}}",
                    ),
                ],
            ),
        ),
    ),
    (
        "Work",
        (
            Panel(
                "Time of a pass",
                "From the first read to the last write of one pass over one set.",
                [
                    Query(
                        f"histogram_quantile({q}, sum by (le) "
                        "(rate(jwks_operator_reconcile_duration_seconds_bucket{%}[$__rate_interval])))",
                        f"p{int(q * 100)}",
                    )
                    for q in (0.5, 0.99)
                ],
                "s",
            ),
            Panel(
                "Passes",
                "Ended passes, and why others ended early.",
                [
                    Query(
                        "sum by (result) (rate(jwks_operator_reconcile_duration_seconds_count{%}[$__rate_interval]))",
                        "{{result}}",
                    ),
                    Query(
                        "sum by (error) (rate(jwks_operator_reconcile_failures_total{%}[$__rate_interval]))",
                        "{{error}}",
                    ),
                ],
                "ops",
            ),
            Panel(
                "Work queue",
                "Sets that wait for a worker, for their next try, and workers at work.",
                [
                    Query("sum by (priority) (jwks_operator_queue_depth{%})", "{{priority}}"),
                    Query("sum(jwks_operator_retries_waiting{%})", "retries"),
                    Query("sum(jwks_operator_timers_waiting{%})", "timers"),
                    Query("sum(jwks_operator_workers_busy{%})", "busy workers"),
                    Query("sum(jwks_operator_workers{%})", "workers"),
                ],
            ),
        ),
    ),
    (
        "API server",
        (
            Panel(
                "Requests by code",
                "Requests to the API server, those of the watches excepted.",
                [Query("sum by (code) (rate(jwks_operator_api_requests_total{%}[$__rate_interval]))", "{{code}}")],
                "reqps",
            ),
            Panel(
                "Writes by resource",
                "With nothing due there are none but the Lease's.",
                [
                    Query(
                        'sum by (resource) (rate(jwks_operator_api_requests_total{%,verb!~"get|list"}'
                        "[$__rate_interval]))",
                        "{{resource}}",
                    )
                ],
                "reqps",
            ),
            Panel(
                "Answer time",
                "99th percentile by verb.",
                [
                    Query(
                        "histogram_quantile(0.99, sum by (le, verb) "
                        "(rate(jwks_operator_api_request_duration_seconds_bucket{%}[$__rate_interval])))",
                        "{{verb}}",
                    )
                ],
                "s",
            ),
            Panel(
                "Watches",
                "Restarts and relists; about one watch in five minutes for each kind and replica is normal.",
                [
                    Query(
                        "sum by (resource, verb, code) "
                        "(increase(jwks_operator_watch_requests_total{%}[$__rate_interval]))",
                        "{{verb}} {{resource}} {{code}}",
                    )
                ],
            ),
            Panel(
                "Resyncs",
                "Sets found changed by a resync, and the age of the last complete one.",
                [
                    Query("sum(increase(jwks_operator_resync_found_total{%}[$__rate_interval]))", "found"),
                    Query(
                        "time() - max by (pod) (jwks_operator_resync_last_success_timestamp_seconds{%})", "age {{pod}}"
                    ),
                ],
            ),
            Panel(
                "Clock",
                "Local clock minus the API server's, and whether it is in doubt.",
                [
                    Query("jwks_operator_clock_offset_seconds{%}", "offset {{pod}}"),
                    Query("jwks_operator_clock_doubt{%}", "doubt {{pod}}"),
                ],
                "s",
            ),
        ),
    ),
    (
        "JWKS server",
        (
            Panel(
                "Requests",
                "Answered requests by code; 304 is a client that has the set already.",
                [Query("sum by (code) (rate(jwks_server_requests_total[$__rate_interval]))", "{{code}}")],
                "reqps",
            ),
            Panel(
                "Time to answer",
                "99th percentile, from the last octet read to the reply in the socket.",
                [
                    Query(
                        "histogram_quantile(0.99, sum by (le) "
                        "(rate(jwks_server_request_duration_seconds_bucket[$__rate_interval])))",
                        "p99",
                    )
                ],
                "s",
            ),
            Panel(
                "Served sets",
                "Keys, and whether the newest content is not what is served.",
                [
                    Query("min by (set) (jwks_server_set_keys)", "keys {{set}}"),
                    Query("max by (set) (jwks_server_set_stale)", "stale {{set}}"),
                    Query("sum by (set) (increase(jwks_server_loads_refused_total[$__rate_interval]))", "refused"),
                ],
            ),
        ),
    ),
    (
        "Publisher",
        (
            Panel(
                "Buckets",
                "Keys in the set that was read back, and whether that is the newest one.",
                [
                    Query("min by (pod) (jwks_publisher_set_keys)", "keys {{pod}}"),
                    Query("min by (pod) (jwks_publisher_published)", "newest {{pod}}"),
                ],
            ),
            Panel(
                "Faults of buckets",
                "Attempts that failed, and objects that another client had written.",
                [
                    Query(
                        "sum by (reason) (increase(jwks_publisher_failures_total[$__rate_interval])) > 0", "{{reason}}"
                    ),
                    Query("sum(increase(jwks_publisher_foreign_changes_total[$__rate_interval]))", "foreign"),
                ],
            ),
            Panel(
                "Requests to buckets",
                "None while a set is at rest.",
                [Query("sum by (method) (rate(jwks_publisher_requests_total[$__rate_interval]))", "{{method}}")],
                "reqps",
            ),
        ),
    ),
    (
        "Process",
        (
            Panel(
                "Memory",
                "Resident memory of each replica.",
                [Query("process_resident_memory_bytes{%} and on (pod) jwks_operator_build_info{%}", "{{pod}}")],
                "bytes",
            ),
            Panel(
                "CPU",
                "CPU seconds a second of each replica.",
                [
                    Query(
                        "rate(process_cpu_seconds_total{%}[$__rate_interval]) and on (pod) jwks_operator_build_info{%}",
                        "{{pod}}",
                    )
                ],
            ),
            Panel(
                "Tasks and open files",
                "Of each replica; both rise with work and fall again.",
                [
                    Query("jwks_operator_tasks{%}", "tasks {{pod}}"),
                    Query("process_open_fds{%} and on (pod) jwks_operator_build_info{%}", "files {{pod}}"),
                ],
            ),
        ),
    ),
)


def render() -> str:
    """Return the dashboard's JSON, with a line feed at its end."""
    dashboard = {
        "uid": UID,
        "title": "jwks-operator",
        "description": "Keys, rotations, the operator that carries them out and the servers that publish.",
        "tags": ["jwks-operator", "kubernetes"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "timezone": "utc",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": [_datasource(), *(_variable(name) for name in ("job", "namespace"))]},
        "panels": list(_panels()),
    }
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"


def all_queries() -> Iterator[str]:
    """Give every query as Prometheus gets it, the dashboard's variables filled in."""
    for _, panels in ROWS:
        for panel in panels:
            for query in panel.queries:
                yield query.text.replace("$__rate_interval", "5m").replace("$job", ".+").replace("$namespace", ".+")


def _panels() -> Iterator[dict[str, Any]]:
    y, number = 0, 0
    for title, panels in ROWS:
        number += 1
        yield {
            "id": number, "type": "row", "title": title, "collapsed": False, "panels": [],
            "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y},
        }  # fmt: skip
        y += 1
        x, height = 0, 4 if panels[0].kind == "stat" else 8
        for panel in panels:
            if x + panel.width > WIDTH:
                x, y = 0, y + height
            number += 1
            yield _panel(panel, number, {"h": height, "w": panel.width, "x": x, "y": y})
            x += panel.width
        y += height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "thresholds": _thresholds(panel)}, "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": list(_targets(panel)),
    }
    if panel.kind == "table":
        hidden = {"excludeByName": {"Time": True}, "renameByName": {"Value": "for"}}
        shown["transformations"] = [{"id": "organize", "options": hidden}]
    return shown


def _targets(panel: Panel) -> Iterator[dict[str, Any]]:
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        target: dict[str, Any] = {"refId": letter, "datasource": _SOURCE, "expr": query.text}
        if panel.kind != "timeseries":
            target |= {"instant": True, "range": False}
        if panel.kind == "table":
            target["format"] = "table"
        if query.legend:
            target["legendFormat"] = query.legend
        yield target


def _thresholds(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_above is not None:
        steps.append({"color": "red", "value": panel.red_above})
    return {"mode": "absolute", "steps": steps}


_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "stat": {"colorMode": "value", "graphMode": "none", "reduceOptions": {"calcs": ["lastNotNull"], "values": False}},
    "table": {"showHeader": True, "sortBy": [{"displayName": "for", "desc": True}]},
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
}


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}}


def _variable(name: str) -> dict[str, Any]:
    query = f"label_values(jwks_operator_build_info, {name})"
    return {
        "name": name,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": "variable"},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "allValue": ".+",
        "multi": True,
        "sort": 1,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }
