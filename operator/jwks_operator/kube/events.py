"""What is told to people: one Event for each thing that really happened, never the same one twice.

An Event that cannot be written is logged and dropped: it must not hold up a rotation.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

from jwks_operator.api.reasons import EventReason
from jwks_operator.api.status import format_time
from jwks_operator.core.record import Happening
from jwks_operator.kube.client import EVENTS, Client, Object
from jwks_operator.kube.errors import KubeError

logger = logging.getLogger(__name__)

_WARNINGS = frozenset(
    {
        EventReason.OBJECT_REPAIRED,
        EventReason.KEYRING_REBUILT,
        EventReason.KEYS_LOST,
        EventReason.RECORD_RESTORED,
        EventReason.KEY_REVOKED,
        EventReason.NAME_CONFLICT,
        EventReason.INVALID_SPEC,
        EventReason.CLOCK_UNCERTAIN,
        EventReason.WRITE_REFUSED,
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


def _message(happening: Happening) -> str:
    about = f"key {happening.kid}" if happening.kid else ""
    entry = f"of {happening.entry}" if happening.entry else ""
    subject = " ".join(filter(None, (about, entry)))
    return f"{subject}: {happening.reason}" if subject else happening.reason
