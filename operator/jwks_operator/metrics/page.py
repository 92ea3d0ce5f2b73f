"""The page that Prometheus scrapes, and the counters behind it.

The client library does the arithmetic of counters and histograms and writes the text. It has a global switch for
`_created` series, which nothing here needs and which would double the counters.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client import disable_created_metrics as no_created_series
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jwks_operator import __version__
from jwks_operator.api.names import SetRef
from jwks_operator.api.reasons import EventReason, Reason
from jwks_operator.core.model.record import RecordedEvent
from jwks_operator.core.planner.causes import Cause
from jwks_operator.core.transitions.transition_table import Transition
from jwks_operator.kube.workloads import WORKLOADS, RestartedWorkload
from jwks_operator.metrics import catalog
from jwks_operator.metrics.catalog import Family, Kind
from jwks_operator.metrics.process_gauges import ProcessGauges
from jwks_operator.metrics.set_gauges import Samples, SetGauges
from jwks_operator.reconcile.observer import ReconcileSnapshot

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

Work = Callable[[SetRef], Awaitable[datetime | None]]

no_created_series()  # type: ignore[no-untyped-call]  # the library has left this one function without types


class Metrics:
    """Counts what happens and renders the page; an observer of the reconciler."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """`now` reads the wall clock (aware)."""
        self._now = now
        self._set_gauges = SetGauges()
        self._process_gauges: ProcessGauges | None = None
        self._count_kept: Callable[[], int] = int
        self._registry = CollectorRegistry()
        self._counters = {family: self._counter(family) for family in catalog.COUNTED if family.kind is Kind.COUNTER}
        self._histograms = {family: self._histogram(family) for family in catalog.COUNTED if family.buckets}
        self._registry.register(_Gauges(self._samples))
        ProcessCollector(registry=self._registry)
        self._begin_at_zero()

    def set_process_gauges(self, gauges: ProcessGauges) -> None:
        """Read the gauges of the process from this object from now on."""
        self._process_gauges = gauges

    def set_kept_gauge(self, count: Callable[[], int]) -> None:
        """Read from here how many sets are gone whose objects are kept because of doubt."""
        self._count_kept = count

    # --- reports of passes ---

    def begin_step(self, ref: SetRef, transition: Transition) -> None:
        """A step starts or continues."""
        self._set_gauges.begin_step(ref, transition, self._now())

    def confirm_step(self, ref: SetRef, events: tuple[RecordedEvent, ...]) -> None:
        """A step is confirmed, with its events."""
        self._set_gauges.end_step(ref)
        for recorded in events:
            self._count(catalog.EVENTS, recorded.event)
            cause = _cause(recorded)
            if cause is not None:
                self._count(catalog.ROTATIONS, cause)

    def show_status(self, ref: SetRef, snapshot: ReconcileSnapshot) -> None:
        """The pass has computed this status."""
        self._set_gauges.show_status(ref, snapshot)

    def report_restarts(self, ref: SetRef, workloads: tuple[RestartedWorkload, ...]) -> None:
        """These workloads were restarted, or could not be."""
        del ref
        for each in workloads:
            self._count(catalog.RESTARTS, each.kind, "asked" if each.trouble is None else "failed")

    def count_pod_refreshes(self, refreshed: int, failed: int) -> None:
        """So many pods were refreshed, and so many could not be."""
        self._counters[catalog.POD_REFRESHES].labels("refreshed").inc(refreshed)
        self._counters[catalog.POD_REFRESHES].labels("failed").inc(failed)

    def report_alarms(self, ref: SetRef, alarms: tuple[RecordedEvent, ...]) -> None:
        """A set needs attention since this pass."""
        del ref
        for alarm in alarms:
            self._count(catalog.ALARMS, alarm.event)

    def forget_set(self, ref: SetRef) -> None:
        """The set does not exist any more."""
        self._set_gauges.forget_set(ref)

    # --- reports of the process ---

    def time_work(self, work: Work, expected: type[Exception]) -> Work:
        """Return the work with its time and failures counted; an error other than `expected` counts as a defect."""

        async def counted(ref: SetRef) -> datetime | None:
            begun = time.perf_counter()
            try:
                when = await work(ref)
            except (Exception, asyncio.CancelledError) as error:
                kind = type(error).__name__ if isinstance(error, expected | asyncio.CancelledError) else "Unexpected"
                self._passed("failed", begun)
                self._count(catalog.FAILURES, kind)
                self._set_gauges.fail_pass(ref, self._now())
                raise
            self._passed("done", begun)
            self._set_gauges.complete_pass(ref)
            return when

        return counted

    def count_request(self, verb: str, resource: str, code: str, seconds: float) -> None:
        """A request to the API server has ended; `code` is `none` without an answer."""
        self._count(catalog.REQUESTS, verb, resource, code)
        self._histograms[catalog.REQUEST_DURATION].labels(verb).observe(seconds)

    def count_watch_request(self, verb: str, resource: str, code: str) -> None:
        """A list or watch request was answered."""
        self._count(catalog.WATCHES, resource, verb, code)

    def find_failing_sets(self) -> dict[SetRef, float]:
        """Return the sets whose passes fail for a minute or more, and since when (Unix time)."""
        return self._set_gauges.find_failing_sets(self._now().timestamp())

    def render_page(self) -> bytes:
        """Return everything in the text format of Prometheus (0.0.4)."""
        return generate_latest(self._registry)

    def _passed(self, result: str, begun: float) -> None:
        self._histograms[catalog.PASSES].labels(result).observe(time.perf_counter() - begun)

    def _samples(self) -> Iterator[Samples]:
        gauges = self._process_gauges
        if gauges is None or gauges.leads():
            yield from self._set_gauges.gauges(self._now().timestamp())
            yield catalog.KEPT, [((), self._count_kept())]
        else:  # the values of a standby replica are from the time when it led
            yield from ((family, []) for family in catalog.SET_FAMILIES)
        if gauges is not None:
            yield from _of_process(gauges)
        yield catalog.BUILD, [((__version__,), 1.0)]

    def _count(self, family: Family, *labels: str) -> None:
        self._counters[family].labels(*labels).inc()

    def _counter(self, family: Family) -> Counter:
        return Counter(family.full_name, family.text, family.label_names, registry=self._registry)

    def _histogram(self, family: Family) -> Histogram:
        return Histogram(
            family.full_name, family.text, family.label_names, registry=self._registry, buckets=family.buckets
        )

    def _begin_at_zero(self) -> None:
        """Create the series at zero: `increase` ignores the first event of a new series."""
        for event in EventReason:
            self._counters[catalog.EVENTS].labels(event.value)
        for cause in Cause:
            if cause.rotates:
                self._counters[catalog.ROTATIONS].labels(cause)
        for reason in Reason:
            self._counters[catalog.ALARMS].labels(reason.value)
        for resource in WORKLOADS:
            for result in ("asked", "failed"):
                self._counters[catalog.RESTARTS].labels(resource.kind, result)
        self.count_pod_refreshes(0, 0)
        for result in ("done", "failed"):
            self._histograms[catalog.PASSES].labels(result)


class _Gauges(Collector):
    """Computes gauges at a scrape for the client library; a family without samples is listed too."""

    def __init__(self, samples: Callable[[], Iterator[Samples]]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        for family, samples in self._samples():
            kinds: Mapping[Kind, type[GaugeMetricFamily | CounterMetricFamily]] = {
                Kind.GAUGE: GaugeMetricFamily,
                Kind.COUNTER: CounterMetricFamily,
            }
            metric = kinds[family.kind](family.full_name, family.text, labels=family.label_names)
            for labels, value in samples:
                metric.add_metric(labels, value)
            yield metric


def _of_process(gauges: ProcessGauges) -> Iterator[Samples]:
    load = gauges.load()
    yield catalog.QUEUE, [(("repair",), load.repair), (("urgent",), load.urgent), (("routine",), load.routine)]
    yield catalog.WAITING, [((), load.retrying)]
    yield catalog.TIMERS, [((), load.timed)]
    yield catalog.WORKERS, [((), load.workers)]
    yield catalog.BUSY, [((), load.busy)]
    yield catalog.TASKS, [((), gauges.tasks())]
    yield catalog.LEADER, [((), float(gauges.leads()))]
    yield catalog.CLOCK_DOUBT, [((), float(gauges.clock_doubt() is not None))]
    offset, resynced = gauges.clock_offset(), gauges.resynced()
    yield catalog.CLOCK_OFFSET, [] if offset is None else [((), offset)]
    yield catalog.RESYNCED, [] if resynced is None else [((), resynced.timestamp())]
    yield catalog.MISSED, [((), gauges.missed())]


def _cause(recorded: RecordedEvent) -> Cause | None:
    """Return why a key replaced another one; None for other events."""
    if recorded.event not in {EventReason.KEY_ACTIVATED, EventReason.KEY_ROLLED_BACK}:
        return None
    cause = Cause.of(recorded.reason)
    return cause if cause is not None and cause.rotates else None
