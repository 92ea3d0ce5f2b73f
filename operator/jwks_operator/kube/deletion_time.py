"""When the objects of a deleted set may go: an annotation of its keyring, which a set that is there drops again."""

from datetime import datetime

from jwks_operator.api.names import ANNOTATION_DELETE_AFTER
from jwks_operator.kube.client import SECRETS, Client, Object


def read_delete_after(keyring: Object) -> datetime | None:
    """Return the time (aware, UTC); None if none is noted, or none that can be read."""
    try:
        noted = datetime.fromisoformat((keyring["metadata"].get("annotations") or {})[ANNOTATION_DELETE_AFTER])
    except (KeyError, ValueError):
        return None
    return None if noted.tzinfo is None else noted


async def write_delete_after(client: Client, keyring: Object, time: datetime) -> None:
    """Note the time, with nothing else changed; raises KubeError."""
    metadata = {name: value for name, value in keyring["metadata"].items() if name != "managedFields"}
    annotations = {**(metadata.get("annotations") or {}), ANNOTATION_DELETE_AFTER: time.isoformat()}
    await client.replace(SECRETS, {**keyring, "metadata": {**metadata, "annotations": annotations}})
