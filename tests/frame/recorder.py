"""A work queue that only writes down is added."""

from collections.abc import Callable

from jwks_operator.api.names import SetRef
from jwks_operator.reconcile.work_queue import WorkQueue


class Recorder(WorkQueue):
    """`added` holds each ref that was added, and whether it was urgent, in their order; `running` is the test's."""

    def __init__(self) -> None:
        self.added: list[tuple[SetRef, bool]] = []
        self.running: set[SetRef] = set()

    def add(self, ref: SetRef, urgent: bool = False) -> None:
        self.added.append((ref, urgent))

    def is_running(self, ref: SetRef) -> bool:
        return ref in self.running

    def add_if_news(self, ref: SetRef, is_news: Callable[[], bool], urgent: bool = False) -> None:
        if is_news():
            self.add(ref, urgent)
