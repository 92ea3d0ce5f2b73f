"""Is a key really served? What the ready endpoints of `spec.publish.serviceName` must show before a wait begins.

A wait of the record counts from confirmed writes and believes `propagation`. With a Service the operator looks:

* a pending signature key is used only when its lead has passed since every ready endpoint served it;
* a retired encryption key is removed only when its retention has passed since no ready endpoint served it any more.

The witness (`served`, `unserved`) is written once and taken back only when an endpoint is seen to say otherwise;
right before the move everybody is asked once more. An endpoint that does not answer, or a Service without ready
endpoints, says nothing: then nothing is stamped, nothing is taken back, and the move is withheld. Emergencies,
revocations, first keys and replacements of what was lost do not ask. Endpoints are asked only while a key waits for
them, ever less often.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from jwks_operator.api.reasons import Reason, Wait
from jwks_operator.api.serving_spec import JWKS_PATH
from jwks_operator.core.model.observed_state import Endpoint, Endpoints, ObservedState
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.planner.candidate import Candidate, Candidates
from jwks_operator.core.planner.gated_keys import (
    NAMED,
    awaits_endpoints,
    is_gated,
    list_keys_to_confirm,
    pause_since,
)
from jwks_operator.core.transitions.transition_table import Hold, State


@dataclass(frozen=True, slots=True)
class Question:
    """What the ready endpoints of a Service are asked: at which path, about which kids."""

    service: str
    path: str
    kids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lag:
    """A key that waits for the endpoints, and those of them that stand in its way."""

    wait: ClassVar[Wait] = Wait.ENDPOINTS
    reason: ClassVar[Reason] = Reason.WAITING_FOR_ENDPOINTS

    kid: str
    entry: str
    pods: tuple[str, ...]
    """The ready endpoints that lag or do not tell, by name; empty if nobody could be asked."""
    text: str
    """What it waits for, in words."""
    since: datetime
    """When the wait began."""

    def again(self, now: datetime) -> datetime:
        """Return when to ask again."""
        return now + pause_since(self.since, now)


def find_question(
    observed: ObservedState, record: Record, ripe: Iterable[Candidate], urgent: Collection[str]
) -> Question | None:
    """Return what to ask before these moves are made; None if nothing waits for an answer, or it is there already."""
    service = record.policy.publish.service_name
    kids = {key.kid for key in record.keys if awaits_endpoints(record, key)}
    kids |= {key.kid for key in _to_be_confirmed(record, ripe, urgent)}
    if service is None or not kids or observed.endpoints is not None:
        return None
    return Question(service, path_of(record.policy), frozenset(kids))


def path_of(policy: Policy) -> str:
    """Return where an endpoint serves the set."""
    return next(iter(policy.publish.paths), JWKS_PATH)


def record_answers(observed: ObservedState, record: Record, now: datetime) -> Record:
    """Return the record with the witnesses that the answers of this pass give, and without those that they deny."""
    said = observed.endpoints
    if said is None or record.policy.publish.service_name is None:
        return record
    changed = []
    for key in record.keys:
        if key.kid in said.kids and is_gated(key):
            if _agreed(said, key):
                changed.append(_stamped(key, now))
            elif any(_denies(endpoint, key) for endpoint in said.ready):
                changed.append(replace(key, served=None, unserved=None))
    return record.with_keys(*changed)


def keep_confirmed(observed: ObservedState, record: Record, ripe: Candidates, urgent: Collection[str]) -> Candidates:
    """Return the moves that may be made: those that ask nobody, and those about which everybody agrees now."""
    said = observed.endpoints
    doubtful = {key.kid for key in _to_be_confirmed(record, ripe, urgent) if said is None or not _agreed(said, key)}
    return tuple(move for move in ripe if move.kid not in doubtful)


def list_lags(observed: ObservedState, record: Record, withheld: Iterable[Candidate]) -> tuple[Lag, ...]:
    """Return what waits for the endpoints: keys without a witness, and moves withheld for a last look."""
    kids = {move.kid for move in withheld}
    waiting = (key for key in record.keys if awaits_endpoints(record, key) or key.kid in kids)
    return tuple(_lag(observed.endpoints, record, key) for key in waiting)


def list_lag_troubles(record: Record, waiting: Iterable[Lag], now: datetime) -> tuple[Trouble, ...]:
    """Return what a person has to know: endpoints that take longer than the spec says that propagation takes."""
    patience = record.policy.facts.propagation
    found = []
    for lag in waiting:
        if now - lag.since >= patience:
            sentence = f"key {lag.kid} of {lag.entry} waits for {lag.text}"
            found.append(Trouble(Reason.ENDPOINTS_LAG, sentence, about=lag.kid))
    return tuple(found)


def _to_be_confirmed(record: Record, ripe: Iterable[Candidate], urgent: Collection[str]) -> tuple[KeyRecord, ...]:
    """The keys of moves that are made only after a last look."""
    asks = record.policy.publish.service_name is not None
    return list_keys_to_confirm(record, ripe, urgent, Hold.ENDPOINTS) if asks else ()


def _agreed(said: Endpoints, key: KeyRecord) -> bool:
    """Whether there are endpoints, and all of them tell what the key waits for."""
    told = all(endpoint.keys is not None and not _denies(endpoint, key) for endpoint in said.ready)
    return key.kid in said.kids and bool(said.ready) and not said.trouble and told


def _denies(endpoint: Endpoint, key: KeyRecord) -> bool:
    """Whether an endpoint is seen to lack a key that is to be served, or to serve one that is not."""
    if endpoint.keys is None:
        return False
    if key.state is State.PENDING:
        return not any(all(jwk.get(name) == value for name, value in key.public.items()) for jwk in endpoint.keys)
    return any(jwk.get("kid") == key.kid for jwk in endpoint.keys)


def _stamped(key: KeyRecord, now: datetime) -> KeyRecord:
    if key.state is State.PENDING:
        return replace(key, served=key.served or now)
    return replace(key, unserved=key.unserved or now)


def _lag(said: Endpoints | None, record: Record, key: KeyRecord) -> Lag:
    service = record.policy.publish.service_name
    appears = key.state is State.PENDING
    since = (key.published if appears else key.retired) or key.created
    what = "to serve the key" if appears else "to serve it no more"
    text = f"every ready endpoint of Service {service} {what}"
    if said is None or key.kid not in said.kids:
        return Lag(key.kid, key.entry, (), text, since)
    if said.trouble or not said.ready:
        why = said.trouble or "there is none, or no such Service"
        return Lag(key.kid, key.entry, (), f"{text}; {why}", since)
    denying = [(one.name, "lacks it" if appears else "still serves it") for one in said.ready if _denies(one, key)]
    silent = [(one.name, one.trouble) for one in said.ready if one.keys is None]
    found = sorted((*denying, *silent))
    return Lag(key.kid, key.entry, tuple(name for name, _ in found), f"{text}; {_named(found)}", since)


def _named(found: list[tuple[str, str]]) -> str:
    named = ", ".join(f"{name} {how}" for name, how in found[:NAMED])
    more = len(found) - NAMED
    return f"{named} and {more} more do not" if more > 0 else named
