"""`jwks-operator run`: the command line of the operator, and what the work on a set is made from."""

import asyncio
import logging
import os
import secrets
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import uvloop

from jwks_operator.api.durations import parse_duration
from jwks_operator.api.shards import parse_shard
from jwks_operator.keys.generate import KeyFactory
from jwks_operator.kube.endpoint_fetch import HttpFetch
from jwks_operator.kube.endpoints import EndpointAsker
from jwks_operator.kube.errors import NotConfigured
from jwks_operator.kube.lease import Election, Terms
from jwks_operator.process import logs
from jwks_operator.process.app import Closer, Options, Parts, operate
from jwks_operator.reconcile.reconciler import Means, Reconciler
from jwks_operator.reconcile.work_queue import Work
from jwks_operator.tasks import TaskFailed

logger = logging.getLogger(__name__)

LEVELS = ("debug", "info", "warning", "error")
LEASE = "jwks-operator"
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a pod finds the namespace that it runs in."""


class DurationType(click.ParamType[timedelta]):
    """A duration as in the API: 90s, 15m, 1h30m."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read the text; click shows the message of what is wrong."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class ShardType(click.ParamType[str]):
    """The name of a shard."""

    name = "shard"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take it if a label can hold it and a Lease be named after it."""
        try:
            return parse_shard(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = DurationType()


def reconciling(parts: Parts) -> tuple[Work, Closer]:
    """Make the work on one set."""
    keys = KeyFactory()
    fetch = HttpFetch()
    options = parts.options
    asker = EndpointAsker(parts.client, fetch)
    means = Means(options.deletion_delay, not options.namespaces, options.shard, asker.ask, tell=parts.teller.tell)
    reconciler = Reconciler(parts.client, keys, parts.clock, parts.memory, means)
    reconciler.observers.append(parts.metrics)
    if parts.board is not None:
        reconciler.observers.append(parts.board)

    async def close() -> None:
        await asyncio.gather(keys.close(), fetch.close())

    return reconciler.reconcile, close


def election(options: dict[str, Any]) -> Election | None:
    """Take the election's options out of those of the command line; None if there is to be none.

    Raises click.UsageError for terms that do not fit together, or if one is asked for and its place is unknown.
    """
    wanted: bool | None = options.pop("leader_elect")
    namespace: str | None = options.pop("lease_namespace") or _own_namespace()
    name: str = options.pop("lease_name") or "-".join(filter(None, (LEASE, options["shard"])))
    lengths = [options.pop(f"lease_{term}").total_seconds() for term in ("duration", "renew_deadline", "retry_period")]
    try:
        terms = Terms(*lengths)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if wanted and not namespace:
        raise click.UsageError("--leader-elect outside of a cluster needs --lease-namespace")
    if wanted is False or not namespace:
        return None
    return Election(namespace, name, f"{socket.gethostname()}_{secrets.token_hex(4)}", terms)


def _own_namespace() -> str | None:
    """Give the namespace of the pod that this process runs in, None outside of a cluster."""
    if "KUBERNETES_SERVICE_HOST" not in os.environ:
        return None
    try:
        return POD_NAMESPACE.read_text().strip() or None
    except OSError:
        return None


@click.command("run")
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    envvar="JWKS_OPERATOR_NAMESPACE",
    show_envvar=True,
    help="Watch this namespace only; give it several times for several. Default: all namespaces.",
)
@click.option(
    "--shard",
    type=ShardType(),
    metavar="NAME",
    envvar="JWKS_OPERATOR_SHARD",
    show_envvar=True,
    help="Look after the sets labelled jwks-operator.dev/shard: NAME. Default: after those without that label.",
)
@click.option(
    "--deletion-delay",
    type=DURATION,
    default="10m",
    show_default=True,
    envvar="JWKS_OPERATOR_DELETION_DELAY",
    show_envvar=True,
    help="How long the objects of a deleted set stay, in case it comes back.",
)
@click.option(
    "--audit-interval",
    type=DURATION,
    default="10m",
    show_default=True,
    envvar="JWKS_OPERATOR_AUDIT_INTERVAL",
    show_envvar=True,
    help="How often everything is listed, to find what the watches missed.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    envvar="JWKS_OPERATOR_WORKERS",
    show_envvar=True,
    help="How many sets are worked on at once.",
)
@click.option(
    "--leader-elect/--no-leader-elect",
    default=None,
    envvar="JWKS_OPERATOR_LEADER_ELECT",
    show_envvar=True,
    help="Of several replicas let one work and the others stand by. Default: yes if the Lease's namespace is known.",
)
@click.option(
    "--lease-namespace",
    envvar=["JWKS_OPERATOR_LEASE_NAMESPACE", "POD_NAMESPACE"],
    show_envvar=True,
    help="Where the Lease is. Default: the namespace of the pod that this runs in.",
)
@click.option(
    "--lease-name",
    envvar="JWKS_OPERATOR_LEASE_NAME",
    show_envvar=True,
    help="Replicas share a Lease, shards do not. Default: jwks-operator, or jwks-operator-NAME for shard NAME.",
)
@click.option(
    "--lease-duration",
    type=DURATION,
    default="15s",
    show_default=True,
    envvar="JWKS_OPERATOR_LEASE_DURATION",
    show_envvar=True,
    help="How long the others wait for a leader that is not heard of.",
)
@click.option(
    "--lease-renew-deadline",
    type=DURATION,
    default="10s",
    show_default=True,
    envvar="JWKS_OPERATOR_LEASE_RENEW_DEADLINE",
    show_envvar=True,
    help="How long a leader goes on writing that cannot renew its Lease; shorter than the duration.",
)
@click.option(
    "--lease-retry-period",
    type=DURATION,
    default="2s",
    show_default=True,
    envvar="JWKS_OPERATOR_LEASE_RETRY_PERIOD",
    show_envvar=True,
    help="How often a leader renews its Lease.",
)
@click.option(
    "--admin-host",
    default="127.0.0.1",
    show_default=True,
    envvar="JWKS_OPERATOR_ADMIN_HOST",
    show_envvar=True,
    help="Where /healthz, /readyz and /metrics are served; 0.0.0.0 or :: for the kubelet's probes and Prometheus.",
)
@click.option(
    "--admin-port",
    type=click.IntRange(0, 65535),
    default=8081,
    show_default=True,
    envvar="JWKS_OPERATOR_ADMIN_PORT",
    show_envvar=True,
    help="0 takes a free one.",
)
@click.option(
    "--status-page/--no-status-page",
    default=False,
    show_default=True,
    envvar="JWKS_OPERATOR_STATUS_PAGE",
    show_envvar=True,
    help="Show all sets and what comes next at /status of the admin port: read-only, without key material or a login.",
)
@click.option(
    "--log-format",
    type=click.Choice(sorted(logs.FORMATS)),
    default="json",
    show_default=True,
    envvar="JWKS_OPERATOR_LOG_FORMAT",
    show_envvar=True,
    help="One JSON object a line, or text for people.",
)
@click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    default="info",
    show_default=True,
    envvar="JWKS_OPERATOR_LOG_LEVEL",
    show_envvar=True,
    help="For the operator's own records; libraries are never heard below info.",
)
def run_command(log_format: str, log_level: str, **options: Any) -> None:
    """Run the operator: watch the sets and their objects, and rotate the keys.

    The cluster is found as a pod finds it, else by KUBECONFIG or ~/.kube/config. Ends with 0 on SIGTERM,
    and with 1 and the reason if a task of the process cannot be kept running.
    """
    elected = election(options)
    logs.set_up(log_format, logging.getLevelNamesMapping()[log_level.upper()])
    if elected is None:
        logger.info("no leader election: nobody else may work on the same namespaces")
    try:
        uvloop.run(operate(Options(**options, election=elected), reconciling))
    except (NotConfigured, TaskFailed) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(
            f"cannot serve the admin port: {error.strerror}; see --admin-host and --admin-port"
        ) from None
