"""Restarts workloads that read their keys only at the start, after those keys have changed.

Only workloads that consent by a label are changed, and only one annotation of their pod template; the controller then
starts a roll-out by its own strategy. The value of the annotation identifies the content of the Secret: a workload that
has it already is not changed. A failure is reported and never raised, except for the loss of the Lease: a rotation does
not wait for a restart.
"""

from dataclasses import dataclass

from jwks_operator.api.names import ANNOTATION_RESTARTED_FOR, LABEL_ALLOW_SET, SetRef
from jwks_operator.api.reasons import Reason
from jwks_operator.core.model.record import Record
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.kube.client import Client, Object, Resource
from jwks_operator.kube.errors import Conflict, KubeError, Missing, NotLeading

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet")
WORKLOADS = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS)

TRIES = 3
"""Attempts for workloads that changed between read and write; their status changes often."""


@dataclass(frozen=True, slots=True)
class RestartedWorkload:
    """One workload and, in `trouble`, why it was not restarted; without a name: why none of the kind was."""

    kind: str
    name: str = ""
    trouble: str | None = None

    def __str__(self) -> str:
        """Return kind and name."""
        return f"{self.kind} {self.name}" if self.name else f"{self.kind}s"


@dataclass(frozen=True, slots=True)
class RestartResult:
    """Result of a workload restart: each workload, and how many consent."""

    workloads: tuple[RestartedWorkload, ...] = ()
    consenting: int = 0

    @property
    def asked(self) -> tuple[RestartedWorkload, ...]:
        """The workloads that were restarted now."""
        return tuple(each for each in self.workloads if each.trouble is None)

    @property
    def failed(self) -> tuple[RestartedWorkload, ...]:
        """The workloads that could not be restarted."""
        return tuple(each for each in self.workloads if each.trouble is not None)


NOT_RESTARTED = RestartResult()


async def restart_workloads(client: Client, ref: SetRef, record: Record) -> RestartResult:
    """Mark every workload that consents and does not carry the mark yet. Raises NotLeading and nothing else."""
    wanted = record.policy.secret.restart
    if wanted is None or not record.restart:
        return NOT_RESTARTED
    chosen = f"{LABEL_ALLOW_SET}={ref.name}"
    if wanted.selector:
        chosen = f"{chosen},{wanted.selector}"
    workloads: list[RestartedWorkload] = []
    consenting = 0
    for resource in WORKLOADS:
        found = await _of_kind(client, resource, (ref.namespace, chosen), record.restart)
        workloads += found.workloads
        consenting += found.consenting
    return RestartResult(tuple(workloads), consenting)


async def _of_kind(client: Client, resource: Resource, where: tuple[str, str], mark: str) -> RestartResult:
    restarted: dict[str, RestartedWorkload] = {}
    found: list[Object] = []
    for _ in range(TRIES):
        try:
            found, _version = await client.list(resource, *where)
        except KubeError as error:
            return RestartResult((RestartedWorkload(resource.kind, trouble=str(error)),))
        restarted = {name: each for name, each in restarted.items() if each.trouble is None}
        changed = False
        for thing in found:
            if _annotations(thing).get(ANNOTATION_RESTARTED_FOR) == mark:
                continue
            name = str(thing["metadata"]["name"])
            try:
                await client.merge(resource, _marked(thing, mark))
            except NotLeading:
                raise
            except KubeError as error:
                changed |= isinstance(error, Conflict | Missing)
                restarted[name] = RestartedWorkload(resource.kind, name, str(error))
            else:
                restarted[name] = RestartedWorkload(resource.kind, name)
        if not changed:
            break
    return RestartResult(tuple(restarted.values()), len(found))


def _annotations(thing: Object) -> Object:
    return thing["spec"]["template"].get("metadata", {}).get("annotations") or {}


def _marked(thing: Object, mark: str) -> Object:
    fence = {name: thing["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")}
    annotated = {"annotations": {ANNOTATION_RESTARTED_FOR: mark}}
    return {"metadata": fence, "spec": {"template": {"metadata": annotated}}}


def restart_trouble(failed: tuple[RestartedWorkload, ...]) -> Trouble:
    """Return the trouble of workloads that could not be restarted; there is at least one."""
    names = ", ".join(str(each) for each in failed)
    why = f"{failed[0].trouble}; a workload that reads its keys at its start still uses the former keys"
    cure = "mend this (a right that is missing: chart value restarts.enabled), or restart it yourself"
    return Trouble(Reason.RESTART_FAILED, f"{names} could not be restarted: {why}", cure, about=names)
