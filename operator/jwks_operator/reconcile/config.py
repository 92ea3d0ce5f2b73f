"""The configuration of the reconciler: options of the command line, and what it asks and reports through."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from jwks_operator.api.names import SetRef
from jwks_operator.api.shards import Shard
from jwks_operator.core.model.observed_state import Endpoints, UrlAnswer
from jwks_operator.core.planner.endpoint_gate import Question
from jwks_operator.core.planner.url_gate import UrlQuestion
from jwks_operator.kube.client import Object
from jwks_operator.kube.events import AnyEvent
from jwks_operator.kube.pod_refresh import MountedObjects
from jwks_operator.reconcile.written_mounts import RefreshPods


async def skip_endpoints(ref: SetRef, question: Question) -> Endpoints:
    """Return that the endpoints of a set cannot be asked: for callers without a connection to them."""
    return Endpoints(question.kids, trouble=f"the endpoints of {ref} cannot be asked from here")


async def skip_urls(question: UrlQuestion) -> Mapping[str, UrlAnswer]:
    """Return that no URL can be asked: for callers without a way out."""
    return {url: UrlAnswer(url, trouble="cannot be asked from here") for url in question.urls}


def leave_to_kubelets(mounted: MountedObjects) -> None:
    """Let each kubelet look at its own time: for operators without the right to change pods."""
    del mounted


@dataclass(frozen=True, slots=True)
class ReconcilerConfig:
    """The options of the command line, and the ways to ask endpoints and URLs and to record Events."""

    deletion_delay: timedelta = timedelta(minutes=10)
    clusterwide: bool = True
    """Whether all namespaces are watched."""
    shard: Shard = None
    """The shard of the operator."""
    ask: Callable[[SetRef, Question], Awaitable[Endpoints]] = skip_endpoints
    """Asks the ready endpoints of a Service what they serve; never raises KubeError."""
    look: Callable[[UrlQuestion], Awaitable[Mapping[str, UrlAnswer]]] = skip_urls
    """Asks public URLs what they show; never raises."""
    refresh_pods: RefreshPods = leave_to_kubelets
    """Makes pods read the objects of a set at once."""
    record_events: Callable[[Object, tuple[AnyEvent, ...], datetime], Awaitable[None]] | None = None
    """Queues the Events of a set. Without it each Event is posted before the pass continues."""
