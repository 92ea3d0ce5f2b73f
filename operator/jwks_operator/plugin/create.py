"""`kubectl jwks create`: a JsonWebKeySet from a few facts, written as a manifest or created."""

import asyncio
from typing import Any

import click

from jwks_operator.api.durations import format_duration
from jwks_operator.api.names import GROUP, KIND, VERSION
from jwks_operator.api.parse import SpecError, parse_spec
from jwks_operator.api.reader_row import Reader
from jwks_operator.keys.algorithms import ALGORITHMS
from jwks_operator.kube.client import SETS, Call, Object
from jwks_operator.kube.errors import RequestTarget, error_for
from jwks_operator.kube.user_connection import FIELD_MANAGER
from jwks_operator.plugin.cluster import open_cluster
from jwks_operator.plugin.exit_codes import Exit, Failure
from jwks_operator.plugin.options import SPAN, output_option, place_options
from jwks_operator.plugin.output import say, write_document
from jwks_operator.plugin.place import Place

_FACTS = {"token_lifetime": "tokenLifetime", "cache_max_age": "cacheMaxAge", "verifier_refresh": "verifierRefresh"}


@click.command("create")
@click.argument("name", metavar="SET")
@place_options
@output_option()
@click.option("--algorithm", type=click.Choice(list(ALGORITHMS)), default="ES256", help="JOSE algorithm. [ES256]")
@click.option("--entry", metavar="NAME", default="signing", help="Name of the entry: its files' names. [signing]")
@click.option("--every", type=SPAN, help="How long a key is used, such as 30d.")
@click.option("--token-lifetime", type=SPAN, help="Your longest token, such as 15m.")
@click.option("--cache-max-age", type=SPAN, help="How long clients may cache the set.")
@click.option("--verifier-refresh", type=SPAN, help="Your slowest verifier.")
@click.option("--preset", type=click.Choice([each.value for each in Reader]), help="Your slowest verifier, by name.")
@click.option("--dry-run", type=click.Choice(["none", "client"]), default="none", help="client: only write it.")
def create_command(place: Place, name: str, form: str | None, **options: Any) -> None:
    r"""Make a set with one entry: create it, or write its manifest.

    What is not said has the defaults of `kubectl explain jwks.spec`. A spec that would be refused is refused here,
    with the field and the cure.

    \b
    Examples:
      kubectl jwks create auth --algorithm ES256 --token-lifetime 15m --dry-run=client -o yaml > auth.yaml
      kubectl jwks create auth -n shop --every 30d --preset Istio
    """
    manifest = manifest_of(name, options)
    if place.namespace is not None:
        manifest["metadata"]["namespace"] = place.namespace
    try:
        parse_spec(manifest)
    except SpecError as error:
        raise Failure(f"{name}: {error}", Exit.REFUSED) from None
    if options["dry_run"] == "none":
        manifest = asyncio.run(_create(place, manifest))
    if form is not None:
        write_document(manifest, form)
    else:
        say(f"jsonwebkeyset/{name} created{' (dry run)' if options['dry_run'] == 'client' else ''}")


def manifest_of(name: str, options: dict[str, Any]) -> Object:
    """Return the manifest of a set; `options` are those of the command, spans as timedelta or None."""
    spec: Object = {"keys": [{"name": options["entry"], "algorithm": options["algorithm"]}]}
    if options["every"] is not None:
        spec["rotation"] = {"every": format_duration(options["every"])}
    timing = {
        field: format_duration(options[option]) for option, field in _FACTS.items() if options[option] is not None
    }
    if options["preset"] is not None:
        timing["preset"] = options["preset"]
    if timing:
        spec["timing"] = timing
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": {"name": name}, "spec": spec}


async def _create(place: Place, manifest: Object) -> Object:
    async with open_cluster(place) as cluster:
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        reply = await cluster.way.transport.request(Call("POST", SETS.path(cluster.namespace), query, manifest))
        if reply.status != 201 or reply.body is None:
            asked = RequestTarget("POST", SETS.plural, cluster.namespace, manifest["metadata"]["name"])
            raise error_for(asked, reply.status, reply.body)
        return reply.body
