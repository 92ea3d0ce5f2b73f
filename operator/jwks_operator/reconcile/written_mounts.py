"""Makes pods read at once what was written of the objects of a set that they may mount."""

from collections.abc import Callable, Iterator

from jwks_operator.api.names import copy_name
from jwks_operator.kube.client import Object
from jwks_operator.kube.gather import Gathered
from jwks_operator.kube.objects import is_copy
from jwks_operator.kube.pod_refresh import MountedObjects

RefreshPods = Callable[[MountedObjects], None]
"""Never waits."""


def refresh_written(refresh: RefreshPods, before: Gathered, after: Gathered) -> None:
    """Refresh the pods of a set that exists, if an object that they may mount was written in between."""
    the_set, observed = after.seen.the_set, after.observed
    if the_set is None or set(_versions(after)) <= set(_versions(before)):
        return
    copies = (place for place, copy in after.copies.targets.items() if copy is not None and is_copy(copy, observed.ref))
    configmaps = dict.fromkeys(copies, copy_name(observed.ref, observed.configmap_name))
    configmaps[observed.ref.namespace] = observed.configmap_name
    refresh(MountedObjects(the_set, configmaps, observed.secret_name))


def _versions(gathered: Gathered) -> Iterator[tuple[str, str]]:
    things: list[Object | None] = [gathered.seen.configmap, gathered.seen.secret, *gathered.copies.targets.values()]
    for thing in filter(None, things):
        yield thing["metadata"]["uid"], thing["metadata"]["resourceVersion"]
