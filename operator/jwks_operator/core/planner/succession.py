"""Which transition brings the next key of an entry into use, and when at the earliest?

A pending key becomes active when a trigger is due, its rotation's window is open, and verifiers (receivers, for
encryption) have had it for its lead. Without a pending key one is published in advance, or one lead before its use.
Where nothing usable is left, after a loss or a revocation, the next key is used at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from jwks_operator.api.reasons import Wait
from jwks_operator.api.spec import Prepublish, Recovery
from jwks_operator.core.features.imports import Offer, generates_keys, is_followed, is_imported
from jwks_operator.core.model.policy import EntryPolicy, Rotation
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.planner.candidate import Candidate
from jwks_operator.core.planner.causes import Cause, Trigger, list_triggers
from jwks_operator.core.planner.gated_keys import awaits_anybody, find_confirmation_time
from jwks_operator.core.planner.key_choice import find_former_key, find_next_key, fits_entry, lacks_successor
from jwks_operator.core.planner.requests import Requests, Verb, list_outstanding_times
from jwks_operator.core.timing.formulas import LONG_AGO, bounds_of, rotation_of
from jwks_operator.core.timing.windows import next_opening
from jwks_operator.core.transitions.transition_table import State, Transition
from jwks_operator.keys.algorithms import ALGORITHMS


@dataclass(frozen=True, slots=True)
class Succession:
    """One entry of a set, with the requests and the offer that concern it."""

    record: Record
    entry: EntryPolicy
    requests: Requests
    offer: Offer

    def candidates(self) -> Iterator[Candidate]:
        """Yield the candidates of this entry: pending keys it no longer wants, its next key, its way back."""
        yield from self._unwanted()
        yield from self._next()
        yield from self._roll_back()

    def _unwanted(self) -> Iterator[Candidate]:
        for key in self.record.of(self.entry.name, State.PENDING):
            if not fits_entry(key, self.entry, self.record.policy):
                yield self._at_once(removal_of_pending(key), Cause.ALGORITHM_CHANGED, key.kid)
            elif self._is_outdated(key):
                yield self._at_once(removal_of_pending(key), Cause.SOURCE_RENEWED, key.kid)

    def _next(self) -> Iterator[Candidate]:
        active = self.record.active(self.entry.name)
        pending = find_next_key(self.record, self.entry)
        if active is None and lacks_successor(self.record, self.entry):
            yield from self._replacement(pending)
            return
        yield from self._import()
        triggers = list_triggers(self.record, self.entry, active, self.requests)
        if self.record.policy.suspend or (pending is None and not generates_keys(self.record, self.entry)):
            cause = Cause.SUSPENDED if self.record.policy.suspend else Cause.SOURCE_FOLLOWED
            yield from self._refusals(Transition.REFUSE_ROTATION, Verb.ROTATE, cause)
            triggers = tuple(trigger for trigger in triggers if not trigger.is_requested)
        if active is None:
            yield from self._first(pending, triggers)
        elif pending is not None:
            yield from self._activation(pending, triggers)
        elif generates_keys(self.record, self.entry):
            yield from self._publication(active, triggers)
        elif self.entry.is_external and self.offer.key is None:
            yield from self._missing_successor(active, triggers)

    def _replacement(self, pending: KeyRecord | None) -> Iterator[Candidate]:
        """The pending key, one from the source or a new one is used at once."""
        lost = self.entry.name in self.record.lost
        cause = Cause.KEY_LOST if lost else Cause.REVOCATION
        if pending is None and self.offer.key is not None:
            yield replace(self._at_once(Transition.REPLACE, cause, self.offer.key.kid), offer=self.offer)
        elif lost and self.record.policy.recovery is not Recovery.REGENERATE:
            yield from self._refusals(Transition.REFUSE_ROTATION, Verb.ROTATE, Cause.KEY_LOST)
        elif pending is not None or generates_keys(self.record, self.entry):
            yield self._at_once(Transition.REPLACE, cause, "" if pending is None else pending.kid)
        else:
            yield from self._refusals(Transition.REFUSE_ROTATION, Verb.ROTATE, Cause.SOURCE_FOLLOWED)

    def _import(self) -> Iterator[Candidate]:
        offer = self.offer
        if offer.key is not None or offer.former or offer.adopts:
            kid = "" if offer.key is None else offer.key.kid
            yield replace(self._at_once(Transition.IMPORT, Cause.IMPORT, kid), offer=offer)

    def _first(self, pending: KeyRecord | None, triggers: tuple[Trigger, ...]) -> Iterator[Candidate]:
        """An entry added to a living set waits its lead, whatever its schedule and windows say.

        Not in an emergency, if it was asked for after the entry was added: a former entry may have had the same name.
        """
        if pending is None and generates_keys(self.record, self.entry):
            yield self._at_once(Transition.PUBLISH, Cause.ENTRY_ADDED)
        elif pending is not None:
            asked = tuple(trigger for trigger in triggers if trigger.time >= pending.created)
            yield from self._emergencies(Transition.ACTIVATE, pending.kid if pending.published else "", asked)
            yield from self._earliest_use(pending, (Trigger(LONG_AGO, Cause.ENTRY_ADDED),), Rotation())

    def _activation(self, pending: KeyRecord, triggers: tuple[Trigger, ...]) -> Iterator[Candidate]:
        """The pending key follows for any trigger; an imported key follows by itself."""
        rotation = rotation_of(self.record.policy, self.entry)
        yield from self._emergencies(Transition.ACTIVATE, pending.kid if pending.published else "", triggers)
        uses = list(self._earliest_use(pending, triggers, rotation))
        for key in self.record.of(self.entry.name, State.PENDING):
            if fits_entry(key, self.entry, self.record.policy) and self._follows_by_itself(key):
                uses += self._earliest_use(key, (Trigger(LONG_AGO, Cause.IMPORT),), rotation)
        yield from sorted(uses, key=lambda use: use.time)[:1]

    def _publication(self, active: KeyRecord, triggers: tuple[Trigger, ...]) -> Iterator[Candidate]:
        """The next key is published in advance: always, or one lead before its first permitted use."""
        rotation = rotation_of(self.record.policy, self.entry)
        if rotation.prepublish is Prepublish.ALWAYS:
            yield self._at_once(Transition.PUBLISH, Cause.PREPUBLISH)
            return
        yield from self._emergencies(Transition.PUBLISH, "", triggers)
        # A calendar cannot be asked about the year 1.
        soonest = _soonest(rotation, triggers, active.created)
        if soonest is not None:
            time, trigger = soonest
            lead = bounds_of(self.record.policy, rotation, ALGORITHMS[self.entry.algorithm].key_class).lead
            when = LONG_AGO if time - LONG_AGO < lead else time - lead
            yield Candidate(when, Transition.PUBLISH, self.entry.name, "", trigger.cause, _wait_for(trigger))

    def _missing_successor(self, active: KeyRecord, triggers: tuple[Trigger, ...]) -> Iterator[Candidate]:
        """A source has to bring the next key one lead before its first permitted use; nothing else can."""
        rotation = rotation_of(self.record.policy, self.entry)
        soonest = _soonest(rotation, triggers, active.created)
        if soonest is not None:
            time, trigger = soonest
            when = max(time - active.bounds.lead, active.created)
            candidate = Candidate(when, Transition.PUBLISH, self.entry.name, "", trigger.cause, Wait.SUCCESSOR)
            yield replace(candidate, gated=True)

    def _follows_by_itself(self, key: KeyRecord) -> bool:
        """Tell whether a pending key waits for no trigger: it was imported, and its schedule is its source's."""
        return not self.entry.is_external and is_imported(self.record, key)

    def _emergencies(self, transition: Transition, kid: str, triggers: tuple[Trigger, ...]) -> Iterator[Candidate]:
        """An emergency waits for nothing but its time: no lead, no window, no endpoint."""
        times = sorted(trigger.time for trigger in triggers if trigger.is_emergency)
        if times and (kid or transition is Transition.PUBLISH):
            candidate = self._at_once(transition, Cause.EMERGENCY, kid)
            yield replace(candidate, time=times[0], waiting_for=Wait.REQUESTED_TIME)

    def _earliest_use(
        self, pending: KeyRecord, triggers: tuple[Trigger, ...], rotation: Rotation
    ) -> Iterator[Candidate]:
        """Yield the soonest permitted use of a pending key; none without a trigger or a confirmed publication."""
        if pending.published is None:
            return
        known = time_known_everywhere(self.record, pending, pending.published)
        soonest = _soonest(rotation, triggers, known)
        if soonest is None:
            return
        time, trigger = soonest
        yield Candidate(
            time,
            Transition.ACTIVATE,
            pending.entry,
            pending.kid,
            trigger.cause,
            _wait_for(trigger) if time == trigger.time else Wait.LEAD if time == known else Wait.WINDOW,
            gated=awaits_anybody(self.record, pending),
            windowed=bool(rotation.windows or rotation.freezes),
        )

    def _roll_back(self) -> Iterator[Candidate]:
        """The former key is used again, for the oldest request; without such a key the request is refused."""
        former = find_former_key(self.record, self.entry)
        if self.record.policy.suspend or former is None:
            cause = Cause.SUSPENDED if self.record.policy.suspend else Cause.NO_FORMER_KEY
            yield from self._refusals(Transition.REFUSE_ROLL_BACK, Verb.ROLLBACK, cause)
            return
        asked = list_outstanding_times(self.record, self.requests, Verb.ROLLBACK, self.entry.name)
        if asked and former.published is not None:
            time = max(asked[0], former.published + former.bounds.lead)
            wait = Wait.REQUESTED_TIME if time == asked[0] else Wait.LEAD
            yield Candidate(time, Transition.ROLL_BACK, self.entry.name, former.kid, Cause.ROLL_BACK, wait)

    def _refusals(self, transition: Transition, verb: Verb, cause: Cause) -> Iterator[Candidate]:
        """A request that cannot be honoured is answered at its time, and never kept for later."""
        for time in list_outstanding_times(self.record, self.requests, verb, self.entry.name)[:1]:
            yield replace(self._at_once(transition, cause), time=time, waiting_for=Wait.REQUESTED_TIME)

    def _is_outdated(self, key: KeyRecord) -> bool:
        """Tell whether a followed source holds another key by now than this pending one."""
        current = self.offer.current
        return current is not None and is_followed(self.record, self.entry) and key.thumbprint != current

    def _at_once(self, transition: Transition, cause: Cause, kid: str = "") -> Candidate:
        return Candidate(LONG_AGO, transition, self.entry.name, kid, cause)


def removal_of_pending(key: KeyRecord) -> Transition:
    """Return how an unwanted pending key goes: one that may have been used keeps its retention."""
    return Transition.RETIRE if key.possibly_used else Transition.DESTROY


def time_known_everywhere(record: Record, pending: KeyRecord, published: datetime) -> datetime:
    """Return when verifiers have the key: its lead after it was published, served and seen, or a longer former lead."""
    known = max(published, find_confirmation_time(record, pending) or published) + pending.bounds.lead
    return max(known, record.lead_floor.get(pending.key_class, known))


def _soonest(rotation: Rotation, triggers: tuple[Trigger, ...], earliest: datetime) -> tuple[datetime, Trigger] | None:
    """Return the first open moment for any trigger that is no emergency, not before this time; None if none opens."""
    uses = ((next_opening(rotation, max(one.time, earliest)), one) for one in triggers if not one.is_emergency)
    opened = [(time, trigger) for time, trigger in uses if time is not None]
    return min(opened, key=lambda use: (use[0], use[1].time), default=None)


def _wait_for(trigger: Trigger) -> Wait:
    return Wait.REQUESTED_TIME if trigger.is_requested else Wait.SCHEDULE
