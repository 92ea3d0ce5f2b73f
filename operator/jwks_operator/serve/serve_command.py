"""`jwks-operator serve`: the command line of the server, and the process around it."""

import asyncio
import logging
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import uvloop

from jwks_operator.httpd.server import Bounds, bind_socket
from jwks_operator.serve.descriptors import allow_connections
from jwks_operator.serve.hints import CAPPED_AGE, JWKS_PATHS, LONGEST_AGE
from jwks_operator.serve.probes import build_admin_pages
from jwks_operator.serve.site import RESERVED
from jwks_operator.serve.supervisor import Supervisor, WorkerFailed, report
from jwks_operator.serve.tls import CertificateRefused
from jwks_operator.serve.worker import AdminPort, Plan, Worker

MOST_CONNECTIONS: Final = 16384
KILL_SECONDS: Final = 3.0
"""How much longer than their drain workers may take before they are killed."""

_log = logging.getLogger(__name__)


class _Named(click.ParamType[tuple[str, str]]):
    """NAME=VALUE; the name is a segment of a path."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, found, rest = str(value).partition("=")
        plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        if not found or not rest or not plain:
            self.fail(f"{value!r} is not NAME=VALUE with a name of letters, digits, - and _", param, ctx)
        if f"/{name}" in RESERVED:
            self.fail(f"{name!r} is the path of a probe; choose another name", param, ctx)
        return name, rest


class _ConfigMap(click.ParamType[tuple[str, str]]):
    """[NAME=]NAMESPACE/NAME."""

    name = "[NAME=]NAMESPACE/NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        text = str(value)
        name, target = _Named().convert(text, param, ctx) if "=" in text else ("", text)
        if len([part for part in target.split("/") if part]) != 2 or target.count("/") != 1:
            self.fail(f"{target!r} is not NAMESPACE/NAME", param, ctx)
        return name, target


_FILE = click.Path(path_type=Path)


@click.command("serve")
@click.option(
    "--file",
    "path",
    type=_FILE,
    help="The mounted ConfigMap directory (its jwks.json is served), or one file in it.",
)
@click.option("--set", "sets", type=_Named(), multiple=True, help="Another set: served below /NAME. NAME=PATH.")
@click.option(
    "--watch-configmap",
    "configmaps",
    type=_ConfigMap(),
    multiple=True,
    help="Follow a ConfigMap through the API instead, for revocations faster than the kubelet.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on. The default is only reachable inside the pod, as by an issuer that the "
    "server is a sidecar of; 0.0.0.0 or :: makes it reachable for a Service.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--tls-cert", type=_FILE, help="Serve HTTPS with this certificate chain (PEM), reloaded when it changes.")
@click.option("--tls-key", type=_FILE, help="The private key of the certificate (PEM).")
@click.option(
    "--admin-port",
    type=click.IntRange(0, 65535),
    help="Serve /healthz, /readyz and /metrics on this port. Without it the first two are on the main port.",
)
@click.option("--admin-host", help="The address of the admin port. [default: that of --host]")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that serve.")
@click.option(
    "--drain",
    type=click.FloatRange(0, 3600),
    default=10.0,
    show_default=True,
    help="Seconds that going down may take after SIGTERM; it ends earlier when nobody asks any more.",
)
@click.option(
    "--longest-max-age",
    type=click.IntRange(1, LONGEST_AGE),
    default=CAPPED_AGE,
    show_default=True,
    help="Seconds that caches are told at most, whatever the mounted zz-serve.json says.",
)
@click.option("--access-log", is_flag=True, help="Write a JSON line for each request to standard output.")
@click.option(
    "--max-connections",
    type=click.IntRange(1, 1_000_000),
    default=MOST_CONNECTIONS,
    show_default=True,
    help="Open connections of one worker; bounded by the file descriptors that the process may have.",
)
@click.option(
    "--max-rate",
    type=click.IntRange(1, 1_000_000),
    default=Bounds().rate,
    show_default=True,
    help="Requests a second on one connection; more have to wait.",
)
@click.option("--idle-timeout", type=click.FloatRange(0.1, 86400), default=75.0, show_default=True, help="Seconds.")
@click.option(
    "--request-timeout",
    type=click.FloatRange(0.1, 3600),
    default=10.0,
    show_default=True,
    help="Seconds from the first octet of a request to its last.",
)
@click.option("--as-worker", is_flag=True, hidden=True, help="Started by a supervisor.")
def serve_command(**options: Any) -> None:
    """Publish mounted JWK Sets over HTTP.

    A set is checked before it is served: one with a private, symmetric, duplicate or malformed key is refused
    and the last good one stays. docs/serving.md says what is served where.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    plan = _plan(options)
    plan = replace(plan, bounds=replace(plan.bounds, connections=allow_connections(plan.bounds.connections)))
    main = _supervise(plan) if plan.workers > 1 else _work(plan, as_worker=options["as_worker"])
    try:
        uvloop.run(main)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {plan.host} port {plan.port}: {error.strerror}") from None
    except (CertificateRefused, WorkerFailed) as failed:
        raise click.ClickException(str(failed)) from None


def _plan(options: dict[str, Any]) -> Plan:
    root = [("", options["path"])] if options["path"] else []
    sets = [*root, *((name, Path(path)) for name, path in options["sets"])]
    names = [name for name, _ in (*sets, *options["configmaps"])]
    if not names:
        raise click.UsageError("what to serve? Give --file, --set or --watch-configmap")
    if len(set(names)) != len(names):
        raise click.UsageError("two sets have the same name")
    if "" in names and len(names) > 1:
        raise click.UsageError("a set without a name is served alone: give each of several sets a name, as NAME=...")
    if bool(options["tls_cert"]) != bool(options["tls_key"]):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    return Plan(
        host=options["host"],
        port=options["port"],
        sets=dict(sets),
        configmaps=dict(options["configmaps"]),
        tls=(options["tls_cert"], options["tls_key"]) if options["tls_cert"] else None,
        admin_host=options["admin_host"] or options["host"],
        admin_port=options["admin_port"],
        workers=options["workers"],
        drain=options["drain"],
        access_log=options["access_log"],
        longest_age=options["longest_max_age"],
        bounds=Bounds(
            connections=options["max_connections"],
            rate=options["max_rate"],
            idle=options["idle_timeout"],
            request=options["request_timeout"],
        ),
    )


async def _work(plan: Plan, *, as_worker: bool) -> None:
    """Serve in this process. Raise OSError if an address cannot be had."""
    stop = stop_on_signals()
    worker = Worker(plan)
    sock = bind_socket(plan.host, plan.port, shared=as_worker)
    admin = None
    if plan.admin_port is not None and not as_worker:
        admin = AdminPort(build_admin_pages(lambda: [worker.snapshot()], 1))
        say_where("admin", *await admin.listen(plan.admin_host, plan.admin_port), tls=False)
    reporting: list[asyncio.Task[None]] = []

    def started() -> None:
        if as_worker:
            reporting.append(asyncio.create_task(report(worker.snapshot, stop)))
        else:
            say_where("listening", *sock.getsockname()[:2], tls=plan.tls is not None)

    await worker.run(sock, stop, started)
    if admin is not None:
        admin.close()
    for task in reporting:
        task.cancel()


async def _supervise(plan: Plan) -> None:
    """Serve in several processes. Raise OSError if an address cannot be had."""
    stop = stop_on_signals()
    with bind_socket(
        plan.host, plan.port, shared=True
    ) as sock:  # bound, not listening: it keeps the port for the workers
        host, port = sock.getsockname()[:2]
        say = partial(say_where, "listening", host, port, tls=plan.tls is not None)
        supervisor = Supervisor(_worker_command(host, port), plan.workers, say)
        admin = AdminPort(build_admin_pages(supervisor.snapshots, plan.workers))
        if plan.admin_port is not None:
            say_where("admin", *await admin.listen(plan.admin_host, plan.admin_port), tls=False)
        try:
            await supervisor.run(stop, plan.drain + KILL_SECONDS)
        finally:
            admin.close()


def _worker_command(host: str, port: int) -> list[str]:
    """Return this command again, as one worker on a known port; of repeated options the last counts."""
    return [sys.executable, "-m", "jwks_operator", *sys.argv[1:], "--workers=1", f"--host={host}", f"--port={port}",
            "--as-worker"]  # fmt: skip


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Anyone who sends it to other servers means "reload"; here sets and certificates reload by themselves.
    loop.add_signal_handler(signal.SIGHUP, _log.info, "SIGHUP: nothing to do, what changes is reloaded by itself")
    return stop


def say_where(what: str, host: str, port: int, *, tls: bool) -> None:
    """Log the URL of a port that was opened."""
    where = f"[{host}]" if ":" in host else host
    path = JWKS_PATHS[0] if what == "listening" else ""
    _log.info("%s on %s://%s:%d%s", what, "https" if tls else "http", where, port, path)
