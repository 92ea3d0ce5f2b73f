"""An agenda that only writes down what is put."""

from collections.abc import Callable

from jwks_operator.api.names import SetRef
from jwks_operator.reconcile.work_queue import Agenda


class Recorder(Agenda):
    """`put_refs` holds each ref that was put, and whether it was urgent, in their order; `running` is the test's."""

    def __init__(self) -> None:
        self.put_refs: list[tuple[SetRef, bool]] = []
        self.running: set[SetRef] = set()

    def put(self, ref: SetRef, urgent: bool = False) -> None:
        self.put_refs.append((ref, urgent))

    def is_running(self, ref: SetRef) -> bool:
        return ref in self.running

    def hear(self, ref: SetRef, is_news: Callable[[], bool], urgent: bool = False) -> None:
        if is_news():
            self.put(ref, urgent)
