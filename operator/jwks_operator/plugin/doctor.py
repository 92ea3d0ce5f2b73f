"""`kubectl jwks doctor`: why does it not work, and what helps? Every finding with its cure."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import click

from jwks_operator.kube.errors import KubeError, NotServed, Refused
from jwks_operator.plugin.cluster import Cluster, ObservedSet, open_cluster
from jwks_operator.plugin.doctor_cluster import (
    check_clocks,
    check_crd,
    check_encryption,
    check_leader,
    check_operator_rights,
    check_shards,
    check_user_rights,
)
from jwks_operator.plugin.doctor_sets import check_field_owners, check_gitops, check_mounts, check_progress
from jwks_operator.plugin.findings import Finding, error_finding, skip_finding, write_report
from jwks_operator.plugin.operators import Operator, find_operator
from jwks_operator.plugin.options import output_option, place_options
from jwks_operator.plugin.place import Place
from jwks_operator.plugin.reader_findings import check_readers


@dataclass(frozen=True, slots=True)
class DoctorScope:
    """The scope of the checks: the cluster, its operator, and the sets of the chosen namespaces."""

    cluster: Cluster
    operator: Operator
    sets: tuple[ObservedSet, ...]


Check = Callable[[DoctorScope], AsyncIterator[Finding]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("crd", lambda it: check_crd(it.cluster)),
    ("leader", lambda it: check_leader(it.cluster, it.operator)),
    ("leader", lambda it: check_shards(it.cluster, it.operator, it.sets)),
    ("rights", lambda it: check_operator_rights(it.cluster, it.operator, it.sets)),
    ("rights", lambda it: check_user_rights(it.cluster)),
    ("clock", lambda it: check_clocks(it.cluster, it.sets)),
    ("sets", lambda it: check_progress(it.cluster, it.sets)),
    ("mounts", lambda it: check_mounts(it.cluster, it.sets)),
    ("readers", lambda it: check_readers(it.sets)),
    ("gitops", lambda it: check_gitops(it.sets)),
    ("gitops", lambda it: check_field_owners(it.cluster, it.sets)),
    ("encryption", lambda it: check_encryption(it.cluster)),
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
    rotation (subPath, environment variables), readers that cannot read what is published, GitOps tools that would take
    requests back, and encryption of Secrets at rest. It changes nothing and reads no Secret. What you may not look at
    is skipped, and told.

    \b
    Examples:
      kubectl jwks doctor -n shop
      kubectl jwks doctor -A --strict
    """
    found = asyncio.run(_examine(place, options["operator_namespace"], everywhere=options["everywhere"]))
    return write_report(found, form, strict=options["strict"])


async def _examine(place: Place, operator_namespace: str | None, *, everywhere: bool) -> list[Finding]:
    async with open_cluster(place) as cluster:
        found: list[Finding] = []
        try:
            sets = await cluster.sets(None if everywhere else cluster.namespace)
            sets = [await cluster.with_published(seen) for seen in sets]
        except NotServed:
            found.append(error_finding("crd", "JsonWebKeySets are not served", "kubectl apply --server-side -f crds/"))
            sets = []
        operator = await find_operator(cluster, operator_namespace)
        patient = DoctorScope(cluster, operator, tuple(sets))
        for name, check in CHECKS:
            found += await _findings(name, check(patient))
        return found


async def _findings(name: str, findings: AsyncIterator[Finding]) -> list[Finding]:
    """Return the findings of one check; a missing right is a finding, and the other checks run."""
    found: list[Finding] = []
    try:
        async for one in findings:
            found.append(one)  # noqa: PERF401  what came before an error counts, too
    except (Refused, NotServed) as denied:
        found.append(skip_finding(name, f"could not be looked at: {denied}", "run it as a user who may"))
    except KubeError as broken:
        found.append(error_finding(name, f"could not be looked at: {broken}", "try again; check the API server"))
    return found
