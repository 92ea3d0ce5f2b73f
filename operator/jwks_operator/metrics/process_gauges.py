"""How the process is doing, as callables that are asked at a scrape: each owner keeps its own values."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from jwks_operator.reconcile.work_queue import Load


@dataclass(frozen=True, slots=True)
class ProcessGauges:
    """Where to ask. A moment or an offset that is not known yet is None; so is a doubt that there is not."""

    load: Callable[[], Load]
    leads: Callable[[], bool]
    clock_doubt: Callable[[], str | None]
    clock_offset: Callable[[], float | None]
    audited: Callable[[], datetime | None]
    missed: Callable[[], int]
    tasks: Callable[[], int]
