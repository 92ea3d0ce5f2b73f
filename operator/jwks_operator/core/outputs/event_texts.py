"""The words for each event: the message of its Event, and what a forecast says. Nothing parses these texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jwks_operator.api.reasons import EventReason
from jwks_operator.core.model.record import RecordedEvent


@dataclass(frozen=True, slots=True)
class EventText:
    """What people read about one kind of event; `{entry}` and `{kid}` stand for its entry and key."""

    sentence: str = ""
    """The message of the Event; its reason follows in brackets. Empty: the reason is a sentence of its own."""
    forecast: str = ""
    """What a forecast says of it; only keys are forecast."""
    warns: bool = False
    """Whether the Event is a Warning."""


EVENT_TEXTS: Final[Mapping[EventReason, EventText]] = {
    EventReason.KEY_PUBLISHED: EventText(
        "{entry} has a next key, {kid}: published, not yet used", "{kid} is made and published"
    ),
    EventReason.KEY_IMPORTED: EventText("key {kid} is imported into {entry}", "{kid} is imported"),
    EventReason.KEY_ACTIVATED: EventText("{entry} uses key {kid} from now on", "{kid} comes into use"),
    EventReason.KEY_RETIRED: EventText(
        "{entry} no longer uses key {kid}, which stays published until its last token has expired",
        "{kid} goes out of use and is kept until its last token has expired",
    ),
    EventReason.KEY_ROLLED_BACK: EventText("{entry} is rolled back to key {kid}", "{kid} comes into use again"),
    EventReason.ROTATION_REFUSED: EventText(
        "the requested rotation of {entry} is refused", "the rotation is refused", warns=True
    ),
    EventReason.ROLLBACK_REFUSED: EventText(
        "the requested roll-back of {entry} is refused", "the roll-back is refused", warns=True
    ),
    EventReason.PRIVATE_HALF_DESTROYED: EventText(
        "the private half of key {kid} of {entry} is destroyed", "{kid} loses its private half: no way back to it"
    ),
    EventReason.KEY_DESTROYED: EventText("key {kid} of {entry} is removed and destroyed", "{kid} is removed"),
    EventReason.KEY_REVOKED: EventText(
        "key {kid} of {entry} is revoked: off both sides, its private half destroyed",
        "{kid} is revoked, gone at once",
        warns=True,
    ),
    EventReason.KEY_WITHDRAWN: EventText(
        "key {kid} is revoked and taken out of the objects that hold it, without a record", warns=True
    ),
    EventReason.CERTIFICATE_RENEWED: EventText("key {kid} of {entry} has a new certificate"),
    EventReason.OBJECT_REPAIRED: EventText("repaired from the record", warns=True),
    EventReason.KEYRING_REBUILT: EventText("the keyring was gone and is rebuilt from what was left", warns=True),
    EventReason.KEYS_LOST: EventText("the private key of {entry} is lost", warns=True),
    EventReason.RECORD_RESTORED: EventText("every wait starts again", warns=True),
    EventReason.COPY_MADE: EventText("the published set is copied into another namespace"),
    EventReason.COPY_REMOVED: EventText("the copy of the published set is removed from another namespace"),
    EventReason.OBJECTS_RENAMED: EventText(),
    EventReason.OBJECTS_REMOVED: EventText(),
    EventReason.WORKLOAD_RESTARTED: EventText("asked to restart, because keys that it reads have changed"),
    EventReason.NOTHING_RESTARTED: EventText(warns=True),
    EventReason.PODS_REFRESHED: EventText(),
    EventReason.POD_REFRESH_FAILED: EventText(warns=True),
}


def render_message(event: RecordedEvent) -> str:
    """Return what happened and, in brackets, why; the reason of a trouble is a complete sentence."""
    text = _text_of(event)
    if not text.sentence:
        return event.reason
    return f"{text.sentence.format(entry=event.entry, kid=event.kid)} ({event.reason})"


def is_warning(event: RecordedEvent) -> bool:
    """Tell whether an Event is a Warning: troubles are, and what the table says."""
    return _text_of(event).warns


def describe_forecast(event: RecordedEvent, kid: str) -> str:
    """Return what a forecast says of an event; `kid` is how it names the key."""
    return (_text_of(event).forecast or event.event).format(kid=kid)


def _text_of(event: RecordedEvent) -> EventText:
    """Return the row of an event; one without a row is a trouble, whose reason is its sentence."""
    return _BY_CODE.get(event.event, _TROUBLE)


_TROUBLE = EventText(warns=True)
_BY_CODE: Mapping[str, EventText] = {reason.value: text for reason, text in EVENT_TEXTS.items()}
