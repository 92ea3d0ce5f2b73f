"""The operator with work that only says what it is asked to do: `WORK namespace/name` on standard output.

Run as a process by test_process.py: `python stub_operator.py PORT NAMESPACE…`, no namespace for all of them.
"""

import logging
import sys
from datetime import datetime, timedelta

import uvloop

from jwks_operator.api.names import SetRef
from jwks_operator.process import logs
from jwks_operator.process.app import Closer, Options, Parts, run_operator
from jwks_operator.reconcile.work_queue import Work


async def work(ref: SetRef) -> datetime | None:
    print(f"WORK {ref}", flush=True)  # noqa: T201 - standard output is what the test reads
    return None


async def close() -> None:
    print("CLOSED", flush=True)  # noqa: T201 - as above


def build(_: Parts) -> tuple[Work, Closer]:
    return work, close


if __name__ == "__main__":
    logs.install_logging("json", logging.DEBUG)
    port, *namespaces = sys.argv[1:]
    options = Options(namespaces=tuple(namespaces), admin_port=int(port), resync_interval=timedelta(hours=1))
    uvloop.run(run_operator(options, build))
