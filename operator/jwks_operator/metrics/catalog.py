"""The table of all metric families: the exposition and docs/metrics.md are made from it.

Names follow https://prometheus.io/docs/practices/naming/: base units, `_total` for counters, moments as Unix time
in `_timestamp_seconds`, so that a query says `time() - x` and a value does not change while nothing happens.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PREFIX: Final = "jwks_operator_"


class Kind(StrEnum):
    """The metric types of Prometheus in use."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family; `name` is without the prefix and as it is scraped, `labels` maps each label to its meaning."""

    name: str
    kind: Kind
    text: str
    labels: tuple[tuple[str, str], ...] = ()
    buckets: tuple[float, ...] = ()
    leader_only: bool = False

    @property
    def full_name(self) -> str:
        """The name as it is scraped."""
        return PREFIX + self.name

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of its labels."""
        return tuple(name for name, _ in self.labels)


def _of_sets(name: str, text: str, *labels: tuple[str, str]) -> Family:
    return Family(name, Kind.GAUGE, text, labels, leader_only=True)


_ACTION = ("action", "the next transition: `Publish`, `Activate`, `Destroy`, … as in `status.next.action`")
_ATTENTION = ("reason", "a condition's reason, or `StepUnfinished`, `TransitionOverdue`, `PassesFail`")
_RESOURCE = ("resource", "plural, with `/status` for that subresource")

SETS = _of_sets("sets", "JsonWebKeySets that exist.")
CONDITIONS = _of_sets(
    "set_conditions",
    "Sets by condition.",
    ("type", "`Ready`, `Degraded` or `Rotating`"),
    ("status", "`True` or `False`"),
    ("reason", "the condition's reason"),
)
KEYS = _of_sets(
    "keys",
    "Keys of all sets by state.",
    ("state", "`Pending`, `Active` or `Retired`"),
    ("algorithm", "the JOSE algorithm"),
)
NEXT = _of_sets(
    "next_transition_timestamp_seconds", "When the next thing of this kind happens to the first of all sets.", _ACTION
)
OLDEST_ACTIVE = _of_sets(
    "oldest_active_key_timestamp_seconds", "Since when the key is in use that has been in use longest."
)
UNFINISHED = _of_sets(
    "unfinished_steps",
    "Steps that are begun and not confirmed.",
    ("kind", "what the step does, for example `Activate`"),
)
UNFINISHED_SINCE = _of_sets(
    "oldest_unfinished_step_timestamp_seconds",
    "Since when the oldest unfinished step is seen; absent if there is none.",
)
OVERDUE = _of_sets("overdue_transitions", "Sets whose next transition is a minute or more late.", _ACTION)
OVERDUE_SINCE = _of_sets(
    "oldest_overdue_transition_timestamp_seconds",
    "When the transition was due that is overdue longest; absent if there is none.",
)
ATTENTION = _of_sets("sets_needing_attention", "Sets that need attention, each once for every reason.", _ATTENTION)
ATTENTION_SINCE = _of_sets(
    "set_attention_timestamp_seconds",
    "Since when a set needs attention: the hundred that have needed it longest, and no others.",
    ("set", "`namespace/name`, as in the log"),
    _ATTENTION,
)
LAGGING = _of_sets("lagging_endpoints", "Ready endpoints of published sets that do not serve yet what they should.")
KEPT = _of_sets(
    "deletions_in_doubt",
    "Sets that went with their CRD or with most sets: their keys stay for a day, because nobody can tell whether that "
    "was wanted.",
)
UNSEEN = _of_sets(
    "unseen_urls",
    "Public URLs of sets that take longer than stated to show what they should, or that show a revoked key.",
)

EVENTS = Family(
    "events_total",
    Kind.COUNTER,
    "What happened to keys and objects; each is one Event, one line of the audit log and one entry of a history.",
    (("event", "the Event's reason: `KeyRevoked`, `ObjectRepaired`, …"),),
)
ROTATIONS = Family(
    "rotations_total",
    Kind.COUNTER,
    "Keys in use that were replaced; the first key of an entry is none.",
    (("cause", "`Schedule`, `Request`, `Emergency`, `RollBack`, `Revocation`, `KeyLost`, … "),),
)
ALARMS = Family(
    "alarms_total",
    Kind.COUNTER,
    "Sets that became Degraded or changed why: refused specs and requests, conflicts, losses.",
    (("reason", "the condition's reason, for example `InvalidSpec`"),),
)
RESTARTS = Family(
    "restarts_total",
    Kind.COUNTER,
    "Workloads that were asked to restart after an activation.",
    (("kind", "`Deployment`, `StatefulSet` or `DaemonSet`"), ("result", "`asked` or `failed`")),
)
POD_REFRESHES = Family(
    "pod_refreshes_total",
    Kind.COUNTER,
    "Pods whose kubelet was made to write their volumes at once.",
    (("result", "`refreshed`, or `failed`: they follow at the kubelet's own time"),),
)
PASSES = Family(
    "reconcile_duration_seconds",
    Kind.HISTOGRAM,
    "Time of one pass over one set, from the first read to the last write.",
    (("result", "`done` or `failed`"),),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0),
)
FAILURES = Family(
    "reconcile_failures_total",
    Kind.COUNTER,
    "Passes that ended early; the set is looked at again by itself.",
    (("error", "the kind of failure: `Unavailable`, `Conflict`, `Refused`, …; `Unexpected` is a defect"),),
)
REQUESTS = Family(
    "api_requests_total",
    Kind.COUNTER,
    "Requests to the API server, those of the watches excepted.",
    (
        ("verb", "`get`, `list`, `create`, `update`, `patch`, `delete`"),
        _RESOURCE,
        ("code", "the HTTP status, `none` if there was no answer"),
    ),
)
REQUEST_DURATION = Family(
    "api_request_duration_seconds",
    Kind.HISTOGRAM,
    "Time from a request to the API server to its whole answer.",
    (("verb", "as above"),),
    (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
WATCHES = Family(
    "watch_requests_total",
    Kind.COUNTER,
    "Requests of the watches: each `watch` is a restart (about one in five minutes is normal), each `list` a relist.",
    (_RESOURCE, ("verb", "`list` or `watch`"), ("code", "the HTTP status, `none` if there was no answer")),
)

QUEUE = Family(
    "queue_depth",
    Kind.GAUGE,
    "Sets that wait for a worker.",
    (
        (
            "priority",
            "`repair`: a revocation, or an object of a set changed; `urgent`: a set changed; `routine`: a time has "
            "come, or a resync asks",
        ),
    ),
)
WAITING = Family("retries_waiting", Kind.GAUGE, "Sets whose last pass failed and that wait for their next try.")
TIMERS = Family("timers_waiting", Kind.GAUGE, "Sets with a time at which they are looked at again.")
WORKERS = Family("workers", Kind.GAUGE, "Workers: how many sets can be worked on at once.")
BUSY = Family("workers_busy", Kind.GAUGE, "Workers that have a set in hand.")
TASKS = Family(
    "tasks",
    Kind.GAUGE,
    "Tasks of the event loop: a few dozen at rest, more while sets change; a number that only grows is a leak.",
)
LEADER = Family("leader", Kind.GAUGE, "1 if this replica leads, or is alone; 0 if it stands by.")
CLOCK_DOUBT = Family(
    "clock_doubt", Kind.GAUGE, "1 while the clock disagrees with the API server's: no key moves by time."
)
CLOCK_OFFSET = Family("clock_offset_seconds", Kind.GAUGE, "Local clock minus the API server's, to a second.")
RESYNCED = Family("resync_last_success_timestamp_seconds", Kind.GAUGE, "When everything was listed last.")
MISSED = Family(
    "resync_found_total", Kind.COUNTER, "Sets that a resync found changed, whose events the watches missed."
)
BUILD = Family("build_info", Kind.GAUGE, "Always 1.", (("version", "of jwks-operator"),))

SET_FAMILIES: Final = (
    SETS, CONDITIONS, KEYS, NEXT, OLDEST_ACTIVE, UNFINISHED, UNFINISHED_SINCE, OVERDUE, OVERDUE_SINCE, ATTENTION,
    ATTENTION_SINCE, LAGGING, UNSEEN, KEPT,
)  # fmt: skip
COUNTED: Final = (
    EVENTS, ROTATIONS, ALARMS, RESTARTS, POD_REFRESHES, PASSES, FAILURES, REQUESTS, REQUEST_DURATION, WATCHES,
)  # fmt: skip
PROCESS_FAMILIES: Final = (
    QUEUE, WAITING, TIMERS, WORKERS, BUSY, TASKS, LEADER, CLOCK_DOUBT, CLOCK_OFFSET, RESYNCED, MISSED, BUILD,
)  # fmt: skip
CATALOG: Final = (*SET_FAMILIES, *COUNTED, *PROCESS_FAMILIES)
"""Every family of this project; `process_*` beside them is the client library's."""
