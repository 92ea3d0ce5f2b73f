"""`kubectl jwks version`: this plugin, the CRD and the operators of a cluster, and whether they go together."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click

from jwks_operator import __version__
from jwks_operator.api.names import VERSION
from jwks_operator.plugin.cluster import open_cluster
from jwks_operator.plugin.installed import Definition, Running, find_definition, find_operators
from jwks_operator.plugin.options import output_option, place_options
from jwks_operator.plugin.output import make_table, result_console, write_document
from jwks_operator.plugin.place import Place


@dataclass(frozen=True, slots=True)
class Versions:
    """What a cluster has; `operators` is None if Deployments may not be listed."""

    definition: Definition
    operators: Sequence[Running] | None


@click.command("version")
@place_options
@output_option()
@click.option("--client", "client_only", is_flag=True, help="The version of this plugin alone; asks no cluster.")
def version_command(place: Place, form: str | None, *, client_only: bool) -> None:
    r"""Show the versions of this plugin, the CRD and the operators, and whether they go together.

    \b
    Examples:
      kubectl jwks version
      kubectl jwks version --client -o json
    """
    if form is None:
        result_console().print(f"client     {__version__}")
    found = None if client_only else asyncio.run(_look(place))
    if form is not None:
        write_document(_for_programs(found), form)
    elif found is not None:
        _show(found)


async def _look(place: Place) -> Versions:
    async with open_cluster(place) as cluster:
        return Versions(await find_definition(cluster), await find_operators(cluster))


def version_skew(client: str, found: Versions) -> Iterator[str]:
    """Yield each reason why client, CRD and operators do not go together, with its cure."""
    if found.definition.served and not found.definition.same_fields:
        yield "the CRD has other fields than this plugin knows; install CRD, operator and plugin of one version"
    for each in found.operators or ():
        if _minor(each.version) != _minor(client):
            yield (
                f"operator {each.namespace}/{each.name} is {each.version}, this plugin is {client}; "
                "plans of another version may differ: pip install the operator's version of the plugin"
            )


def _minor(version: str) -> list[str]:
    """Return what two versions share that go together: major and minor."""
    return version.split(".")[:2]


def _show(found: Versions) -> None:
    out = result_console()
    out.print(f"crd        {_of_definition(found.definition)}")
    if found.operators is None:
        out.print("operators  unknown: you may not list Deployments")
    elif not found.operators:
        out.print("operators  none found")
    else:
        rows = make_table("OPERATOR", "VERSION", "READY", "IMAGE")
        for each in found.operators:
            rows.add_row(f"{each.namespace}/{each.name}", each.version, f"{each.ready}/{each.wanted}", each.image)
        out.print(rows)
    for reason in version_skew(__version__, found):
        out.print(f"skew       {reason}")


def _of_definition(definition: Definition) -> str:
    if definition.served is None:
        return "unknown: you may not read CustomResourceDefinitions"
    if not definition.served:
        return f"{VERSION} is not served"
    return f"{VERSION}, {'of this version' if definition.same_fields else 'of another version'}"


def _for_programs(found: Versions | None) -> dict[str, Any]:
    told: dict[str, Any] = {"client": __version__}
    if found is None:
        return told
    definition = {"version": VERSION, "served": found.definition.served, "sameFields": found.definition.same_fields}
    operators = None if found.operators is None else [asdict(each) for each in found.operators]
    return {**told, "crd": definition, "operators": operators, "skew": list(version_skew(__version__, found))}
