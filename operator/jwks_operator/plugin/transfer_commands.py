"""`kubectl jwks import` and `export`: keys that move between a set and files, Vault, Keycloak or Hydra."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from jwks_operator.api.names import GROUP, JWKS_KEY, KIND, VERSION, SetRef
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.issuer_import import Asked, Brought, Export, Source, read_issuer_file
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.kube.client import SECRETS
from jwks_operator.kube.errors import AlreadyExists
from jwks_operator.kube.key_export import PRIVATE_KEY, create_import_sources, save_private_keys
from jwks_operator.plugin.arguments import set_argument
from jwks_operator.plugin.bars import short_kid
from jwks_operator.plugin.cluster import ObservedSet, open_cluster
from jwks_operator.plugin.exit_codes import Exit, Failure, not_found_error, refusal_error
from jwks_operator.plugin.getjwks import print_public
from jwks_operator.plugin.options import place_options
from jwks_operator.plugin.output import make_table, message_console, say
from jwks_operator.plugin.place import Place

_RSA = [name for name, row in ALGORITHMS.items() if row.kty == "RSA" and row.key_class is KeyClass.SIGNATURE]


@click.command("import")
@set_argument
@click.argument("file", metavar="FILE")
@place_options
@click.option(
    "--from",
    "source",
    type=click.Choice(["auto", *(each.value for each in Source)]),
    default="auto",
    help="Whose export it is.",
)
@click.option("--entry", default="signing", show_default=True, help="Entry of the set that takes the key in use.")
@click.option("--algorithm", type=click.Choice(_RSA), help="For RSA keys whose source does not say. Default: RS256.")
@click.option("--realm", metavar="NAME", help="Realm to take of a Keycloak export that has several.")
@click.option("--source-name", metavar="NAME", help="Name of Secret and ConfigMap to make. Default: <SET>-import.")
@click.option("--dry-run", is_flag=True, help="Show what would be imported, and make nothing.")
def import_command(place: Place, name: str, file: str, **options: Any) -> int:
    r"""Create the sources from which a set imports the keys of another issuer.

    FILE is a private key in PEM or JWK, a private JWK Set (Ory Hydra: GET /admin/keys/<set>), an export of Vault's
    transit engine (vault read -format=json transit/export/signing-key/<key>), or of a Keycloak realm (kc.sh export).
    The key in use goes into a Secret, all public keys into a ConfigMap; both consent to SET alone. What is printed is
    the manifest of the set that imports them: tokens of the former issuer go on to verify. See docs/migration.md.

    \b
    Examples:
      kubectl jwks import auth key.pem -n shop > auth.yaml
      kubectl jwks import auth realm.json --from keycloak --realm shop -n shop --dry-run
      vault read -format=json transit/export/signing-key/auth | kubectl jwks import auth - -n shop
    """
    chosen = None if options["source"] == "auto" else Source(options["source"])
    try:
        found = read_issuer_file(file, chosen, Asked(options["algorithm"], options["realm"]))
    except OSError as error:
        raise not_found_error(f"{file}: {(error.strerror or 'cannot be read').lower()}; check the path") from None
    except JwkError as error:
        raise refusal_error(f"{file}: {error}") from None
    _show(found)
    if options["dry_run"]:
        say("Dry run: nothing was made.")
        return Exit.DONE
    return asyncio.run(_import(place, name, found.keys, options))


async def _import(place: Place, name: str, brought: tuple[Brought, ...], options: Mapping[str, Any]) -> int:
    source = options["source_name"] or f"{name}-import"
    async with open_cluster(place) as cluster:
        ref = SetRef(cluster.namespace, name)
        there = await cluster.find_set(ref)
        try:
            await create_import_sources(cluster.client, ref, source, brought)
        except AlreadyExists:
            raise refusal_error(
                f"{source} is there already; remove Secret and ConfigMap, or give --source-name"
            ) from None
    entry = _entry(options["entry"], source, brought)
    if there is None:
        message_console().print(
            f"Made Secret and ConfigMap {source}. Apply this set, and see docs/migration.md for the next steps:"
        )
        click.echo(yaml.safe_dump(_manifest(ref, entry), sort_keys=False), nl=False)
    else:
        say(f"Made Secret and ConfigMap {source}. Put this entry into spec.keys of {ref}:")
        click.echo(yaml.safe_dump([entry], sort_keys=False), nl=False)
    say(f"When the set is Ready: kubectl delete secret,configmap {source} -n {ref.namespace}")
    return Exit.DONE


def _entry(name: str, source: str, brought: tuple[Brought, ...]) -> dict[str, Any]:
    public = brought[0].key.public
    entry: dict[str, Any] = {"name": name, "algorithm": public["alg"]}
    if public["kty"] == "RSA":
        entry["modulusLength"] = len(str(public["n"])) * 6 // 8 * 8
    imports = {"secretRef": {"name": source, "key": PRIVATE_KEY}}
    if len(brought) > 1:
        imports["publicRef"] = {"name": source, "key": JWKS_KEY}
    return {**entry, "import": imports}


def _manifest(ref: SetRef, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {"keys": [dict(entry)]},
    }


def _show(found: Export) -> None:
    made = make_table("KID", "ALGORITHM", "SOURCE", "AS")
    for index, each in enumerate(found.keys):
        public = each.key.public
        what = "the key in use" if index == 0 else "public key of former tokens"
        made.add_row(short_kid(str(public["kid"])), str(public["alg"]), each.name, what)
    message_console().print(made)
    for reason in found.left_out:
        say(f"Left out: {reason}.")


@click.command("export")
@set_argument
@place_options
@click.option("--private", is_flag=True, help="The private keys in use, into --file; you are asked.")
@click.option(
    "--file", "path", type=click.Path(dir_okay=False, path_type=Path), help="New file, readable by you alone."
)
@click.option("--format", "form", type=click.Choice(["jwks", "pem"]), default="jwks", show_default=True)
@click.option("--entry", "entries", multiple=True, metavar="ENTRY", help="Only this entry; may be repeated.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
def export_command(place: Place, name: str, **options: Any) -> int:
    r"""Export the keys of a set: the public JWK Set, or with --private the active keys.

    Private keys go into a new file that only you may read, never to the terminal. A private JWK Set is what Ory
    Hydra takes (PUT /admin/keys/<set>), PEM what Vault (transit import) and Keycloak (provider rsa) take. Anyone with
    the file can sign: prefer to move verifiers to the URL of the set, and issuers to its Secret.

    \b
    Examples:
      kubectl jwks export auth -n shop > jwks.json
      kubectl jwks export auth -n shop --private --file keys.jwks
      kubectl jwks export auth -n shop --private --format pem --entry signing --file key.pem --yes
    """
    if not options["private"]:
        return asyncio.run(print_public(place, name, {"form": "json", "entry": None, "kid": None}))
    if options["path"] is None:
        raise click.UsageError("--private needs --file: private keys are not written to a terminal")
    return asyncio.run(_export(place, name, options))


async def _export(place: Place, name: str, options: Mapping[str, Any]) -> int:
    async with open_cluster(place) as cluster:
        seen = await cluster.the_set(name)
        secret = await cluster.client.read(SECRETS, seen.ref.namespace, _secret_name(seen))
    if secret is None:
        raise not_found_error(f"{seen.ref} has no Secret yet; kubectl jwks status {name}")
    entries = options["entries"] or tuple(entry.name for entry in seen.spec.keys) if seen.spec else ()
    say(f"The private keys of {', '.join(entries)} of {seen.ref} will stand in {options['path']}.")
    if not options["yes"]:
        if not sys.stdin.isatty():
            raise Failure("nobody can be asked for confirmation here; give --yes", Exit.USAGE)
        if not click.confirm("Go on?", err=True):
            raise click.Abort
    try:
        kids = save_private_keys(secret, entries, options["path"], options["form"])
    except KeyError as lacking:
        raise not_found_error(f"{seen.ref} has no key in use for entry {lacking.args[0]!r}") from None
    except JwkError as error:
        raise refusal_error(f"{seen.ref}: {error}") from None
    except OSError as error:
        told = (error.strerror or "cannot be written").lower()
        raise refusal_error(f"{options['path']}: {told}; name a file that is not there yet") from None
    say(f"Written: {', '.join(kids)}")
    return Exit.DONE


def _secret_name(seen: ObservedSet) -> str:
    return seen.ref.name if seen.spec is None else seen.spec.secret.name or seen.ref.name
