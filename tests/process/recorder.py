"""A work queue that only writes down is added."""

from collections.abc import Callable

from jwks_operator.api.names import SetRef
from jwks_operator.reconcile.work_queue import Priority, WorkQueue


class Recorder(WorkQueue):
    """`added` holds each ref that was added, and its priority, in their order; `running` is the test's."""

    def __init__(self) -> None:
        self.added: list[tuple[SetRef, Priority]] = []
        self.running: set[SetRef] = set()

    def add(self, ref: SetRef, priority: Priority = Priority.ROUTINE) -> None:
        self.added.append((ref, priority))

    def is_running(self, ref: SetRef) -> bool:
        return ref in self.running

    def add_if_news(self, ref: SetRef, is_news: Callable[[], bool], priority: Priority = Priority.ROUTINE) -> None:
        if is_news():
            self.add(ref, priority)
