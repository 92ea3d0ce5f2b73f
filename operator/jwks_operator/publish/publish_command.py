"""`jwks-operator publish`: the command line of the publisher, and the process around it."""

import asyncio
import logging
import re
from typing import Any

import click
import uvloop

from jwks_operator.kube.errors import KubeError
from jwks_operator.kube.transport import connect
from jwks_operator.publish.bucket import Bucket
from jwks_operator.publish.bucket_address import AddressRefused, open_bucket
from jwks_operator.publish.publish_status import build_pages
from jwks_operator.publish.publisher import Publisher
from jwks_operator.serve.configmap import Watched
from jwks_operator.serve.hints import CAPPED_AGE, LONGEST_AGE
from jwks_operator.serve.serve_command import say_where, stop_on_signals
from jwks_operator.serve.shelf import Shelf
from jwks_operator.serve.worker import AdminPort

_TARGET = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?/[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


def _target(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _TARGET.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not NAMESPACE/NAME")
    return value


@click.command("publish")
@click.option(
    "--configmap",
    required=True,
    metavar="NAMESPACE/NAME",
    callback=_target,
    help="The ConfigMap of the set, followed through the API: list and watch of that one are enough.",
)
@click.option(
    "--to",
    required=True,
    metavar="URL",
    help="Where the documents go: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX. The identity is "
    "the platform's, or comes by the environment (docs/buckets.md).",
)
@click.option("--endpoint", metavar="URL", help="The store's API if it is not the cloud's own, as of MinIO.")
@click.option(
    "--take-over",
    is_flag=True,
    help="Replace objects that another writer made. Without it they stay, and nothing is published over them.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 300),
    default=5.0,
    show_default=True,
    help="Seconds that one request to the bucket may take; a failed one is tried again.",
)
@click.option(
    "--longest-max-age",
    type=click.IntRange(1, LONGEST_AGE),
    default=CAPPED_AGE,
    show_default=True,
    help="Seconds that caches are told at most, whatever zz-serve.json says.",
)
@click.option("--admin-host", default="127.0.0.1", show_default=True, help="The address of the admin port.")
@click.option(
    "--admin-port",
    type=click.IntRange(0, 65535),
    default=8081,
    show_default=True,
    help="/healthz, /readyz and /metrics; 0 takes a free one.",
)
def publish_command(**options: Any) -> None:
    """Publish one JWK Set into a bucket of S3, Google Cloud Storage or Azure Blob Storage.

    Each change is checked as by the server, written conditionally, the set before its discovery document, and read
    back. One publisher for each bucket and prefix. docs/buckets.md says what identities and rights it needs.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        bucket = open_bucket(options["to"], options["endpoint"], options["timeout"])
    except AddressRefused as refused:
        raise click.UsageError(str(refused)) from None
    try:
        uvloop.run(_run(bucket, options))
    except OSError as error:
        where = f"{options['admin_host']} port {options['admin_port']}"
        raise click.ClickException(f"cannot listen on {where}: {error.strerror}") from None
    except KubeError as error:
        raise click.ClickException(str(error)) from None


async def _run(bucket: Bucket, options: dict[str, Any]) -> None:
    """Publish until a signal comes. Raise OSError if the admin port cannot be had, KubeError if no cluster is known."""
    stop = stop_on_signals()
    shelf = Shelf(longest_age=options["longest_max_age"])
    publisher = Publisher(shelf, bucket, options["configmap"], take_over=options["take_over"])
    admin = AdminPort(build_pages(publisher))
    transport, close = await connect()
    try:
        say_where("admin", *await admin.listen(options["admin_host"], options["admin_port"]), tls=False)
        async with asyncio.TaskGroup() as tasks:
            publishing = tasks.create_task(publisher.run())
            await Watched(options["configmap"], shelf, transport).run(stop)
            publishing.cancel()
    finally:
        admin.close()
        await close()
