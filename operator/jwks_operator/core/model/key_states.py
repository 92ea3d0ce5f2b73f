"""Assigns the state of a key: the only code that does, and only as the table of transitions permits.

A key that changes its state loses the confirmed times that this makes untrue; `confirm_step` writes them again once the
effect is confirmed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from jwks_operator.core.features.historical import historical_key_of, within_limit
from jwks_operator.core.model.record import (
    HISTORY_LIMIT,
    TOMBSTONE_LIMIT,
    Bounds,
    FormerObject,
    HistoricalFacts,
    HistoryEntry,
    KeyRecord,
    Record,
    Tombstone,
)
from jwks_operator.core.timing.formulas import horizon_of
from jwks_operator.core.transitions.transition_table import MOVES, State
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass

LIVING = frozenset({State.PENDING, State.ACTIVE, State.RETIRED})


class IllegalMoveError(Exception):
    """A move that is not in the table: a defect of the planner, never of the input."""


@dataclass(frozen=True, slots=True)
class FreshKey:
    """The public face of a key that was just generated or found; its private half stays outside this room."""

    kid: str
    algorithm: str
    thumbprint: str
    public: dict[str, Any]
    has_private: bool = True
    ref: str = ""
    """What names a private half that is held elsewhere."""


def new_key_record(fresh: FreshKey, entry: str, state: State, created: datetime, bounds: Bounds) -> KeyRecord:
    """Return the record of a key in its first state, made at this time (UTC), nothing of it confirmed yet."""
    _permit(None, state)
    return KeyRecord(
        kid=fresh.kid,
        entry=entry,
        algorithm=fresh.algorithm,
        key_class=ALGORITHMS[fresh.algorithm].key_class,
        state=state,
        thumbprint=fresh.thumbprint,
        public=fresh.public,
        has_private=fresh.has_private,
        ref=fresh.ref,
        created=created,
        bounds=bounds,
    )


def enter_state(key: KeyRecord, state: State) -> KeyRecord:
    """Return the key in its next state; raises IllegalMoveError if the table does not know the move.

    Becoming active needs a private half. Destroyed and compromised keys lose theirs at once.
    """
    _permit(key.state, state)
    if State.RETIRED in {key.state, state}:
        key = replace(key, urls={})
    if state is State.ACTIVE:
        if not key.has_private:
            raise IllegalMoveError(f"{key.kid} has no private half and cannot become {state}")
        return replace(key, state=state, in_use_since=None, retired=None, unserved=None)
    if state is State.RETIRED:
        return replace(key, state=state, retired=None, unserved=None)
    return without_private_half(replace(key, state=state))


def without_private_half(key: KeyRecord) -> KeyRecord:
    """Return the key as it is once nobody here can use it any more."""
    return replace(key, has_private=False, ref="")


def confirm_step(record: Record, confirmed: datetime) -> Record:
    """Return the record after every effect of its unfinished step was confirmed at this time.

    Missing witnesses are stamped, destroyed keys leave a tombstone, and the step becomes history. Where a lowered
    fact was adopted, documents cached until now are believed for the former lead, and the former facts count on until
    all that began under them is over.
    """
    if record.step is None:
        return record
    living = tuple(_stamped(key, confirmed) for key in record.keys if key.state in LIVING)
    gone = tuple(key for key in record.keys if key.state not in LIVING)
    story = tuple(HistoryEntry(confirmed, told) for told in record.step.events)
    return replace(
        record,
        keys=living,
        step=None,
        lead_floor=_floors(record, confirmed) if record.former_leads else record.lead_floor,
        former_leads={},
        longest_until=confirmed + horizon_of(record)
        if record.longest and not record.longest_until
        else record.longest_until,
        former=_settled(record, confirmed),
        tombstones=_trimmed((*record.tombstones, *(_tombstone(record, key, confirmed) for key in gone))),
        history=(*record.history, *story)[-HISTORY_LIMIT:],
    )


def digest_of(kid: str, thumbprint: str) -> str:
    """Return what a tombstone remembers of a key."""
    return _digest(f"{kid}\n{thumbprint}")


def is_buried(record: Record, fresh: FreshKey) -> bool:
    """Tell whether this key, or another one of its kid, was destroyed or revoked before and must not come back."""
    whole, kid, key = digest_of(fresh.kid, fresh.thumbprint), _digest(fresh.kid), _digest(fresh.thumbprint)
    return any(whole == stone.digest or kid == stone.kid or key == stone.key for stone in record.tombstones)


def is_kid_buried(record: Record, kid: str) -> bool:
    """Tell whether a tombstone stands for a key of this kid."""
    return any(stone.kid == _digest(kid) for stone in record.tombstones)


def tombstone_for(
    key: KeyRecord | FreshKey, state: State, time: datetime, told: HistoricalFacts | None = None
) -> Tombstone:
    """Return the tombstone of a key that left in this state, with what the historical set says of it."""
    digest = digest_of(key.kid, key.thumbprint)
    return Tombstone(digest, state.value, time, _digest(key.kid), _digest(key.thumbprint), told)


def tombstone_of_kid(kid: str, time: datetime) -> Tombstone:
    """Return the tombstone of a revoked key of which the kid alone is known."""
    return Tombstone(digest_of(kid, ""), State.COMPROMISED.value, time, _digest(kid))


def add_tombstones(record: Record, stones: Iterable[Tombstone]) -> Record:
    """Return the record with tombstones found elsewhere, of keys that it knows neither alive nor dead."""
    known = {stone.digest for stone in record.tombstones}
    known |= {digest_of(key.kid, key.thumbprint) for key in record.keys}
    news = sorted((stone for stone in stones if stone.digest not in known), key=lambda stone: stone.time)
    return replace(record, tombstones=_trimmed((*news, *record.tombstones)))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _permit(state: State | None, to: State) -> None:
    if (state, to) not in MOVES:
        raise IllegalMoveError(f"no key moves from {state or 'nothing'} to {to}")


def _stamped(key: KeyRecord, confirmed: datetime) -> KeyRecord:
    published = key.published or confirmed
    if key.state is State.ACTIVE:
        return replace(key, published=published, in_use_since=key.in_use_since or confirmed)
    if key.state is State.RETIRED:
        return replace(key, published=published, retired=key.retired or confirmed)
    return replace(key, published=published)


def _settled(record: Record, confirmed: datetime) -> dict[str, FormerObject]:
    """Return the former objects, each with the time from which on nothing depends on it."""
    until = confirmed + horizon_of(record)
    return {name: replace(each, until=each.until or until) for name, each in record.former.items()}


def _floors(record: Record, confirmed: datetime) -> dict[KeyClass, datetime]:
    """Return the former lead of each class, also of one without a key: a cached set says that it has none."""
    floors = dict(record.lead_floor)
    for key_class, lead in record.former_leads.items():
        floors[key_class] = max(floors.get(key_class, confirmed), confirmed + lead)
    return floors


def _tombstone(record: Record, key: KeyRecord, time: datetime) -> Tombstone:
    return tombstone_for(key, key.state, time, historical_key_of(record, key, time))


def _trimmed(stones: Iterable[Tombstone]) -> tuple[Tombstone, ...]:
    every = tuple(stones)
    trimmable = [stone for stone in every if stone.reason != State.COMPROMISED]
    dropped = {stone.digest for stone in trimmable[: max(0, len(trimmable) - TOMBSTONE_LIMIT)]}
    return within_limit(tuple(stone for stone in every if stone.digest not in dropped))
