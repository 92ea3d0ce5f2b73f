"""What do the annotations of a set ask for? One row for each verb.

| verb | annotation | asks for |
|---|---|---|
| rotate | `signing@2026-11-02T10:00:00Z`, … | the next key of an entry, from a time on; a trailing `!` skips its lead |
| rollback | `signing@2026-11-02T10:00:00Z`, … | the former key of an entry, from a time on |
| hold | kids | no time removes these keys |
| revoke | kids, or `<kid>=KeyCompromise` | these keys leave both sides at once |

The time makes a request unique: it is honoured once, and the record remembers it. A part that cannot be read is
reported, never guessed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import product
from typing import Final

from jwks_operator.api import names
from jwks_operator.api.revocation_spec import RevocationReason
from jwks_operator.api.status_model import JsonWebKeySetStatus, KeyState
from jwks_operator.core.model.record import Record
from jwks_operator.core.transitions.transition_table import ROWS, Transition


class Verb(StrEnum):
    """What a user can ask for by an annotation."""

    ROTATE = "rotate"
    ROLLBACK = "rollback"
    HOLD = "hold"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class VerbRow:
    """A verb: its annotation, and the transitions that answer a request for an entry; none for a list of kids."""

    verb: Verb
    annotation: str
    answered_by: tuple[Transition, ...] = ()
    has_emergency: bool = False
    """Whether a request may end in `!`."""


VERBS: Final = (
    VerbRow(
        Verb.ROTATE,
        names.ANNOTATION_ROTATE,
        answered_by=(Transition.ACTIVATE, Transition.REPLACE, Transition.REFUSE_ROTATION),
        has_emergency=True,
    ),
    VerbRow(Verb.ROLLBACK, names.ANNOTATION_ROLLBACK, answered_by=(Transition.ROLL_BACK, Transition.REFUSE_ROLL_BACK)),
    VerbRow(Verb.HOLD, names.ANNOTATION_HOLD),
    VerbRow(Verb.REVOKE, names.ANNOTATION_REVOKE),
)


_ANSWERS: Final[Mapping[str | None, Verb]] = {
    ROWS[transition].event: row.verb for row in VERBS for transition in row.answered_by
}
"""By the event that tells of it in the history, the verb whose requests are answered."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request about an entry, not before `time` (UTC)."""

    entry: str
    time: datetime
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of a set that could be read, and complaints about the others."""

    timed: Mapping[Verb, Mapping[str, tuple[Request, ...]]] = field(default_factory=dict)
    """Per verb, the requests for each entry."""
    kids: Mapping[Verb, Mapping[str, str]] = field(default_factory=dict)
    """Per verb, the kids listed, each with its reason, which is empty where none is given."""
    complaints: tuple[str, ...] = ()

    @property
    def held(self) -> frozenset[str]:
        """The kids that no time removes."""
        return frozenset(self.kids.get(Verb.HOLD, {}))

    @property
    def revoked(self) -> Mapping[str, str]:
        """The kids to be revoked, each with its reason."""
        return self.kids.get(Verb.REVOKE, {})


NO_REQUESTS = Requests()


def read_requests(annotations: Mapping[str, str], entries: frozenset[str]) -> Requests:
    """Return the requests in the annotations; `entries` are the names of the entries that a request may name."""
    complaints: list[str] = []
    timed: dict[Verb, Mapping[str, tuple[Request, ...]]] = {}
    kids: dict[Verb, Mapping[str, str]] = {}
    for row in VERBS:
        parts = tuple(filter(None, (text.strip() for text in annotations.get(row.annotation, "").split(","))))
        if not row.answered_by:
            kids[row.verb] = dict.fromkeys(parts, "") | dict(_kids_with_reason(parts))
        else:
            timed[row.verb] = _requests(row, parts, entries, complaints)
    return Requests(timed, kids, tuple(complaints))


def list_outstanding(record: Record, requests: Requests, verb: Verb, entry: str) -> tuple[Request, ...]:
    """Return the requests of an entry that are newer than the newest honoured one."""
    honoured = record.honoured.get(f"{verb}/{entry}")
    asked = requests.timed.get(verb, {}).get(entry, ())
    return tuple(request for request in asked if honoured is None or honoured < request.time)


def list_outstanding_times(record: Record, requests: Requests, verb: Verb, entry: str) -> tuple[datetime, ...]:
    """Return the times (UTC) of the outstanding requests of an entry, the oldest first."""
    return tuple(sorted(request.time for request in list_outstanding(record, requests, verb, entry)))


def mark_honoured(
    record: Record, requests: Requests, verbs: Iterable[Verb], entries: Iterable[str], now: datetime
) -> Record:
    """Return the record after all due requests of these verbs and entries were honoured, by one transition."""
    stamps = dict(record.honoured)
    for verb, entry in product(verbs, entries):
        due = [request.time for request in list_outstanding(record, requests, verb, entry) if request.time <= now]
        if due:
            stamps[f"{verb}/{entry}"] = max(due)
    return replace(record, honoured=stamps)


def list_answers(status: JsonWebKeySetStatus) -> dict[str, datetime]:
    """Return, per verb and entry, until when its requests have been honoured or refused, as a status tells.

    Whatever brought the active key into use answered the requests that were due, and the history names the others.
    """
    used = ((verb, key.name, key.in_use_since) for key in status.keys if key.state is KeyState.ACTIVE for verb in Verb)
    told = ((_ANSWERS[each.event], each.name, each.time) for each in status.history if each.event in _ANSWERS)
    found: dict[str, datetime] = {}
    for verb, entry, time in (*used, *told):
        if time is not None:
            found[f"{verb}/{entry}"] = max(time, found.get(f"{verb}/{entry}", time))
    return found


def verbs_answered_by(transition: Transition) -> tuple[Verb, ...]:
    """Return the verbs whose requests this transition answers."""
    return tuple(row.verb for row in VERBS if transition in row.answered_by)


def _requests(
    row: VerbRow, parts: Iterable[str], entries: frozenset[str], complaints: list[str]
) -> Mapping[str, tuple[Request, ...]]:
    found: dict[str, tuple[Request, ...]] = {}
    for part in parts:
        request = _parse(part)
        if request is None or (request.emergency and not row.has_emergency):
            complaints.append(
                f"annotation {row.annotation}: {part[:80]!r} is not <entry>@<RFC 3339 time>, "
                "such as signing@2026-11-02T10:00:00Z"
            )
        elif request.entry not in entries:
            complaints.append(f"annotation {row.annotation}: no entry of spec.keys is named {request.entry[:63]!r}")
        else:
            found[request.entry] = (*found.get(request.entry, ()), request)
    return found


def _kids_with_reason(parts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield kid and reason of each part that ends in one; a kid may end in anything else, base64 padding included."""
    for part in parts:
        kid, _, reason = part.rpartition("=")
        if kid and reason in RevocationReason.__members__.values():
            yield kid, reason


def _parse(part: str) -> Request | None:
    entry, at, stamp = part.removesuffix("!").partition("@")
    if not at or not entry:
        return None
    try:
        time = datetime.fromisoformat(stamp)
        if time.tzinfo is None:
            return None
        return Request(entry.strip(), time.astimezone(UTC), part.endswith("!"))
    except (ValueError, OverflowError):
        return None
