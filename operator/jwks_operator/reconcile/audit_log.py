"""The audit log: one line for everything that really happened to a set, and for what needs attention."""

import logging
from collections.abc import Iterable

from jwks_operator.api.names import SetRef
from jwks_operator.core.model.record import Happening

_audit_trail = logging.getLogger("jwks_operator.audit_trail")
_attention = logging.getLogger("jwks_operator.attention")


def trail(ref: SetRef, happening: Happening) -> None:
    """Write the line of the audit trail for something that really happened to a set."""
    said = {"set": str(ref), "kid": happening.kid, "entry": happening.entry, "reason": happening.reason}
    _audit_trail.info(happening.event, extra={name: text for name, text in said.items() if text})


def alert(ref: SetRef, alarms: Iterable[Happening], *, over: bool) -> None:
    """Write what newly needs attention of a set, as its Event says it, or that nothing does any more."""
    for alarm in alarms:
        _attention.warning(alarm.reason, extra={"set": str(ref), "reason": alarm.event})
    if over:
        _attention.info("nothing needs attention any more", extra={"set": str(ref)})
