"""What do the annotations ask for? `jwks-operator.dev/rotate: signing@2026-11-02T10:00:00Z, …`

A request names an entry and the time from which it holds; the time makes it unique, so that it is honoured
once. A trailing `!` is an emergency: the successor is used without waiting for its lead. What cannot be read
is told, never guessed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from jwks_operator.api import names
from jwks_operator.core.record import Record

ROTATE = "rotate"
_UNSUPPORTED = (names.ANNOTATION_ROLLBACK, names.ANNOTATION_HOLD, names.ANNOTATION_REVOKE)


@dataclass(frozen=True, slots=True)
class Rotate:
    """One request to rotate an entry, not before `time` (UTC)."""

    entry: str
    time: datetime
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of a set that could be read, per entry, and complaints about the others."""

    rotate: Mapping[str, tuple[Rotate, ...]]
    complaints: tuple[str, ...] = ()


def read(annotations: Mapping[str, str], entries: frozenset[str]) -> Requests:
    """Return the requests per entry, and a complaint for each part that cannot be honoured."""
    found: dict[str, tuple[Rotate, ...]] = {}
    complaints = [
        f"annotation {name} is not supported by this version of jwks-operator; remove it"
        for name in _UNSUPPORTED
        if name in annotations
    ]
    for part in filter(None, (text.strip() for text in annotations.get(names.ANNOTATION_ROTATE, "").split(","))):
        request = _parse(part)
        if request is None:
            complaints.append(
                f"annotation {names.ANNOTATION_ROTATE}: {part[:80]!r} is not <entry>@<RFC 3339 time>, "
                "such as signing@2026-11-02T10:00:00Z"
            )
        elif request.entry not in entries:
            complaints.append(
                f"annotation {names.ANNOTATION_ROTATE}: no entry of spec.keys is named {request.entry[:63]!r}"
            )
        else:
            found[request.entry] = (*found.get(request.entry, ()), request)
    return Requests(found, tuple(complaints))


def outstanding(record: Record, requests: Requests, entry: str) -> tuple[Rotate, ...]:
    """Return the requests of an entry that are newer than the newest honoured one."""
    honoured = record.honoured.get(f"{ROTATE}/{entry}")
    return tuple(request for request in requests.rotate.get(entry, ()) if honoured is None or honoured < request.time)


def honour(record: Record, requests: Requests, entries: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Return the honoured stamps once all requests of these entries whose time has come are answered, by one move."""
    ripe = {
        f"{ROTATE}/{entry}": [asked.time for asked in outstanding(record, requests, entry) if asked.time <= now]
        for entry in entries
    }
    return {**record.honoured, **{name: max(times) for name, times in ripe.items() if times}}


def _parse(part: str) -> Rotate | None:
    entry, at, stamp = part.removesuffix("!").partition("@")
    if not at or not entry:
        return None
    try:
        time = datetime.fromisoformat(stamp)
        if time.tzinfo is None:
            return None
        return Rotate(entry.strip(), time.astimezone(UTC), part.endswith("!"))
    except (ValueError, OverflowError):
        return None
