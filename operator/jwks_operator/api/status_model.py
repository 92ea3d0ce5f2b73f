"""The status of a JsonWebKeySet: a projection of the record for people; losing it loses nothing.

`status.model_dump(mode="json", by_alias=True, exclude_none=True)` is what goes to the API server. Unknown
fields of a newer version are ignored when a status is read.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

KID_MAX = 256
SHORT_KID = 8
"""Characters of a kid in the printer column."""
TROUBLES = 16
"""Entries of `troubles` that are shown."""
TROUBLE_ABOUT = 256
HISTORY_MAX = 50
"""Entries of `history` that are kept."""


def format_time(moment: datetime) -> str:
    """Return the moment as `2026-11-22T18:00:00Z`, cut off at the second.

    Raises ValueError for a moment without a time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time needs a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_time_up(moment: datetime) -> str:
    """Return the moment like `format_time`, but rounded up, so that a bound is not printed too early."""
    return format_time(moment + timedelta(microseconds=-moment.microsecond % 1_000_000))


_TIME_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 64})
Time = Annotated[AwareDatetime, PlainSerializer(format_time, return_type=str, when_used="json"), _TIME_SCHEMA]
"""A moment, printed in UTC with whole seconds, rounded down."""
Bound = Annotated[AwareDatetime, PlainSerializer(format_time_up, return_type=str, when_used="json"), _TIME_SCHEMA]
"""A moment before which nothing happens, printed in UTC with whole seconds, rounded up."""

_Kid = Annotated[str, Field(max_length=KID_MAX)]
_Name = Annotated[str, Field(max_length=64)]
TEXT_MAX = 1024
MESSAGE_MAX = 8192
"""Characters of the message of a condition."""
_Text = Annotated[str, Field(max_length=TEXT_MAX)]


def truncate(text: str, most: int = TEXT_MAX) -> str:
    """Return the text, shortened to what a status may say in one place, in characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


class KeyState(StrEnum):
    """The states of a key in the status."""

    PENDING = "Pending"
    ACTIVE = "Active"
    RETIRED = "Retired"
    COMPROMISED = "Compromised"
    DESTROYED = "Destroyed"


class StatusModel(BaseModel):
    """Base of the status: immutable, camelCase outside, tolerant of unknown fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class Condition(StatusModel):
    """One aspect of the state of the set (Kubernetes API conventions)."""

    type: Annotated[str, Field(max_length=64)]
    """Ready, Degraded or Rotating."""
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: Annotated[str, Field(max_length=64)]
    """Why, in one word for machines."""
    message: Annotated[str, Field(max_length=MESSAGE_MAX)] = ""
    """Why, in a sentence for people."""
    last_transition_time: Time
    """When status changed last."""
    observed_generation: int | None = None
    """The metadata.generation of the set this is about."""


class KeyStatus(StatusModel):
    """One key of the set."""

    kid: _Kid
    """Key identifier: RFC 7638 thumbprint of keys made here."""
    name: _Name
    """The entry of spec.keys the key belongs or belonged to."""
    algorithm: _Name
    """JOSE algorithm of the key."""
    state: KeyState
    """Pending: published, not yet used. Active: used. Retired: still published until its tokens have
    expired. Compromised: revoked. Destroyed: gone."""
    ref: Annotated[str, Field(max_length=1024)] | None = None
    """What names the private half of a key of keys[].external where it is held; nothing while the operator holds it, or
    once it cannot be used any more."""
    created: Time | None = None
    """When the key was made."""
    published: Time | None = None
    """When the API server confirmed the ConfigMap with the key."""
    in_use_since: Time | None = None
    """When the API server confirmed the Secret that put the key in use."""
    retired: Time | None = None
    """When the API server confirmed the Secret that put the key out of use."""
    served: Time | None = None
    """When every ready endpoint of spec.publish.serviceName served the key, if that is set. A signature key becomes
    active one lead later at the earliest."""
    unserved: Time | None = None
    """When no endpoint served the retired encryption key any more. It is kept for its retention from then on."""
    seen: Time | None = None
    """Since when every URL of spec.publish.seenAt shows the key, if several looks agreed. A signature key is used
    one lead later at the earliest."""
    unseen: Time | None = None
    """Since when no URL shows the retired encryption key any more. It is kept for its retention from then on."""
    remove_after: Bound | None = None
    """A retired key is not removed before this time."""
    held: bool = False
    """True if the key is listed in spec.held or in the annotation jwks-operator.dev/hold: it is kept beyond its
    retention."""


class NextTransition(StatusModel):
    """What happens next."""

    time: Bound | None = None
    """When, if it waits for a time; not earlier."""
    name: _Name
    """The entry of spec.keys that it concerns."""
    action: Annotated[str, Field(max_length=64)]
    """The transition, for example Activate or Destroy."""
    waiting_for: Annotated[str, Field(max_length=64)] | None = None
    """What it waits for: Schedule, Lead, Window, RequestedTime, Retention, RollbackWindow, Renewal, Endpoints,
    Urls, Successor or Suspend."""
    message: _Text | None = None
    """What it waits for, in words."""


class Trouble(StatusModel):
    """Something that needs attention; reason and about tell one trouble from another one."""

    reason: Annotated[str, Field(max_length=64)]
    """The reason, as in the condition Degraded."""
    about: Annotated[str, Field(max_length=TROUBLE_ABOUT)] | None = None
    """The entry, kid, namespace or object it is about."""
    message: _Text
    """What is wrong, and the cure."""


class Waits(StatusModel):
    """How long keys of one class wait, at the longest: by the facts in spec.timing and by former ones that count."""

    key_class: Annotated[_Name, Field(alias="class")]
    """signature, encryption or symmetric."""
    lead: Annotated[str, Field(max_length=32)]
    """How long verifiers (receivers, for encryption) know a key before it is used."""
    retention: Annotated[str, Field(max_length=32)]
    """How long verifiers (receivers, for encryption) keep a key after its last use."""


class HistoryEntry(StatusModel):
    """Something that happened."""

    time: Time
    """When it happened."""
    kid: _Kid | None = None
    """The key it happened to, if it happened to one."""
    name: _Name | None = None
    """The entry of the key."""
    event: Annotated[str, Field(max_length=64)]
    """What happened, in one word, as in Events."""
    reason: _Text | None = None
    """Why it happened."""


class JsonWebKeySetStatus(StatusModel):
    """What the operator observed and plans; rebuilt from the record when it is lost."""

    observed_generation: int | None = None
    """The metadata.generation this status is about; smaller than that of the set: not yet observed."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = ()
    """Ready: the outputs can be used. Degraded: something needs attention. Rotating: a transition is in
    progress."""
    troubles: Annotated[tuple[Trouble, ...], Field(max_length=TROUBLES)] = ()
    """What needs attention, each with its cure; at most 16. The condition Degraded sums them up."""
    algorithms: Annotated[str, Field(max_length=256)] | None = None
    """Algorithms of the entries, joined by commas."""
    active_kid: Annotated[str, Field(max_length=64)] | None = None
    """First characters of the kid of the active key of the first entry."""
    keys: Annotated[tuple[KeyStatus, ...], Field(max_length=1000)] = ()
    """The keys of the set."""
    next: NextTransition | None = None
    """What happens next."""
    waits: Annotated[
        tuple[Waits, ...],
        Field(
            max_length=8,
            # Not a map: the server keeps the order of those that were there, and the status would never be the same.
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = ()
    """Lead and retention in force for each key class. They stay in force after the loss of a keyring."""
    revocation_latency: Annotated[str, Field(max_length=32)] | None = None
    """How long verifiers may trust a key after its revocation, by the facts in spec.timing and by former ones that
    caches may still use."""
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=HISTORY_MAX)] = ()
    """The latest events, oldest first; at most 50."""


def merge_conditions(old: Iterable[Condition], new: Iterable[Condition], now: datetime) -> tuple[Condition, ...]:
    """Return the new conditions; where the status did not change, the old lastTransitionTime stays."""
    since = {(condition.type, condition.status): condition.last_transition_time for condition in old}
    return tuple(
        condition.model_copy(update={"last_transition_time": since.get((condition.type, condition.status), now)})
        for condition in new
    )
