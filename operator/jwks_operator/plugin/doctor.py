"""`kubectl jwks doctor`: why does it not work, and what helps? Every finding with its cure."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import click

from jwks_operator.kube.errors import KubeError, NotServed, Refused
from jwks_operator.plugin.cluster import Cluster, SeenSet, opened
from jwks_operator.plugin.doctor_cluster import clock, crd, encryption, leader, my_rights, operator_rights, shards
from jwks_operator.plugin.doctor_sets import gitops, mounts, progress, tracked
from jwks_operator.plugin.findings import Finding, error, report, skipped
from jwks_operator.plugin.operators import Operator, find_operator
from jwks_operator.plugin.options import Place, output_option, place_options


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined: the cluster, its operator, and the sets of the chosen namespaces."""

    cluster: Cluster
    operator: Operator
    sets: tuple[SeenSet, ...]


Check = Callable[[Patient], AsyncIterator[Finding]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("crd", lambda it: crd(it.cluster)),
    ("leader", lambda it: leader(it.cluster, it.operator)),
    ("leader", lambda it: shards(it.cluster, it.operator, it.sets)),
    ("rights", lambda it: operator_rights(it.cluster, it.operator, it.sets)),
    ("rights", lambda it: my_rights(it.cluster)),
    ("clock", lambda it: clock(it.cluster, it.sets)),
    ("sets", lambda it: progress(it.cluster, it.sets)),
    ("mounts", lambda it: mounts(it.cluster, it.sets)),
    ("gitops", lambda it: gitops(it.sets)),
    ("gitops", lambda it: tracked(it.cluster, it.sets)),
    ("encryption", lambda it: encryption(it.cluster)),
)


@click.command("doctor")
@place_options
@output_option()
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Examine the sets of all namespaces.")
@click.option("--operator-namespace", metavar="NAME", help="Where the operator runs. Default: where its Lease is.")
@click.option("--strict", is_flag=True, help="Warnings end with exit code 1, too.")
def doctor_command(place: Place, form: str | None, **options: Any) -> int:
    r"""Find out why something does not work: each finding with its cure.

    Looks at the CRD, the operator's Lease and rights, sets that lag or are stuck, clocks, mounts that never see a
    rotation (subPath, environment variables), GitOps tools that would take requests back, and encryption of Secrets
    at rest. It changes nothing and reads no Secret. What you may not look at is skipped, and told.

    \b
    Examples:
      kubectl jwks doctor -n shop
      kubectl jwks doctor -A --strict
    """
    found = asyncio.run(_examine(place, options["operator_namespace"], everywhere=options["everywhere"]))
    return report(found, form, strict=options["strict"])


async def _examine(place: Place, operator_namespace: str | None, *, everywhere: bool) -> list[Finding]:
    async with opened(place) as cluster:
        found: list[Finding] = []
        try:
            sets = await cluster.sets(None if everywhere else cluster.namespace)
            sets = [await cluster.with_published(seen) for seen in sets]
        except NotServed:
            found.append(error("crd", "JsonWebKeySets are not served", "kubectl apply --server-side -f crds/"))
            sets = []
        operator = await find_operator(cluster, operator_namespace)
        patient = Patient(cluster, operator, tuple(sets))
        for name, check in CHECKS:
            found += await _findings(name, check(patient))
        return found


async def _findings(name: str, findings: AsyncIterator[Finding]) -> list[Finding]:
    """What one check finds; what it may not look at is told, and the others go on."""
    found: list[Finding] = []
    try:
        async for one in findings:
            found.append(one)  # noqa: PERF401  what came before an error counts, too
    except (Refused, NotServed) as denied:
        found.append(skipped(name, f"could not be looked at: {denied}", "run it as somebody who may"))
    except KubeError as broken:
        found.append(error(name, f"could not be looked at: {broken}", "try again; check the API server"))
    return found
