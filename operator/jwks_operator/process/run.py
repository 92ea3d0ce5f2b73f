"""`jwks-operator run`: the command line of the operator, and the assembly of the reconciler."""

import asyncio
import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import uvloop

from jwks_operator.api.durations import parse_duration
from jwks_operator.api.shards import parse_shard
from jwks_operator.edges.edge_rules import make_asker
from jwks_operator.keys.generate import KeyFactory
from jwks_operator.kube.endpoint_fetch import HttpFetch
from jwks_operator.kube.endpoints import EndpointAsker
from jwks_operator.kube.errors import NotConfigured
from jwks_operator.kube.lease import Election, Terms, new_identity
from jwks_operator.process import logs
from jwks_operator.process.app import Closer, Options, Parts, run_operator
from jwks_operator.process.edge_options import edge_options, take_edge_rules
from jwks_operator.reconcile.config import ReconcilerConfig
from jwks_operator.reconcile.key_pool import KeyPool
from jwks_operator.reconcile.reconciler import Reconciler
from jwks_operator.reconcile.work_queue import Work
from jwks_operator.tasks import TaskFailed

logger = logging.getLogger(__name__)

LEVELS = ("debug", "info", "warning", "error")
LEASE = "jwks-operator"
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""The file with the namespace of a pod."""


class DurationType(click.ParamType[timedelta]):
    """A duration as in the API: 90s, 15m, 1h30m."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read the text; click shows the message of an error."""
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
        """Return the name if it is valid in a label and in the name of a Lease."""
        try:
            return parse_shard(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = DurationType()


def make_reconciler(parts: Parts) -> tuple[Work, Closer]:
    """Return the work of the queue, and the function that closes its parts."""
    keys = KeyFactory()
    fetch = HttpFetch()
    options = parts.options
    asker = EndpointAsker(parts.client, fetch)
    config = ReconcilerConfig(
        options.deletion_delay,
        not options.namespaces,
        options.shard,
        asker.ask,
        make_asker(options.seen).look,
        parts.refresh_pods,
        parts.event_recorder.record,
    )
    pool = KeyPool(keys, parts.requeue)
    reconciler = Reconciler(parts.client, pool, parts.clock, parts.versions, config)
    reconciler.observers.append(parts.metrics)
    parts.metrics.set_kept_gauge(reconciler.count_kept)
    if parts.board is not None:
        reconciler.observers.append(parts.board)

    async def close() -> None:
        await pool.close()
        await asyncio.gather(keys.close(), fetch.close())

    return reconciler.reconcile, close


def take_election(options: dict[str, Any]) -> Election | None:
    """Remove the options of the election from those of the command line and return the election, or None.

    Raises click.UsageError for terms that contradict each other, or if the namespace of the Lease is unknown.
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
    return Election(namespace, name, new_identity(), terms)


def _own_namespace() -> str | None:
    """Return the namespace of the pod of this process, None outside of a cluster."""
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
    help="Reconcile the sets labelled jwks-operator.dev/shard: NAME. Default: the sets without that label.",
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
    "--resync-interval",
    type=DURATION,
    default="10m",
    show_default=True,
    envvar="JWKS_OPERATOR_RESYNC_INTERVAL",
    show_envvar=True,
    help="How often the resync lists everything, to find what the watches missed.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    envvar="JWKS_OPERATOR_WORKERS",
    show_envvar=True,
    help="How many sets are reconciled at the same time.",
)
@click.option(
    "--leader-elect/--no-leader-elect",
    default=None,
    envvar="JWKS_OPERATOR_LEADER_ELECT",
    show_envvar=True,
    help="One of several replicas leads, the others stand by. Default: yes if the namespace of the Lease is known.",
)
@click.option(
    "--lease-namespace",
    envvar=["JWKS_OPERATOR_LEASE_NAMESPACE", "POD_NAMESPACE"],
    show_envvar=True,
    help="The namespace of the Lease. Default: the namespace of the pod.",
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
    help="How long the other replicas wait for a leader that does not renew its Lease.",
)
@click.option(
    "--lease-renew-deadline",
    type=DURATION,
    default="10s",
    show_default=True,
    envvar="JWKS_OPERATOR_LEASE_RENEW_DEADLINE",
    show_envvar=True,
    help="How long a leader writes that cannot renew its Lease; shorter than the duration.",
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
    help="The address of /healthz, /readyz and /metrics; 0.0.0.0 or :: for probes of the kubelet and Prometheus.",
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
    help="Show all sets and their next transitions at /status of the admin port: read-only, no key material, no login.",
)
@edge_options
@click.option(
    "--pod-refresh/--no-pod-refresh",
    default=False,
    show_default=True,
    envvar="JWKS_OPERATOR_POD_REFRESH",
    show_envvar=True,
    help="Make pods that consent read what they mount at once, as spec.podRefresh says; needs to list and patch pods.",
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
    help="The level of the operator; records of libraries below info are never written.",
)
def run_command(log_format: str, log_level: str, **options: Any) -> None:
    """Run the operator: watch the sets and their objects, and rotate the keys.

    The cluster is found as a pod finds it, else by KUBECONFIG or ~/.kube/config. Ends with 0 on SIGTERM,
    and with 1 and the reason if a task of the process cannot be kept running.
    """
    election = take_election(options)
    seen = take_edge_rules(options)
    logs.install_logging(log_format, logging.getLevelNamesMapping()[log_level.upper()])
    if election is None:
        logger.info("no leader election: no other operator may serve the same namespaces")
    try:
        uvloop.run(run_operator(Options(**options, election=election, seen=seen), make_reconciler))
    except (NotConfigured, TaskFailed) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(
            f"cannot serve the admin port: {error.strerror}; see --admin-host and --admin-port"
        ) from None
