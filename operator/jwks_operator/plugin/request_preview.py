"""Requests as annotations, and a preview of their effect.

A request is an annotation beside what GitOps keeps: it is added to those that are there, under a field manager of its
own. What will happen is told by the planner, on the set as it would be with the annotation.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from jwks_operator.api import names
from jwks_operator.api.reasons import EventReason
from jwks_operator.api.status_model import JsonWebKeySetStatus, KeyState, KeyStatus, format_time
from jwks_operator.core.forecast import Forecast
from jwks_operator.core.model.record import HistoryEntry
from jwks_operator.core.planner.causes import Cause
from jwks_operator.plugin.cluster import ObservedSet
from jwks_operator.plugin.exit_codes import Exit, Failure, not_found_error, refusal_error
from jwks_operator.plugin.forecast_view import look_ahead

AHEAD = timedelta(days=366)
STEPS = 200
"""Steps of the planner that a preview computes: the effect of a request is among the first."""
_LIVING = frozenset({KeyState.PENDING, KeyState.ACTIVE, KeyState.RETIRED})

Annotations = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class RequestPreview:
    """One request: the annotations to write, its sentence, and the condition that fulfils it.

    `done` tells from a set whether it is; it raises Failure once it never will be. `gone` and `there` are the kids
    that must not, and must, be published then.
    """

    what: str
    annotations: Annotations
    done: Callable[[ObservedSet], bool]
    told: tuple[HistoryEntry, ...] = ()
    warnings: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    waits: bool = False
    """Whether the last step fulfils the request; else its observation by the operator does."""

    @property
    def when(self) -> datetime | None:
        """When the request will be fulfilled, by the plan; None if the plan has no transition for it."""
        return max((each.time for each in self.told), default=None)


def entries_of(seen: ObservedSet, chosen: tuple[str, ...], *, everything: bool) -> tuple[str, ...]:
    """Return the entries of a request: the named ones, all, or the only one."""
    there = tuple(dict.fromkeys(key.name for key in seen.status.keys if key.state in _LIVING))
    if unknown := [name for name in chosen if name not in there]:
        raise not_found_error(
            f"{seen.ref} has no entry {unknown[0]!r} with keys; it has {', '.join(there) or 'none yet'}"
        )
    if chosen or everything:
        return chosen or there
    if len(there) != 1:
        raise Failure(f"{seen.ref} has the entries {', '.join(there) or '(none yet)'}; name one, or --all", Exit.USAGE)
    return there


def keys_of(seen: ObservedSet, chosen: Iterable[str]) -> tuple[KeyStatus, ...]:
    """Return the living keys for kids, unique beginnings of kids, or names of entries (their active key)."""
    return tuple(_key(seen, text) for text in chosen)


def _key(seen: ObservedSet, text: str) -> KeyStatus:
    living = [key for key in seen.status.keys if key.state in _LIVING]
    for matching in (
        [key for key in living if key.kid == text],
        [key for key in living if key.name == text and key.state is KeyState.ACTIVE],
        [key for key in living if len(text) >= 4 and key.kid.startswith(text)],
    ):
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise not_found_error(f"{text!r} begins {len(matching)} kids of {seen.ref}; give more of it")
    raise not_found_error(
        f"{seen.ref} has no living key {text!r}; kubectl jwks status {seen.ref.name} -n {seen.ref.namespace}"
    )


def ask_rotate(
    seen: ObservedSet, entries: tuple[str, ...], now: datetime, at: datetime | None, *, emergency: bool
) -> RequestPreview:
    """Return the request to rotate entries, from a time on."""
    stamp = f"{format_time(at or now)}{'!' if emergency else ''}"
    text = _with_requests(seen, names.ANNOTATION_ROTATE, [f"{entry}@{stamp}" for entry in entries])
    annotations = {names.ANNOTATION_ROTATE: text}
    former = {entry: key.kid for entry in entries for key in [seen.active(entry)] if key is not None}
    foreseen = _foreseen(seen, annotations, now)
    refused = _changes(foreseen, entries, EventReason.ROTATION_REFUSED)
    _refuse_at_once(refused, now)
    told = _changes(foreseen, entries, EventReason.KEY_ACTIVATED)
    warnings = list(_brakes(seen, [entry for entry in entries if all(e.recorded.entry != entry for e in told)]))
    warnings += [f"it takes the place of the request {text}" for text in _outstanding(seen, entries, at or now)]
    if emergency:
        latency = seen.status.revocation_latency or "its lead"
        warnings.append(f"verifiers that have not fetched the new key reject its tokens, for up to {latency}")

    def done(later: ObservedSet) -> bool:
        _look_for_complaints(later)
        _look_for_refusals(later, EventReason.ROTATION_REFUSED, entries, at or now)
        actives = {entry: later.active(entry) for entry in entries}
        return all(key is not None and key.kid != former.get(entry) for entry, key in actives.items())

    what = f"{'Replace at once' if emergency else 'Replace'} the key of {', '.join(entries)}"
    return RequestPreview(what, annotations, done, told, tuple(warnings), waits=True)


def ask_rollback(seen: ObservedSet, entries: tuple[str, ...], now: datetime) -> RequestPreview:
    """Return the request to roll entries back to their previous keys."""
    stamp = format_time(now)
    text = _with_requests(seen, names.ANNOTATION_ROLLBACK, [f"{entry}@{stamp}" for entry in entries])
    annotations = {names.ANNOTATION_ROLLBACK: text}
    foreseen = _foreseen(seen, annotations, now)
    _refuse_at_once(_changes(foreseen, entries, EventReason.ROLLBACK_REFUSED), now)
    told = _changes(foreseen, entries, EventReason.KEY_ROLLED_BACK)
    wanted = {e.recorded.entry: e.recorded.kid for e in told if e.recorded.event == EventReason.KEY_ROLLED_BACK}

    def done(later: ObservedSet) -> bool:
        _look_for_complaints(later)
        _look_for_refusals(later, EventReason.ROLLBACK_REFUSED, entries, now)
        return all((key := later.active(entry)) is not None and key.kid == kid for entry, kid in wanted.items())

    what = f"Go back to the former key of {', '.join(entries)}"
    return RequestPreview(what, annotations, done, told, tuple(_brakes(seen, ())), waits=True)


def ask_hold(seen: ObservedSet, keys: tuple[KeyStatus, ...]) -> RequestPreview:
    """Return the request to hold keys."""
    kids = [*_listed(seen, names.ANNOTATION_HOLD), *(key.kid for key in keys)]
    annotations = {names.ANNOTATION_HOLD: ",".join(dict.fromkeys(kids))}
    return RequestPreview(_about("Hold", keys), annotations, lambda later: _held(later.status, keys, True))


def ask_unhold(seen: ObservedSet, keys: tuple[KeyStatus, ...], now: datetime) -> RequestPreview:
    """Return the request to release held keys; refused for keys in spec.held."""
    kids = {key.kid for key in keys}
    if seen.spec is not None and (kept := kids.intersection(seen.spec.held)):
        raise refusal_error(
            f"{', '.join(sorted(kept))} is held by spec.held; take it off that list where the set is kept"
        )
    rest = [kid for kid in _listed(seen, names.ANNOTATION_HOLD) if kid not in kids]
    annotations = {names.ANNOTATION_HOLD: ",".join(rest) or None}
    told = tuple(
        each
        for each in _foreseen(seen, annotations, now).events
        if each.recorded.event == EventReason.KEY_DESTROYED and each.recorded.kid in kids
    )
    return RequestPreview(
        _about("Hold no longer", keys), annotations, lambda later: _held(later.status, keys, False), told
    )


def ask_revoke(seen: ObservedSet, keys: tuple[KeyStatus, ...], reason: str, now: datetime) -> RequestPreview:
    """Return the request to revoke keys, for a reason."""
    kids = [key.kid for key in keys]
    listed = [part for part in _listed(seen, names.ANNOTATION_REVOKE) if part.rpartition("=")[0] not in kids]
    listed = [part for part in listed if part not in kids] + [f"{kid}={reason}" for kid in kids]
    annotations = {names.ANNOTATION_REVOKE: ",".join(listed)}
    events = _foreseen(seen, annotations, now).events
    told = tuple(each for each in events if each.time <= now + _SECOND)
    latency = seen.status.revocation_latency
    warnings = ["this is final: the private half is destroyed, tokens made with it fail"]
    if latency:
        warnings.append(f"verifiers may go on trusting it for up to {latency}, by the facts of spec.timing")

    def done(later: ObservedSet) -> bool:
        living = {key.kid for key in later.status.keys if key.state in _LIVING}
        return later.status.keys != () and not living.intersection(kids) and not {*kids}.intersection(later.published)

    return RequestPreview(_about(f"Revoke ({reason})", keys), annotations, done, told, tuple(warnings), tuple(kids))


_SECOND = timedelta(seconds=1)


def _foreseen(seen: ObservedSet, annotations: Annotations, now: datetime) -> Forecast:
    texts = {name: text for name, text in {**seen.annotations, **annotations}.items() if text is not None}
    observed = seen.observed(now, texts)
    if observed.spec is None or observed.record is None:
        raise refusal_error(f"{seen.ref} has no keys that could be asked about; kubectl jwks status {seen.ref.name}")
    return look_ahead(observed, now, now + AHEAD, STEPS)


def _changes(foreseen: Forecast, entries: tuple[str, ...], event: EventReason) -> tuple[HistoryEntry, ...]:
    """Return the first such event of each entry, with its other effects on the active keys of the entry."""
    first: dict[str, datetime] = {}
    for each in foreseen.events:
        if each.recorded.event == event and each.recorded.entry in entries:
            first.setdefault(each.recorded.entry, each.time)
    return tuple(
        each
        for each in foreseen.events
        if first.get(each.recorded.entry) == each.time and each.recorded.event in {event, EventReason.KEY_RETIRED}
    )


def _with_requests(seen: ObservedSet, annotation: str, new: list[str]) -> str:
    """Return the existing requests of other entries and the new ones: for one entry only the newest counts."""
    asked = {text.partition("@")[0] for text in new}
    kept = [text for text in _listed(seen, annotation) if text.partition("@")[0] not in asked]
    return ",".join([*kept, *new])


def _outstanding(seen: ObservedSet, entries: tuple[str, ...], stamp: datetime) -> Iterable[str]:
    """Return the pending requests of these entries, except the same one."""
    for text in _listed(seen, names.ANNOTATION_ROTATE):
        entry, _, time = text.removesuffix("!").partition("@")
        with suppress(ValueError):
            if entry in entries and datetime.fromisoformat(time) > stamp:
                yield text


def _listed(seen: ObservedSet, annotation: str) -> list[str]:
    return [text.strip() for text in seen.annotations.get(annotation, "").split(",") if text.strip()]


def _brakes(seen: ObservedSet, unforeseen: Iterable[str]) -> Iterable[str]:
    degraded = seen.condition("Degraded")
    if degraded is not None and degraded.status == "True":
        yield f"{degraded.reason}: {degraded.message}"
    if seen.spec is not None and seen.spec.suspend:
        yield "spec.suspend is true: a request whose time comes before it is false is refused, and not kept for later"
    elif unforeseen := list(unforeseen):
        yield f"nothing is foreseen for {', '.join(unforeseen)} within a year: see rotation.windows and freezes"


_CURES = {
    Cause.SUSPENDED: "ask again once spec.suspend is false; spec.revoked does not wait for it",
    Cause.SOURCE_FOLLOWED: "renew the key in its source",
    Cause.KEY_LOST: "set spec.recovery to Regenerate",
    Cause.NO_FORMER_KEY: (
        "kubectl jwks rotate brings a new key, spec.rotation.rollbackWindow keeps former ones longer"
    ),
}


def _refuse_at_once(refused: Iterable[HistoryEntry], now: datetime) -> None:
    """Raise Failure for a request that the operator would refuse as soon as it sees it."""
    for each in refused:
        if each.time <= now + _SECOND:
            raise refusal_error(f"{each.recorded.entry}: {_describe_refusal(each.recorded.reason)}")


def _look_for_refusals(later: ObservedSet, event: EventReason, entries: tuple[str, ...], since: datetime) -> None:
    """Raise Failure if the operator has refused a request that was asked for at this time: it never makes it."""
    for each in later.status.history:
        if each.event == event and each.name in entries and each.time >= since - _SECOND:
            why = _describe_refusal(each.reason or "")
            raise refusal_error(f"{each.name}: the operator refused the request, which is not kept for later: {why}")


def _describe_refusal(reason: str) -> str:
    cause = Cause.of(reason)
    if cause is None:
        return reason
    return f"{cause.text}; {_CURES[cause]}" if cause in _CURES else cause.text


def _look_for_complaints(later: ObservedSet) -> None:
    degraded = later.condition("Degraded")
    if degraded is not None and degraded.status == "True" and degraded.reason == "InvalidRequest":
        raise refusal_error(f"the operator cannot honour it: {degraded.message}")


def _held(status: JsonWebKeySetStatus, keys: tuple[KeyStatus, ...], held: bool) -> bool:
    kids = {key.kid for key in keys}
    return all(key.held is held for key in status.keys if key.kid in kids)


def _about(verb: str, keys: tuple[KeyStatus, ...]) -> str:
    return f"{verb}: {', '.join(f'{key.kid} ({key.name}, {key.state.value})' for key in keys)}"
