"""The audit log: one line for each event of a set, and for each condition that needs attention."""

import logging
from collections.abc import Iterable

from jwks_operator.api.names import SetRef
from jwks_operator.core.model.record import Happening

_audit_log = logging.getLogger("jwks_operator.audit_log")
_attention = logging.getLogger("jwks_operator.attention")


def log_event(ref: SetRef, happening: Happening) -> None:
    """Write the line of the audit log for an event that really happened to a set."""
    fields = {"set": str(ref), "kid": happening.kid, "entry": happening.entry, "reason": happening.reason}
    _audit_log.info(happening.event, extra={name: text for name, text in fields.items() if text})


def log_alarms(ref: SetRef, alarms: Iterable[Happening], *, over: bool) -> None:
    """Write the new alarms of a pass, with the text of their Events; `over`: nothing needs attention any more."""
    for alarm in alarms:
        _attention.warning(alarm.reason, extra={"set": str(ref), "reason": alarm.event})
    if over:
        _attention.info("nothing needs attention any more", extra={"set": str(ref)})
