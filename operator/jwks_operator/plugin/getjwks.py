"""`kubectl jwks get-jwks`: the public set, as verifiers get it."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import click
import yaml

from jwks_operator.keys.jwk import parse_public
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.public_pem import is_public_pem, kids_in_pem
from jwks_operator.plugin.arguments import set_argument
from jwks_operator.plugin.cluster import ObservedSet, keys_in, open_cluster
from jwks_operator.plugin.exit_codes import Exit, Failure, not_found_error, refusal_error
from jwks_operator.plugin.options import place_options
from jwks_operator.plugin.place import Place
from jwks_operator.plugin.published import WHOLE_SET, find_document


@click.command("get-jwks")
@set_argument
@place_options
@click.option("-o", "--output", "form", type=click.Choice(["json", "yaml"]), default="json", help="How to write it.")
@click.option("--entry", metavar="ENTRY", help="Only the keys of this entry.")
@click.option("--kid", metavar="KID", help="Only this key.")
@click.option("--document", metavar="NAME", help="A document of spec.publish.documents, instead of the whole set.")
def get_jwks_command(place: Place, name: str, **options: Any) -> int:
    r"""Print the public JWK Set that a set publishes.

    It comes from the ConfigMap, byte for byte; with --entry or --kid, a set of these keys alone. Each is checked to
    be a public key before anything is printed. A document in PEM is printed as it is.

    \b
    Examples:
      kubectl jwks get-jwks auth -n shop > jwks.json
      kubectl jwks get-jwks auth -n shop --entry signing -o yaml
      kubectl jwks get-jwks auth -n shop --document kube
    """
    return asyncio.run(print_public(place, name, options))


def _text_and_keys(seen: ObservedSet, document: str) -> tuple[str, Mapping[str, Mapping[str, Any]]]:
    """The text of a document and its keys by kid; raises Failure if it is not published or holds private keys."""
    text = find_document(seen, document).text if seen.spec is not None else None
    if text is None:
        raise not_found_error(f"{seen.ref} publishes nothing of it yet; kubectl jwks status {seen.ref.name}")
    if "PRIVATE KEY-----" in text:
        raise refusal_error(f"the ConfigMap of {seen.ref} holds what must not be published: a private key in PEM")
    if is_public_pem(text):
        return text, {kid: seen.published[kid] for kid in kids_in_pem(text) if kid in seen.published}
    return text, keys_in(text.encode())


async def print_public(place: Place, name: str, options: Mapping[str, Any]) -> int:
    """Print the published set in this `form`; `entry` and `kid` filter the keys."""
    form, entry, kid = options["form"], options["entry"], options["kid"]
    async with open_cluster(place) as cluster:
        seen = await cluster.the_set(name)
    if seen.hidden:
        raise Failure(f"you may not read the ConfigMap of {seen.ref}; ask for that right", Exit.NO_ACCESS)
    text, published = _text_and_keys(seen, options["document"] or WHOLE_SET)
    of_entry = {key.kid for key in seen.status.keys if entry in {None, key.name}}
    chosen = [key for its, key in published.items() if its in of_entry and kid in {None, its}]
    if not chosen and (entry or kid):
        raise not_found_error(f"{seen.ref} publishes no such key; kubectl jwks status {name} shows entries and kids")
    for key in published.values():
        try:
            parse_public(key)
        except JwkError as error:
            raise refusal_error(f"the ConfigMap of {seen.ref} holds what must not be published: {error}") from None
    if is_public_pem(text) or (form == "json" and entry is None and kid is None):
        click.echo(text, nl=False)
    elif form == "json":
        click.echo(json.dumps({"keys": chosen}, separators=(",", ":")))
    else:
        click.echo(yaml.safe_dump({"keys": [dict(key) for key in chosen]}, sort_keys=False), nl=False)
    return Exit.DONE
