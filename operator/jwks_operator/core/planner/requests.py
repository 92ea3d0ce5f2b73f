"""What do the annotations ask for? `jwks-operator.dev/rotate: signing@2026-11-02T10:00:00Z, …`

A request to rotate or to roll back names an entry and the time from which it holds; the time makes it unique,
so that it is honoured once. A trailing `!` is an emergency: the successor is used without waiting for its lead.
`hold` and `revoke` list kids and add to the lists of the spec; `<kid>=KeyCompromise` in `revoke` says why, too. What
cannot be read is told, never guessed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import product

from jwks_operator.api import names
from jwks_operator.api.revocation_spec import RevocationReason
from jwks_operator.core.model.record import Record


class Verb(StrEnum):
    """What a request asks for; the record remembers the newest honoured stamp per verb and entry."""

    ROTATE = "rotate"
    ROLLBACK = "rollback"


_ANNOTATIONS = {Verb.ROTATE: names.ANNOTATION_ROTATE, Verb.ROLLBACK: names.ANNOTATION_ROLLBACK}


@dataclass(frozen=True, slots=True)
class Request:
    """One request about an entry, not before `time` (UTC)."""

    entry: str
    time: datetime
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of a set that could be read, per entry, and complaints about the others."""

    rotate: Mapping[str, tuple[Request, ...]] = field(default_factory=dict)
    rollback: Mapping[str, tuple[Request, ...]] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    revoked: frozenset[str] = frozenset()
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why, by kid, where the annotation says so; these kids are among the revoked."""
    complaints: tuple[str, ...] = ()


NONE_ASKED = Requests()


def read(annotations: Mapping[str, str], entries: frozenset[str]) -> Requests:
    """Return the requests per entry, and a complaint for each part that cannot be honoured."""
    complaints: list[str] = []
    found: dict[Verb, dict[str, tuple[Request, ...]]] = {}
    for verb, annotation in _ANNOTATIONS.items():
        found[verb] = {}
        for part in _parts(annotations, annotation):
            request = _parse(part)
            if request is None or (request.emergency and verb is Verb.ROLLBACK):
                complaints.append(
                    f"annotation {annotation}: {part[:80]!r} is not <entry>@<RFC 3339 time>, "
                    "such as signing@2026-11-02T10:00:00Z"
                )
            elif request.entry not in entries:
                complaints.append(f"annotation {annotation}: no entry of spec.keys is named {request.entry[:63]!r}")
            else:
                found[verb][request.entry] = (*found[verb].get(request.entry, ()), request)
    revoked = tuple(_parts(annotations, names.ANNOTATION_REVOKE))
    reasons = dict(_reasons(revoked))
    return Requests(
        rotate=found[Verb.ROTATE],
        rollback=found[Verb.ROLLBACK],
        held=frozenset(_parts(annotations, names.ANNOTATION_HOLD)),
        revoked=frozenset((*revoked, *reasons)),
        reasons=reasons,
        complaints=tuple(complaints),
    )


def outstanding(record: Record, requests: Requests, verb: Verb, entry: str) -> tuple[Request, ...]:
    """Return the requests of an entry that are newer than the newest honoured one."""
    honoured = record.honoured.get(f"{verb}/{entry}")
    asked = (requests.rotate if verb is Verb.ROTATE else requests.rollback).get(entry, ())
    return tuple(request for request in asked if honoured is None or honoured < request.time)


def honour(record: Record, requests: Requests, verbs: Iterable[Verb], entries: Iterable[str], now: datetime) -> Record:
    """Return the record once all requests of these kinds and entries whose time has come are answered, by one move."""
    stamps = dict(record.honoured)
    for verb, entry in product(verbs, entries):
        ripe = [asked.time for asked in outstanding(record, requests, verb, entry) if asked.time <= now]
        if ripe:
            stamps[f"{verb}/{entry}"] = max(ripe)
    return replace(record, honoured=stamps)


def _parts(annotations: Mapping[str, str], name: str) -> Iterator[str]:
    return filter(None, (text.strip() for text in annotations.get(name, "").split(",")))


def _reasons(parts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Kid and reason of each part that ends in one; a kid may end in anything else, base64 padding included."""
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
