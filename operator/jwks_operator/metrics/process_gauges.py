"""Process gauges: callables that return the state of the process at a scrape."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from jwks_operator.reconcile.work_queue import Load


@dataclass(frozen=True, slots=True)
class ProcessGauges:
    """The callables. None: a time or an offset is not known yet, or the clock is trusted."""

    load: Callable[[], Load]
    leads: Callable[[], bool]
    clock_doubt: Callable[[], str | None]
    clock_offset: Callable[[], float | None]
    resynced: Callable[[], datetime | None]
    missed: Callable[[], int]
    tasks: Callable[[], int]
