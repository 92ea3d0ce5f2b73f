"""What is told to people: one Event for each thing that really happened, never the same one twice.

An Event that cannot be written is logged and dropped: it must not hold up a rotation.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import uuid4

from jwks_operator.api.reasons import EventReason, Reason
from jwks_operator.api.status import format_time
from jwks_operator.core.record import Happening
from jwks_operator.kube.client import EVENTS, Client, Object
from jwks_operator.kube.errors import KubeError

logger = logging.getLogger(__name__)

_WARNINGS = frozenset[str](
    {
        *Reason,
        EventReason.OBJECT_REPAIRED,
        EventReason.KEYRING_REBUILT,
        EventReason.KEYS_LOST,
        EventReason.RECORD_RESTORED,
        EventReason.KEY_REVOKED,
        EventReason.ROLLBACK_REFUSED,
        EventReason.NOTHING_RESTARTED,
    }
)


async def tell(client: Client, the_set: Object, happenings: Iterable[Happening], now: datetime) -> None:
    """Post an Event about the set for each happening, in order."""
    for happening in happenings:
        try:
            await client.create(EVENTS, the_set["metadata"]["namespace"], _event(the_set, happening, now))
        except KubeError as error:
            logger.warning("an Event was not written: %s", error)


def _event(the_set: Object, happening: Happening, now: datetime) -> Object:
    meta = the_set["metadata"]
    time = format_time(now)
    return {
        "metadata": {"name": f"{meta['name']}.{uuid4().hex[:16]}", "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": the_set["apiVersion"],
            "kind": the_set["kind"],
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
        "type": "Warning" if happening.event in _WARNINGS else "Normal",
        "reason": happening.event,
        "message": _message(happening),
        "source": {"component": "jwks-operator"},
        "reportingComponent": "jwks-operator",
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }


_SENTENCES: Mapping[str, str] = {
    EventReason.KEY_PUBLISHED: "{entry} has a next key, {kid}: published, not yet used",
    EventReason.KEY_IMPORTED: "key {kid} is imported into {entry}",
    EventReason.KEY_ACTIVATED: "{entry} uses key {kid} from now on",
    EventReason.KEY_ROLLED_BACK: "{entry} went back to key {kid}",
    EventReason.ROLLBACK_REFUSED: "{entry} cannot go back",
    EventReason.KEY_REVOKED: "key {kid} of {entry} is revoked: off both sides, its private half destroyed",
    EventReason.KEY_RETIRED: "{entry} no longer uses key {kid}, which stays published until its last token has expired",
    EventReason.KEY_DESTROYED: "key {kid} of {entry} is removed and destroyed",
    EventReason.PRIVATE_HALF_DESTROYED: "the private half of key {kid} of {entry} is destroyed",
    EventReason.CERTIFICATE_RENEWED: "key {kid} of {entry} has a new certificate",
    EventReason.COPY_MADE: "the published set is copied into another namespace",
    EventReason.COPY_REMOVED: "the copy of the published set is removed from another namespace",
    EventReason.WORKLOAD_RESTARTED: "asked to restart, because keys that it reads have changed",
    EventReason.OBJECT_REPAIRED: "repaired from the record",
    EventReason.KEYRING_REBUILT: "the keyring was gone and is rebuilt from what was left",
    EventReason.KEYS_LOST: "the private key of {entry} is lost",
    EventReason.RECORD_RESTORED: "every wait begins anew",
}


def _message(happening: Happening) -> str:
    """Say what happened and, in brackets, why; an alarm is a sentence of its own."""
    sentence = _SENTENCES.get(happening.event)
    if sentence is None:
        return happening.reason
    return f"{sentence.format(entry=happening.entry, kid=happening.kid)} ({happening.reason})"
