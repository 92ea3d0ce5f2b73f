"""Which keys wait for the endpoints of `spec.publish.serviceName` (docs/adr/0011) and the URLs of `seenAt` (0035)?"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from jwks_operator.api.defaults import HTTP_CACHES
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import KeyRecord, Record, UrlConfirmation
from jwks_operator.core.planner.candidate import Candidate
from jwks_operator.core.transitions.transition_table import Hold, State, Transition, is_held_by
from jwks_operator.keys.algorithms import KeyClass

LOOKS = 3
"""So many looks at a URL have to agree: at the beginning, in the middle and at the end of a document's lifetime."""


SOONEST = timedelta(seconds=2)
LATEST = timedelta(minutes=1)
"""Who lags is asked again after a quarter of the time waited so far, within these bounds."""
NAMED = 3
"""So many endpoints or edges, and kids of each, are named; of the others their number."""
_HELD = {State.PENDING: Transition.ACTIVATE, State.RETIRED: Transition.DESTROY}
"""What a gate holds back, by the state of a gated key."""


def is_gated(key: KeyRecord) -> bool:
    """Tell whether endpoints are asked about a key: a pending signature key, or a retired encryption key."""
    if key.key_class is KeyClass.SIGNATURE:
        return key.state is State.PENDING and key.published is not None
    return key.key_class is KeyClass.ENCRYPTION and key.state is State.RETIRED and key.retired is not None


def awaits_endpoints(record: Record, key: KeyRecord) -> bool:
    """Tell whether a key lacks its confirmation by the endpoints: served before use, unserved before removal."""
    if record.policy.publish.service_name is None or not is_gated(key):
        return False
    return (key.served if key.state is State.PENDING else key.unserved) is None


def awaits_urls(record: Record, key: KeyRecord) -> bool:
    """Tell whether a key lacks its confirmation by a URL: seen before use, unseen before removal."""
    return is_gated(key) and bool(list_unconfirmed_urls(record, key))


def awaits_anybody(record: Record, key: KeyRecord) -> bool:
    """Tell whether a key lacks a confirmation by endpoints or by URLs, so that its time is not enough."""
    return awaits_endpoints(record, key) or awaits_urls(record, key)


def list_urls(record: Record, entry: str) -> tuple[str, ...]:
    """Return the URLs that show the keys of an entry."""
    publish = record.policy.publish
    with_entry = {document.name for document in publish.documents if entry in document.entries}
    return tuple(one.url for one in publish.seen_at if one.document is None or one.document in with_entry)


def list_unconfirmed_urls(record: Record, key: KeyRecord) -> tuple[str, ...]:
    """Return the URLs of which too few looks have agreed about a key."""
    urls = list_urls(record, key.entry)
    return tuple(url for url in urls if url not in key.urls or not is_confirmed(key.urls[url]))


def is_confirmed(confirmation: UrlConfirmation) -> bool:
    """Tell whether enough looks agreed, from the first to the last over the lifetime of a cached document."""
    spread = confirmation.last - confirmation.since
    return confirmation.looks >= LOOKS and spread >= confirmation.lifetime


def lifetime_stated(policy: Policy) -> timedelta:
    """Return how long caches keep a document by the facts of the spec."""
    return policy.facts.total(HTTP_CACHES)


def list_keys_to_confirm(
    record: Record, due: Iterable[Candidate], urgent: Collection[str], hold: Hold
) -> tuple[KeyRecord, ...]:
    """Return the keys of due transitions that a gate passes only after a last look; `urgent` entries do not wait."""
    held = {
        (each.kid, each.transition)
        for each in due
        if is_held_by(each.transition, hold) and not (each.transition is Transition.ACTIVATE and each.entry in urgent)
    }
    return tuple(key for key in record.keys if is_gated(key) and (key.kid, _HELD[key.state]) in held)


def pause_since(since: datetime, now: datetime) -> timedelta:
    """Return how long to wait before one that lags is asked again, if the wait began then."""
    return min(max((now - since) / 4, SOONEST), LATEST)


def find_confirmation_time(record: Record, key: KeyRecord) -> datetime | None:
    """Return when the slowest of those that were asked agreed about a gated key; None if nobody did or was."""
    served = key.served if key.state is State.PENDING else key.unserved
    counted = [_counted(record, key.urls[url]) for url in list_urls(record, key.entry) if url in key.urls]
    return max((time for time in (served, *counted) if time is not None), default=None)


def _counted(record: Record, confirmation: UrlConfirmation) -> datetime:
    """Return the time from which a wait counts: later by what caches keep a document longer than the spec states."""
    excess = confirmation.lifetime - lifetime_stated(record.policy)
    return confirmation.since + max(excess, timedelta())
