"""Completion of names and kids: the sets of the cluster, their entries and keys."""

import asyncio

import click
from click.shell_completion import CompletionItem

from jwks_operator.api.status_model import KeyStatus
from jwks_operator.plugin.cluster import ObservedSet, open_cluster
from jwks_operator.plugin.place import Place

PATIENCE = 2.0
"""Seconds that completion waits for the cluster after Tab."""


def complete_set_names(context: click.Context, _: click.Parameter, text: str) -> list[CompletionItem]:
    """Return the names of the sets in the namespace that the command line names so far; none if that fails."""
    return [CompletionItem(seen.ref.name) for seen in _sets(context) if seen.ref.name.startswith(text)]


def complete_entry_names(context: click.Context, _: click.Parameter, text: str) -> list[CompletionItem]:
    """Return the entries of the set that the command line names."""
    found = {key.name: key.algorithm for key in _keys(context)}
    return [CompletionItem(name, help=algorithm) for name, algorithm in found.items() if name.startswith(text)]


def complete_kids(context: click.Context, _: click.Parameter, text: str) -> list[CompletionItem]:
    """Return the kids of the set that the command line names, with their entry and state."""
    return [
        CompletionItem(key.kid, help=f"{key.name}, {key.state.value}")
        for key in _keys(context)
        if key.kid.startswith(text)
    ]


def _keys(context: click.Context) -> list[KeyStatus]:
    name = context.params.get("name")
    return [key for seen in _sets(context) if seen.ref.name == name for key in seen.status.keys]


def _sets(context: click.Context) -> list[ObservedSet]:
    chosen = context.params
    place = Place(chosen.get("namespace"), chosen.get("context"), chosen.get("kubeconfig"))
    try:
        return asyncio.run(asyncio.wait_for(_of_namespace(place), PATIENCE))
    except (click.ClickException, TimeoutError):
        return []


async def _of_namespace(place: Place) -> list[ObservedSet]:
    async with open_cluster(place) as cluster:
        return await cluster.sets(cluster.namespace)
