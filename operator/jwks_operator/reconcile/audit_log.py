"""The audit log: one line for each event of a set, and for each condition that needs attention."""

import logging
from collections.abc import Iterable

from jwks_operator.api.names import SetRef
from jwks_operator.core.model.record import RecordedEvent

_audit_log = logging.getLogger("jwks_operator.audit_log")
_attention = logging.getLogger("jwks_operator.attention")


def log_events(ref: SetRef, events: Iterable[RecordedEvent]) -> None:
    """Write a line of the audit log for each event that really happened to a set."""
    for recorded in events:
        fields = {"set": str(ref), "kid": recorded.kid, "entry": recorded.entry, "reason": recorded.reason}
        _audit_log.info(recorded.event, extra={name: text for name, text in fields.items() if text})


def log_alarms(ref: SetRef, alarms: Iterable[RecordedEvent], *, over: bool) -> None:
    """Write the new alarms of a pass, with the text of their Events; `over`: nothing needs attention any more."""
    for alarm in alarms:
        _attention.warning(alarm.reason, extra={"set": str(ref), "reason": alarm.event})
    if over:
        _attention.info("nothing needs attention any more", extra={"set": str(ref)})
