"""Makes one object what it should be, fenced by the uid and resourceVersion that were read.

A write that would change nothing is not sent. The data of an immutable object cannot be changed: it is deleted by uid
and made again, once a dry run has shown that the API server lets it be made.
"""

from jwks_operator.api.reasons import EventReason
from jwks_operator.core.model.record import RecordedEvent
from jwks_operator.kube.client import Client, Object, Resource
from jwks_operator.kube.errors import AlreadyExists, KubeError
from jwks_operator.kube.objects import has_data, replacement_body


async def write_object(client: Client, resource: Resource, wanted: Object, seen: Object | None) -> tuple[Object, bool]:
    """Create a missing object, change a different one, leave an equal one; raises KubeError.

    Returns the object as stored, and whether it was made again because it was immutable.
    """
    namespace = wanted["metadata"]["namespace"]
    if seen is None:
        return await client.create(resource, namespace, wanted), False
    body = replacement_body(wanted, seen)
    if body is None:
        return seen, False
    if not seen.get("immutable") or has_data(seen, wanted["data"]):
        return await client.replace(resource, body), False
    # What others put beside ours stays; the object is another one.
    fresh = {
        **wanted,
        "metadata": {**wanted["metadata"], **{m: body["metadata"][m] for m in ("labels", "annotations")}},
    }
    await _check_creation(client, resource, namespace, fresh)
    await client.delete(resource, seen)
    return await client.create(resource, namespace, fresh), True


async def would_hold(client: Client, resource: Resource, wanted: Object, seen: Object | None) -> bool:
    """Tell whether the API server would store what is wanted, by a dry run; an error tells nothing, which is no."""
    body = None if seen is None else replacement_body(wanted, seen)
    if body is None:
        return False
    try:
        return replacement_body(wanted, await client.replace(resource, body, dry_run=True)) is None
    except KubeError:
        return False


async def _check_creation(client: Client, resource: Resource, namespace: str, wanted: Object) -> None:
    """Raise KubeError unless the object could be made if the one of its name were not there."""
    try:
        await client.create(resource, namespace, wanted, dry_run=True)
    except AlreadyExists:
        return


def describe_replacement(what: str) -> RecordedEvent:
    """Return the Event of an immutable object that was deleted and made again."""
    return RecordedEvent(
        EventReason.OBJECT_REPAIRED,
        f"{what} was immutable and is made again; a pod that mounts it reads it after its next start",
    )
