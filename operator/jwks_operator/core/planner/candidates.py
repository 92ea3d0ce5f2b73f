"""What comes next, and when? Every move that the record and the spec in force hold in store.

A prospect says the earliest permitted time of one move and what it waits for. The plan carries out those
whose time has come; status and tools show the others. Every wait counts from a time in the record alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from jwks_operator.api.spec import Prepublish, Recovery
from jwks_operator.core.features.certificate_renewal import renewal
from jwks_operator.core.features.historical import outdated
from jwks_operator.core.features.imports import (
    NO_OFFER,
    NONE_OFFERED,
    Offer,
    Offers,
    generates,
    is_followed,
    is_imported,
)
from jwks_operator.core.model.policy import EntryPolicy, Rotation
from jwks_operator.core.model.record import Intake, KeyRecord, Record, State
from jwks_operator.core.planner.key_choice import former_key, longest_published
from jwks_operator.core.planner.requests import Requests, Verb, outstanding
from jwks_operator.core.planner.triggers import LONG_AGO, Cause, causes_of, fits
from jwks_operator.core.timing.formulas import bounds, entry_named, rollback_window, rotation_of
from jwks_operator.core.timing.windows import opening
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass


class Action(StrEnum):
    """The moves a set can have in store, in the order in which they take precedence."""

    REPLACE = "Replace"
    ROLL_BACK = "RollBack"
    ACTIVATE = "Activate"
    RETIRE = "Retire"
    IMPORT = "Import"
    PUBLISH = "Publish"
    DESTROY = "Destroy"
    FORGET = "Forget"
    CERTIFY = "Certify"
    SIGN = "Sign"


PRECEDENCE = {action: rank for rank, action in enumerate(Action)}
"""Rank of each action: the lowest goes first where several are due."""


class Wait(StrEnum):
    """What a move waits for."""

    NOTHING = ""
    SCHEDULE = "Schedule"
    LEAD = "Lead"
    WINDOW = "Window"
    REQUEST = "RequestedTime"
    RETENTION = "Retention"
    ROLLBACK_WINDOW = "RollbackWindow"
    RENEWAL = "Renewal"


@dataclass(frozen=True, slots=True)
class Prospect:
    """One move, permitted from `time` on; `why` is its cause in one word for Events and history."""

    time: datetime
    action: Action
    entry: str
    kid: str = ""
    waiting_for: Wait = Wait.NOTHING
    why: str = ""
    offer: Offer | None = None
    """The keys from elsewhere that this move brings, if it does."""
    unseen: bool = False
    """Whether the endpoints of the Service still have to show what it waits for: then `time` is not enough."""
    windowed: bool = False
    """Whether it may be made only inside a window and outside of every freeze."""


def prospects(record: Record, requests: Requests, offers: Offers = NONE_OFFERED) -> tuple[Prospect, ...]:
    """Return every move in store, first come first."""
    store = _Store(record, requests, offers)
    found = [*store.of_entries(), *store.of_retired(), *_of_leavers(record), *store.of_papers()]
    return tuple(sorted(found, key=lambda prospect: (prospect.time, PRECEDENCE[prospect.action])))


@dataclass(frozen=True, slots=True)
class _Store:
    """The facts that every prospect of one set is made from."""

    record: Record
    requests: Requests
    offers: Offers

    def of_entries(self) -> Iterator[Prospect]:
        for entry in self.record.policy.keys:
            for key in self.record.of(entry.name, State.PENDING):
                if not fits(key, entry, self.record.policy):
                    yield Prospect(LONG_AGO, Action.DESTROY, entry.name, key.kid, why="AlgorithmChanged")
                elif self._outdated(entry, key):
                    yield Prospect(LONG_AGO, Action.DESTROY, entry.name, key.kid, why="SourceRenewed")
            yield from self._succession(entry)
            yield from self._roll_back(entry)

    def _succession(self, entry: EntryPolicy) -> Iterator[Prospect]:
        """The next step towards the successor of an entry's active key."""
        active = self.record.active(entry.name)
        pending = longest_published(self.record, entry)
        rotation = rotation_of(self.record.policy, entry)
        if active is None and _bereft(self.record, entry):
            yield from self._replacement(entry, pending)
            return
        yield from self._intake(entry)
        if active is None:
            yield from self._first_of_entry(entry, pending)
        else:
            causes = causes_of(self.record, entry, active, self.requests)
            if pending is not None:
                yield from self._change(entry, pending, causes, rotation)
            elif not generates(self.record, entry):
                return
            elif rotation.prepublish is Prepublish.ALWAYS:
                yield Prospect(LONG_AGO, Action.PUBLISH, entry.name, why="Standby")
            else:
                yield from self._publication(entry, causes, rotation)

    def _replacement(self, entry: EntryPolicy, pending: KeyRecord | None) -> Iterator[Prospect]:
        """Nothing usable is left: the standby, a key from the source or a new one is used at once."""
        offer = self.offers.get(entry.name, NO_OFFER)
        lost = entry.name in self.record.lost
        why = "KeyLost" if lost else "Revocation"
        if pending is None and offer.key is not None:
            yield Prospect(LONG_AGO, Action.REPLACE, entry.name, offer.key.kid, why=why, offer=offer)
        elif lost and self.record.policy.recovery is not Recovery.REGENERATE:
            return
        elif pending is not None or generates(self.record, entry):
            yield Prospect(LONG_AGO, Action.REPLACE, entry.name, "" if pending is None else pending.kid, why=why)

    def _intake(self, entry: EntryPolicy) -> Iterator[Prospect]:
        offer = self.offers.get(entry.name, NO_OFFER)
        if offer.key is not None or offer.former or offer.adopts:
            kid = offer.key.kid if offer.key is not None else ""
            yield Prospect(LONG_AGO, Action.IMPORT, entry.name, kid, why="Import", offer=offer)

    def _outdated(self, entry: EntryPolicy, key: KeyRecord) -> bool:
        """Whether a followed source holds another key by now than the one that waits."""
        current = self.offers.get(entry.name, NO_OFFER).current
        return current is not None and is_followed(self.record, entry) and key.thumbprint != current

    def _change(
        self, entry: EntryPolicy, pending: KeyRecord, causes: tuple[Cause, ...], rotation: Rotation
    ) -> Iterator[Prospect]:
        """The standby follows for any cause; an imported key was asked for, and follows by itself."""
        ways = list(self._activation(pending, causes, rotation))
        for key in self.record.of(entry.name, State.PENDING):
            if fits(key, entry, self.record.policy) and is_imported(self.record, key):
                ways += self._activation(key, (Cause(LONG_AGO, "Import"),), rotation)
        yield from sorted(ways, key=lambda way: way.time)[:1]

    def _first_of_entry(self, entry: EntryPolicy, pending: KeyRecord | None) -> Iterator[Prospect]:
        """An entry added to a living set waits its lead, whatever its schedule and windows say."""
        if pending is None and generates(self.record, entry):
            yield Prospect(LONG_AGO, Action.PUBLISH, entry.name, why="EntryAdded")
        elif pending is not None:
            yield from self._activation(pending, (Cause(LONG_AGO, "EntryAdded"),), Rotation())

    def _publication(self, entry: EntryPolicy, causes: tuple[Cause, ...], rotation: Rotation) -> Iterator[Prospect]:
        """One lead before the first permitted use."""
        active = self.record.active(entry.name)
        born = LONG_AGO if active is None else active.created  # a calendar cannot be asked about the year 1
        uses = [(opening(rotation, max(cause.time, born)), cause) for cause in causes]
        time, cause = min(
            ((time, cause) for time, cause in uses if time is not None),
            key=lambda use: use[0],
            default=(None, None),
        )
        if time is not None and cause is not None:
            lead = bounds(self.record.policy, rotation, ALGORITHMS[entry.algorithm].key_class).lead
            when = LONG_AGO if time - LONG_AGO < lead else time - lead
            yield Prospect(when, Action.PUBLISH, entry.name, waiting_for=_wait(cause), why=cause.why)

    def _activation(self, pending: KeyRecord, causes: tuple[Cause, ...], rotation: Rotation) -> Iterator[Prospect]:
        """The soonest permitted use of a pending key; none without a cause or a confirmed publication."""
        if pending.published is None:
            return
        known = self._known_everywhere(pending, max(pending.published, pending.served or pending.published))
        held = awaits_endpoints(self.record, pending)
        emergencies = tuple(cause for cause in causes if cause.emergency)
        uses = []
        for cause in emergencies if held and emergencies else causes:
            time = cause.time if cause.emergency else opening(rotation, max(cause.time, known))
            if time is not None:
                uses.append((time, cause))
        if not uses:
            return
        time, cause = min(uses, key=lambda use: (use[0], use[1].time))
        waits = _wait(cause) if time == cause.time else Wait.LEAD if time == known else Wait.WINDOW
        move = Prospect(time, Action.ACTIVATE, pending.entry, pending.kid, waits, cause.why)
        bound = not cause.emergency
        yield replace(move, unseen=held and bound, windowed=bound and bool(rotation.windows or rotation.freezes))

    def _known_everywhere(self, pending: KeyRecord, published: datetime) -> datetime:
        """When everybody who checks has the key: its lead after publication, and after any longer former lead."""
        known = published + pending.bounds.lead
        return max(known, self.record.lead_floor.get(pending.key_class, known))

    def _roll_back(self, entry: EntryPolicy) -> Iterator[Prospect]:
        """A request to go back to the former key, also if there is none: then it is refused, once."""
        for request in outstanding(self.record, self.requests, Verb.ROLLBACK, entry.name)[:1]:
            former = former_key(self.record, entry)
            if former is None:
                yield Prospect(request.time, Action.ROLL_BACK, entry.name, "", Wait.REQUEST, "Request")
            elif former.published is not None:
                time = max(request.time, former.published + former.bounds.lead)
                waits = Wait.REQUEST if time == request.time else Wait.LEAD
                yield Prospect(time, Action.ROLL_BACK, entry.name, former.kid, waits, "Request")

    def of_retired(self) -> Iterator[Prospect]:
        held = held_kids(self.record, self.requests)
        for key in self.record.keys:
            if key.state is State.RETIRED and key.retired is not None:
                if key.has_private and key.key_class is KeyClass.SIGNATURE:
                    yield self._forgetting(key, key.retired)
                removal = removable(key, held)
                if removal is not None:
                    move = Prospect(removal, Action.DESTROY, key.entry, key.kid, Wait.RETENTION, "RetentionPassed")
                    yield replace(move, unseen=awaits_endpoints(self.record, key))

    def _forgetting(self, key: KeyRecord, retired: datetime) -> Prospect:
        rotation = rotation_of(self.record.policy, entry_named(self.record.policy, key.entry))
        time = retired + rollback_window(rotation, key.bounds.lead)
        return Prospect(time, Action.FORGET, key.entry, key.kid, Wait.ROLLBACK_WINDOW, "RollbackWindowPassed")

    def of_papers(self) -> Iterator[Prospect]:
        """Certificates to be made, renewed or taken from a source, and the historical set to be signed anew."""
        for key in self.record.keys:
            offer = self.offers.get(key.entry, NO_OFFER)
            due = renewal(self.record.policy, key)
            if due is not None:
                yield Prospect(due.time, Action.CERTIFY, key.entry, key.kid, Wait.RENEWAL, due.why)
            elif offer.current == key.thumbprint and offer.certificate not in {None, key.certificate}:
                yield Prospect(LONG_AGO, Action.CERTIFY, key.entry, key.kid, why="SourceRenewed")
        signing = outdated(self.record)
        if signing is not None:
            yield Prospect(LONG_AGO, Action.SIGN, signing.entry, signing.kid, why="HistoryChanged")


def _of_leavers(record: Record) -> Iterator[Prospect]:
    """Keys whose entry left the spec: in use → retired with its retention, never used → destroyed."""
    for key in record.keys:
        if entry_named(record.policy, key.entry) is None:
            if key.state is State.ACTIVE:
                yield Prospect(LONG_AGO, Action.RETIRE, key.entry, key.kid, why="EntryRemoved")
            elif key.state is State.PENDING:
                yield Prospect(LONG_AGO, Action.DESTROY, key.entry, key.kid, why="EntryRemoved")


def held_kids(record: Record, requests: Requests) -> frozenset[str]:
    """Return the kids that no time removes: those of the spec in force and of the annotation."""
    return requests.held.union(record.policy.held)


def removable(key: KeyRecord, held: frozenset[str]) -> datetime | None:
    """Return when a retired key may be destroyed; None while it is held or its retirement is unconfirmed."""
    if key.state is not State.RETIRED or key.retired is None or key.kid in held:
        return None
    return max(key.retired, key.unserved or key.retired) + key.bounds.retention


def awaits_endpoints(record: Record, key: KeyRecord) -> bool:
    """Tell whether a key still lacks its witness by the endpoints: served before use, unserved before removal."""
    if record.policy.publish.service_name is None:
        return False
    if key.key_class is KeyClass.SIGNATURE:
        return key.state is State.PENDING and key.published is not None and key.served is None
    return (
        key.key_class is KeyClass.ENCRYPTION
        and key.state is State.RETIRED
        and key.retired is not None
        and key.unserved is None
    )


def _bereft(record: Record, entry: EntryPolicy) -> bool:
    """Whether an entry without a key in use had one, so that the next is used at once."""
    return entry.name in record.lost or record.intakes.get(entry.name, Intake()).bereft


def _wait(cause: Cause) -> Wait:
    return Wait.REQUEST if cause.requested else Wait.SCHEDULE
