"""`jwks-operator run OPTIONS…` with one fault inside: `python failing_operator.py cancel|raise OPTIONS…`.

`cancel`: a pass over the set `doomed` cancels the resync, as a task that ends with others may. `raise`: the recorder of
Events fails each time it starts.
"""

import asyncio
import sys
from datetime import datetime

from jwks_operator.api.names import SetRef
from jwks_operator.kube.events import EventRecorder
from jwks_operator.process import run
from jwks_operator.process.app import Closer, Parts
from jwks_operator.reconcile.work_queue import Work

make_reconciler = run.make_reconciler


def make_failing(parts: Parts) -> tuple[Work, Closer]:
    work, close = make_reconciler(parts)

    async def fail(ref: SetRef) -> datetime | None:
        if ref.name == "doomed":
            next(task for task in asyncio.all_tasks() if task.get_name() == "resync").cancel()
        return await work(ref)

    return fail, close


async def fail_at_once(self: EventRecorder) -> None:
    raise RuntimeError("no")


if __name__ == "__main__":
    fault, *options = sys.argv[1:]
    if fault == "cancel":
        run.make_reconciler = make_failing
    else:
        EventRecorder.run = fail_at_once  # type: ignore[method-assign]
    run.run_command(options)
