"""From the moves whose time has come to one step: the intent that is written before any effect."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from jwks_operator.api.reasons import EventReason
from jwks_operator.core.model.key_states import FreshKey, moved
from jwks_operator.core.model.record import Happening, KeyRecord, Record, State, Step, StepKind
from jwks_operator.core.planner.candidates import Action, Prospect
from jwks_operator.core.planner.key_requests import Need, joining, need_of, new_key, unburied
from jwks_operator.core.planner.requests import Requests, Verb, honour
from jwks_operator.core.timing.formulas import entry_named

_KINDS = {
    Action.REPLACE: StepKind.ACTIVATE,
    Action.ACTIVATE: StepKind.ACTIVATE,
    Action.ROLL_BACK: StepKind.ROLL_BACK,
    Action.RETIRE: StepKind.RETIRE,
    Action.IMPORT: StepKind.PUBLISH,
    Action.PUBLISH: StepKind.PUBLISH,
    Action.DESTROY: StepKind.DESTROY,
    Action.FORGET: StepKind.FORGET,
}

Fresh = Mapping[Need, FreshKey]


def intent(record: Record, chosen: Iterable[Prospect], now: datetime, fresh: Fresh) -> Record:
    """Return the record with the step that carries out these moves, all of one action."""
    told: list[Happening] = []
    for move in chosen:
        record, news = _MOVERS[move.action](record, move, now, fresh)
        told += news
        kind = _KINDS[move.action]
    return replace(record, step=Step(kind, tuple(told))) if told else record


def honoured(record: Record, chosen: Iterable[Prospect], asked: Requests, now: datetime) -> Record:
    """Return the record that remembers which requests these moves answer."""
    verbs = {Action.ACTIVATE: Verb.ROTATE, Action.ROLL_BACK: Verb.ROLLBACK}
    for move in chosen:
        if move.action in verbs:
            record = honour(record, asked, (verbs[move.action],), (move.entry,), now)
    return record


Moved = tuple[Record, list[Happening]]


def _publish(record: Record, move: Prospect, now: datetime, fresh: Fresh) -> Moved:
    need = _need(record, move, State.PENDING)
    key = new_key(record.policy, need, now, unburied(record, fresh[need]))
    return record.with_keys(key), [_told(EventReason.KEY_PUBLISHED, key, move)]


def _activate(record: Record, move: Prospect, now: datetime, fresh: Fresh) -> Moved:
    del now, fresh
    successor = moved(_key(record, move), State.ACTIVE)
    told = [_told(EventReason.KEY_ACTIVATED, successor, move)]
    former = record.active(move.entry)
    if former is not None:
        record = record.with_keys(moved(former, State.RETIRED))
        told.append(_told(EventReason.KEY_RETIRED, former, move))
    lost = tuple(name for name in record.lost if name != move.entry)
    return replace(record.with_keys(successor), lost=lost), told


def _replace(record: Record, move: Prospect, now: datetime, fresh: Fresh) -> Moved:
    """Nothing usable is left: the standby, else a new key, is used at once. The loss stays on record."""
    if move.offer is not None:
        return _join(record, move, State.ACTIVE, now)
    if move.kid:
        key = moved(_key(record, move), State.ACTIVE)
    else:
        need = _need(record, move, State.ACTIVE)
        key = new_key(record.policy, need, now, unburied(record, fresh[need]))
    return record.with_keys(key), [_told(EventReason.KEY_ACTIVATED, key, move)]


def _import(record: Record, move: Prospect, now: datetime, fresh: Fresh) -> Moved:
    """What a source offers joins the set: a private key waits its lead, the public ones their retention."""
    del fresh
    return _join(record, move, State.PENDING, now)


def _roll_back(record: Record, move: Prospect, now: datetime, fresh: Fresh) -> Moved:
    """The former key is used again at once: it never left the check side. The refusal is told like the deed."""
    if not move.kid:
        told = Happening(EventReason.ROLLBACK_REFUSED, "no former key still has its private half", entry=move.entry)
        return record, [told]
    record, told_of = _activate(record, move, now, fresh)
    return record, [replace(told_of[0], event=EventReason.KEY_ROLLED_BACK), *told_of[1:]]


def _retire(record: Record, move: Prospect, now: datetime, fresh: Fresh) -> Moved:
    del now, fresh
    key = moved(_key(record, move), State.RETIRED)
    return record.with_keys(key), [_told(EventReason.KEY_RETIRED, key, move)]


def _destroy(record: Record, move: Prospect, now: datetime, fresh: Fresh) -> Moved:
    del now, fresh
    key = moved(_key(record, move), State.DESTROYED)
    return record.with_keys(key), [_told(EventReason.KEY_DESTROYED, key, move)]


def _forget(record: Record, move: Prospect, now: datetime, fresh: Fresh) -> Moved:
    del now, fresh
    key = replace(_key(record, move), has_private=False)
    return record.with_keys(key), [_told(EventReason.PRIVATE_HALF_DESTROYED, key, move)]


_MOVERS: Mapping[Action, Callable[[Record, Prospect, datetime, Fresh], Moved]] = {
    Action.REPLACE: _replace,
    Action.ACTIVATE: _activate,
    Action.ROLL_BACK: _roll_back,
    Action.RETIRE: _retire,
    Action.IMPORT: _import,
    Action.PUBLISH: _publish,
    Action.DESTROY: _destroy,
    Action.FORGET: _forget,
}


def _key(record: Record, move: Prospect) -> KeyRecord:
    return next(key for key in record.keys if key.kid == move.kid)


def _join(record: Record, move: Prospect, state: State, now: datetime) -> Moved:
    entry = entry_named(record.policy, move.entry)
    if entry is None or move.offer is None:
        raise LookupError(f"no entry {move.entry} to import a key for, or no key")
    record, told = joining(record, entry, move.offer, state, now)
    return record, list(told)


def _need(record: Record, move: Prospect, state: State) -> Need:
    entry = entry_named(record.policy, move.entry)
    if entry is None:
        raise LookupError(f"no entry {move.entry} to make a key for")
    return need_of(entry, state)


def _told(event: EventReason, key: KeyRecord, move: Prospect) -> Happening:
    return Happening(event, move.why, key.kid, key.entry)
