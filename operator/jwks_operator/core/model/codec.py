"""How the record is stored: format 1, final. One JSON document for each key and one for the rest.

Times are RFC 3339 in UTC with microseconds, durations Go-style strings. The private half of a key joins its
document in the room that may touch it; here a document only says that there is one. An unknown `format` is
refused: an older operator must not rotate what it cannot read.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from jwks_operator.api.durations import format_duration, parse_sum
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.model.record import (
    Bounds,
    Certificate,
    Former,
    Happening,
    Historical,
    HistoryEntry,
    Intake,
    KeyRecord,
    Record,
    State,
    Step,
    StepKind,
    Tombstone,
)
from jwks_operator.keys.algorithms import KeyClass

FORMAT = 1

Document = dict[str, Any]

_UNREADABLE = (KeyError, ValueError, TypeError, OverflowError)


class RecordError(Exception):
    """A stored record that cannot be understood; the message says what and never quotes key material."""


def dump_key(key: KeyRecord) -> Document:
    """Return the document of one key, without its private half."""
    document = {
        "kid": key.kid,
        "entry": key.entry,
        "algorithm": key.algorithm,
        "class": key.key_class.value,
        "state": key.state.value,
        "thumbprint": key.thumbprint,
        "public": dict(key.public),
        "created": _time(key.created),
        "published": _time(key.published),
        "inUseSince": _time(key.in_use_since),
        "retired": _time(key.retired),
        "served": _time(key.served),
        "unserved": _time(key.unserved),
        "bounds": {
            "lead": format_duration(key.bounds.lead),
            "retention": format_duration(key.bounds.retention),
        },
        "certificate": None if key.certificate is None else _dump_certificate(key.certificate),
    }
    return {name: value for name, value in document.items() if value is not None}


def load_key(document: Document, *, has_private: bool) -> KeyRecord:
    """Return the key of a document; raises RecordError if it is not one of ours."""
    try:
        bounds = document["bounds"]
        return KeyRecord(
            kid=_text(document["kid"]),
            entry=_text(document["entry"]),
            algorithm=_text(document["algorithm"]),
            key_class=KeyClass(document["class"]),
            state=State(document["state"]),
            thumbprint=_text(document["thumbprint"]),
            public=dict(_members(document["public"])),
            has_private=has_private,
            created=_required(document["created"]),
            bounds=Bounds(parse_sum(bounds["lead"]), parse_sum(bounds["retention"])),
            published=_moment(document.get("published")),
            in_use_since=_moment(document.get("inUseSince")),
            retired=_moment(document.get("retired")),
            served=_moment(document.get("served")),
            unserved=_moment(document.get("unserved")),
            certificate=_load_certificate(document.get("certificate")),
        )
    except _UNREADABLE as error:
        raise RecordError(f"a key document of the keyring lacks a readable {_culprit(error)}") from None


def dump_rest(record: Record) -> Document:
    """Return the document of everything that is not a key."""
    return {
        "format": FORMAT,
        "set": record.set_name,
        "uid": record.uid,
        "spec": record.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        "step": None if record.step is None else _dump_step(record.step),
        "honoured": {name: _time(stamp) for name, stamp in record.honoured.items()},
        "leadFloor": {key_class.value: _time(floor) for key_class, floor in record.lead_floor.items()},
        "formerLeads": {key_class.value: format_duration(lead) for key_class, lead in record.former_leads.items()},
        "longest": {name: format_duration(fact) for name, fact in record.longest.items()},
        "longestUntil": _time(record.longest_until),
        "lost": list(record.lost),
        "objects": dict(record.objects),
        "history": [{"time": _time(entry.time), **_dump_happening(entry.happening)} for entry in record.history],
        "restart": record.restart,
        "intakes": {name: _dump_intake(intake) for name, intake in record.intakes.items()},
        "tombstones": [_dump_tombstone(stone) for stone in record.tombstones],
        "historical": None
        if record.historical is None
        else {"digest": record.historical.digest, "jwt": record.historical.jwt},
    }


def load(rest: Document, keys: tuple[KeyRecord, ...]) -> Record:
    """Return the record; raises RecordError for a format or content that this version does not know."""
    if rest.get("format") != FORMAT:
        raise RecordError(
            f"the keyring has format {str(rest.get('format'))[:20]!r} and this version reads {FORMAT}; "
            "run the version of jwks-operator that wrote it, or a newer one"
        )
    try:
        return Record(
            set_name=_text(rest["set"]),
            spec=JsonWebKeySetSpec.model_validate(rest["spec"], by_alias=True, by_name=False),
            keys=keys,
            uid=_text(rest["uid"]),
            step=_load_step(rest["step"]),
            honoured={name: _required(stamp) for name, stamp in _members(rest["honoured"]).items()},
            lead_floor={KeyClass(name): _required(floor) for name, floor in _members(rest["leadFloor"]).items()},
            former_leads={
                KeyClass(name): parse_sum(lead) for name, lead in _members(rest.get("formerLeads", {})).items()
            },
            longest={name: parse_sum(fact) for name, fact in _members(rest.get("longest", {})).items()},
            longest_until=_moment(rest.get("longestUntil")),
            lost=tuple(_text(name) for name in rest["lost"]),
            objects={name: _text(uid) for name, uid in _members(rest["objects"]).items()},
            history=tuple(HistoryEntry(_required(entry["time"]), _load_happening(entry)) for entry in rest["history"]),
            restart=_text(rest.get("restart", "")),
            intakes={name: _load_intake(intake) for name, intake in _members(rest.get("intakes", {})).items()},
            tombstones=tuple(_load_tombstone(stone) for stone in rest["tombstones"]),
            historical=_load_historical(rest.get("historical")),
        )
    except ValidationError:
        raise RecordError("the keyring holds a spec that this version cannot read") from None
    except _UNREADABLE as error:
        raise RecordError(f"the record in the keyring lacks a readable {_culprit(error)}") from None


def _dump_intake(intake: Intake) -> Document:
    return {
        "taken": list(intake.taken),
        "sources": list(intake.sources),
        "followed": intake.followed,
        "bereft": intake.bereft,
    }


def _load_intake(document: Mapping[str, Any]) -> Intake:
    return Intake(
        taken=tuple(_text(mark) for mark in document["taken"]),
        sources=tuple(_text(name) for name in document["sources"]),
        followed=document["followed"] is True,
        bereft=document["bereft"] is True,
    )


def _dump_certificate(certificate: Certificate) -> Document:
    return {
        "x5c": list(certificate.x5c),
        "issued": _time(certificate.issued),
        "notAfter": _time(certificate.not_after),
        "terms": certificate.terms,
    }


def _load_certificate(document: Mapping[str, Any] | None) -> Certificate | None:
    if document is None:
        return None
    return Certificate(
        x5c=tuple(_text(each) for each in document["x5c"]),
        issued=_required(document["issued"]),
        not_after=_required(document["notAfter"]),
        terms=_text(document["terms"]),
    )


def _dump_tombstone(stone: Tombstone) -> Document:
    document = {
        "digest": stone.digest,
        "reason": stone.reason,
        "time": _time(stone.time),
        "kid": stone.kid,
        "key": stone.key,
        "former": None if stone.former is None else _dump_former(stone.former),
    }
    return {name: value for name, value in document.items() if value is not None}


def _load_tombstone(value: object) -> Tombstone:
    document = _members(value)
    former = document.get("former")
    return Tombstone(
        _text(document["digest"]),
        _text(document["reason"]),
        _required(document["time"]),
        _text(document.get("kid", "")),
        _text(document.get("key", "")),
        None if former is None else _load_former(former),
    )


def _dump_former(former: Former) -> Document:
    document = {
        "public": dict(former.public),
        "expired": _time(former.expired),
        "issued": _time(former.issued),
        "revoked": former.revoked,
    }
    return {name: value for name, value in document.items() if value is not None}


def _load_former(value: object) -> Former:
    document = _members(value)
    return Former(
        public=dict(_members(document["public"])),
        expired=_required(document["expired"]),
        issued=_moment(document.get("issued")),
        revoked=None if "revoked" not in document else _text(document["revoked"]),
    )


def _load_historical(document: Mapping[str, Any] | None) -> Historical | None:
    return None if document is None else Historical(_text(document["digest"]), _text(document["jwt"]))


def _dump_step(step: Step) -> Document:
    return {
        "kind": step.kind.value,
        "happenings": [_dump_happening(happening) for happening in step.happenings],
    }


def _load_step(document: Document | None) -> Step | None:
    if document is None:
        return None
    return Step(StepKind(document["kind"]), tuple(_load_happening(told) for told in document["happenings"]))


def _dump_happening(happening: Happening) -> Document:
    return {
        "event": happening.event,
        "reason": happening.reason,
        "kid": happening.kid,
        "entry": happening.entry,
    }


def _load_happening(document: Mapping[str, Any]) -> Happening:
    return Happening(*(_text(document[name]) for name in ("event", "reason", "kid", "entry")))


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else _required(text)


def _required(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs a time zone")
    return moment.astimezone(UTC)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _members(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("not an object")
    return value


def _culprit(error: Exception) -> str:
    return f"member {error.args[0]!r}" if isinstance(error, KeyError) else "value"
