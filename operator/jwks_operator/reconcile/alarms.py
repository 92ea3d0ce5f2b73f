"""What newly needs attention: the troubles that the status did not have before this pass."""

from jwks_operator.api.reasons import ConditionType
from jwks_operator.api.status_model import JsonWebKeySetStatus
from jwks_operator.core.model.record import RecordedEvent


def is_degraded(status: JsonWebKeySetStatus) -> bool:
    """Tell whether a status says that something needs attention."""
    return any(c.type == ConditionType.DEGRADED and c.status == "True" for c in status.conditions)


def find_alarms(before: JsonWebKeySetStatus, after: JsonWebKeySetStatus) -> tuple[RecordedEvent, ...]:
    """Return an event for each trouble that is new since the status before, once, even if its sentence changes."""
    known = {(trouble.reason, trouble.about) for trouble in before.troubles}
    news = (trouble for trouble in after.troubles if (trouble.reason, trouble.about) not in known)
    return tuple(RecordedEvent(trouble.reason, trouble.message) for trouble in news)
