"""Is a key seen by the public? What the URLs of `spec.publish.seenAt` must show before a wait begins (docs/adr/0035).

The endpoint gate asks the pods; a CDN, an ingress or a bucket in front of them may still show an older document. So:

* a pending signature key is used only when its lead has passed since every URL showed it;
* a retired encryption key is removed only when its retention has passed since no URL shows it any more.

A URL agrees when several looks agree, at the beginning, in the middle and at the end of the lifetime of a cached
document: one look sees one cache of many. The wait counts from the first of them, and later by what caches keep a
document longer than the spec states (`Cache-Control` and `Age` tell). One edge that denies it starts all of that
again; an edge that does not answer says nothing. Right before the transition every edge is asked once more. All of
this only adds to a wait.

Revocations, roll-backs and emergencies do not wait; what the URLs still show is reported.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from jwks_operator.api.durations import format_duration
from jwks_operator.api.reasons import Reason, Wait
from jwks_operator.core.model.observed_state import EdgeAnswer, ObservedState, UrlAnswer
from jwks_operator.core.model.record import KeyRecord, Record, UrlConfirmation, Withdrawn
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.planner.candidate import Candidate, Candidates
from jwks_operator.core.planner.gated_keys import (
    LOOKS,
    NAMED,
    SOONEST,
    is_confirmed,
    is_gated,
    lifetime_stated,
    list_keys_to_confirm,
    list_unconfirmed_urls,
    list_urls,
    pause_since,
)
from jwks_operator.core.transitions.transition_table import Hold, State
from jwks_operator.keys.algorithms import KeyClass

KID_SHOWN = 64
"""So much of a kid that a URL shows is repeated: anybody may have written it."""
_CURE = "purge it there, or let timing.edgeCache state how long it keeps a document"


@dataclass(frozen=True, slots=True)
class UrlQuestion:
    """Which URLs are asked about which kids."""

    urls: tuple[str, ...]
    kids: frozenset[str]


@dataclass(frozen=True, slots=True)
class UrlLag:
    """A key about which URLs have not agreed yet."""

    wait: ClassVar[Wait] = Wait.URLS
    reason: ClassVar[Reason] = Reason.WAITING_FOR_URLS

    kid: str
    entry: str
    state: State
    urls: tuple[str, ...]
    """The URLs that lag or do not tell; empty while all of them agree, and more looks are due."""
    text: str
    """What it waits for, in words."""
    late: bool
    """Whether that takes longer than the spec says that propagation and caches take."""
    next_look: datetime


def find_question(
    observed: ObservedState, record: Record, due: Iterable[Candidate], urgent: Collection[str], now: datetime
) -> UrlQuestion | None:
    """Return what to ask before these transitions are made; None if no URL has to be asked, or it was in this pass."""
    if observed.urls is not None or not record.policy.publish.seen_at:
        return None
    watched = _watched(record)
    urls = {url for key in watched for url in list_unconfirmed_urls(record, key) if _next_look(key, url, now) <= now}
    urls |= {url for key in _to_be_confirmed(record, due, urgent) for url in list_urls(record, key.entry)}
    urls |= {url for one in record.withdrawn for url in one.urls}
    kids = {key.kid for key in watched} | {one.kid for one in record.withdrawn}
    return UrlQuestion(tuple(sorted(urls)), frozenset(kids)) if urls else None


def record_answers(observed: ObservedState, record: Record, now: datetime) -> Record:
    """Return the record with what the answers of this pass confirm, and without what they deny."""
    if observed.urls is None:
        return record
    after = record.with_keys(*(_answered(observed.urls, record, key, now) for key in _watched(record)))
    left = (replace(one, urls=_still_shown(observed.urls, one)) for one in record.withdrawn)
    return replace(after, withdrawn=tuple(one for one in left if one.urls))


def keep_confirmed(observed: ObservedState, record: Record, due: Candidates, urgent: Collection[str]) -> Candidates:
    """Return the transitions that may be made: those that no URL holds, and those that every edge confirms now."""
    doubtful = {key.kid for key in _to_be_confirmed(record, due, urgent) if _find_lagging(observed, record, key)}
    return tuple(each for each in due if each.kid not in doubtful)


def list_lags(
    observed: ObservedState, record: Record, withheld: Iterable[Candidate], now: datetime
) -> tuple[UrlLag, ...]:
    """Return what the URLs have not agreed about: keys that wait, keys in use, and revoked keys."""
    if not record.policy.publish.seen_at:
        return ()
    kids = {each.kid for each in withheld}
    keys = (key for key in _watched(record) if key.kid in kids or list_unconfirmed_urls(record, key))
    revoked = (_lag_of_withdrawn(observed, one, now) for one in record.withdrawn)
    return (*(_lag(observed, record, key, now) for key in keys), *revoked)


def list_lag_troubles(observed: ObservedState, record: Record, lags: Iterable[UrlLag]) -> Iterator[Trouble]:
    """Yield what a person has to know: URLs that are refused, that lag, or that keep documents for too long."""
    refused = {url: answer for url, answer in (observed.urls or {}).items() if answer.refused}
    for url, answer in refused.items():
        cure = "ask the administrator of the operator to allow it (--seen-host), or remove it from spec.publish.seenAt"
        yield Trouble(Reason.URL_REFUSED, f"{url} {answer.trouble}, so nothing is fetched", cure, about=url)
    for lag in lags:
        if not lag.urls or refused.keys() >= {*lag.urls}:
            continue
        if lag.state is State.COMPROMISED:
            cure = "purge it there: verifiers trust the key until their copies expire"
            sentence = f"key {lag.kid} is revoked, and readers still wait for {lag.text}"
            yield Trouble(Reason.REVOKED_KEY_SHOWN, sentence, cure, about=lag.kid)
        elif lag.late:
            what = "is in use, and readers still wait for" if lag.state is State.ACTIVE else "waits for"
            yield Trouble(Reason.URL_LAGS, f"key {lag.kid} of {lag.entry} {what} {lag.text}", _CURE, about=lag.kid)
    yield from _list_long_lifetimes(record)


def _list_long_lifetimes(record: Record) -> Iterator[Trouble]:
    """Yield the URLs behind which caches keep documents longer than the spec states."""
    stated, policy = lifetime_stated(record.policy), record.policy
    longest: dict[str, timedelta] = {}
    for key in record.keys:
        for url, known in key.urls.items() if is_gated(key) else ():
            longest[url] = max(known.lifetime, longest.get(url, timedelta()))
    for url, lifetime in longest.items():
        if lifetime > stated:
            needed = format_duration(lifetime - stated + policy.facts.edge_cache)
            sentence = f"{url} lets a document live for {format_duration(lifetime)}, and timing states less"
            cure = f"set timing.edgeCache to at least {needed}, or let the URL keep it for less"
            yield Trouble(Reason.URL_KEEPS_LONGER, sentence, cure, about=url)


def _watched(record: Record) -> tuple[KeyRecord, ...]:
    """The keys that URLs are asked about: gated ones, and signature keys in use, which nothing holds any more."""
    return tuple(key for key in record.keys if list_urls(record, key.entry) and (is_gated(key) or _is_in_use(key)))


def _is_in_use(key: KeyRecord) -> bool:
    return key.key_class is KeyClass.SIGNATURE and key.state is State.ACTIVE and key.published is not None


def _to_be_confirmed(record: Record, due: Iterable[Candidate], urgent: Collection[str]) -> tuple[KeyRecord, ...]:
    """The keys of transitions that are made only after a last look."""
    held = list_keys_to_confirm(record, due, urgent, Hold.URLS)
    return tuple(key for key in held if list_urls(record, key.entry))


def _answered(answers: Mapping[str, UrlAnswer], record: Record, key: KeyRecord, now: datetime) -> KeyRecord:
    urls = dict(key.urls)
    for url in list_urls(record, key.entry):
        answer = answers.get(url)
        if answer is None:
            continue
        if any(_denies(edge, key) for edge in answer.edges):
            urls.pop(url, None)
        elif _agrees(answer, key):
            urls[url] = _confirm(urls.get(url), _lifetime(record, answer), now)
    return key if urls == key.urls else replace(key, urls=urls)


def _confirm(known: UrlConfirmation | None, lifetime: timedelta, now: datetime) -> UrlConfirmation:
    """Return the confirmation after one more look that agrees; a look too soon after the last one does not count."""
    if known is None:
        return UrlConfirmation(now, now, lifetime)
    known = replace(known, lifetime=max(lifetime, known.lifetime))
    if is_confirmed(known) or now < _next_counted(known):
        return known
    return replace(known, last=now, looks=known.looks + 1)


def _next_counted(known: UrlConfirmation) -> datetime:
    """Return when another look counts: after an equal part of the lifetime."""
    return known.last + max(known.lifetime / (LOOKS - 1), SOONEST)


def _lifetime(record: Record, answer: UrlAnswer) -> timedelta:
    """Return how long caches keep the document: as stated, or longer by what an edge tells, or by the age of a copy."""
    told = (max(edge.lifetime, edge.age) for edge in answer.edges)
    return max((lifetime_stated(record.policy), *told))


def _agrees(answer: UrlAnswer, key: KeyRecord) -> bool:
    """Whether there are edges, and all of them tell what the key waits for."""
    told = all(edge.keys is not None and not _denies(edge, key) for edge in answer.edges)
    return bool(answer.edges) and not answer.trouble and told


def _denies(edge: EdgeAnswer, key: KeyRecord) -> bool:
    """Whether an edge is seen to lack a signature key, or to show a retired encryption key."""
    if edge.keys is None:
        return False
    if key.key_class is KeyClass.SIGNATURE:
        return not any(all(jwk.get(name) == value for name, value in key.public.items()) for jwk in edge.keys)
    return key.kid in edge.kids


def _still_shown(answers: Mapping[str, UrlAnswer], one: Withdrawn) -> tuple[str, ...]:
    """Return the URLs that show a revoked key, or do not tell."""
    return tuple(url for url in one.urls if not (url in answers and _is_gone(answers[url], one.kid)))


def _is_gone(answer: UrlAnswer, kid: str) -> bool:
    told = all(edge.keys is not None and kid not in edge.kids for edge in answer.edges)
    return bool(answer.edges) and not answer.trouble and told


def _next_look(key: KeyRecord, url: str, now: datetime) -> datetime:
    """Return when to ask a URL about a key: at once without a confirmation, else when the next look counts."""
    known = key.urls.get(url)
    return now if known is None else _next_counted(known)


def _find_lagging(observed: ObservedState, record: Record, key: KeyRecord) -> tuple[str, ...]:
    """Return the URLs that do not confirm a key in this pass."""
    answers = observed.urls or {}
    urls = list_urls(record, key.entry)
    return tuple(url for url in urls if url not in answers or not _agrees(answers[url], key))


def _lag(observed: ObservedState, record: Record, key: KeyRecord, now: datetime) -> UrlLag:
    answers = observed.urls or {}
    since = (key.retired if key.state is State.RETIRED else key.published) or key.created
    open_ = list_unconfirmed_urls(record, key)
    lagging = tuple(url for url in list_urls(record, key.entry) if url in answers and not _agrees(answers[url], key))
    lagging = lagging or tuple(url for url in open_ if url not in key.urls)
    looks = [_next_look(key, url, now) for url in open_ if url in key.urls]
    again = now + pause_since(since, now)
    next_look = again if lagging or not looks else max(min(looks), now + SOONEST)
    what = "show it no more" if key.state is State.RETIRED else "show the key"
    told = "; ".join(_described(answers.get(url), key) for url in lagging[:NAMED])
    named = ", ".join(lagging or open_)
    text = f"{named} to {what}; {told}" if told else f"{named} to {what} for the lifetime of a cached document"
    late = now - since >= lifetime_stated(record.policy) + record.policy.facts.propagation
    return UrlLag(key.kid, key.entry, key.state, lagging, text, late, next_look)


def _described(answer: UrlAnswer | None, key: KeyRecord) -> str:
    if answer is None:
        return "it was not asked yet"
    return _told(answer, (edge for edge in answer.edges if edge.keys is None or _denies(edge, key)))


def _told(answer: UrlAnswer, wrong: Iterable[EdgeAnswer]) -> str:
    return f"it {answer.trouble}" if answer.trouble or not answer.edges else _named(wrong)


def _lag_of_withdrawn(observed: ObservedState, one: Withdrawn, now: datetime) -> UrlLag:
    answers = [(observed.urls or {}).get(url) for url in one.urls]
    told = "; ".join(
        _told(answer, (edge for edge in answer.edges if edge.keys is None or one.kid in edge.kids))
        for answer in answers
        if answer is not None
    )
    text = f"{', '.join(one.urls)} to show it no more" + (f"; {told}" if told else "")
    return UrlLag(one.kid, "", State.COMPROMISED, one.urls, text, True, now + pause_since(one.since, now))


def _named(edges: Iterable[EdgeAnswer]) -> str:
    """Return what edges show instead, or why that cannot be told: the copy's age would be news at each look."""
    found = sorted(f"{edge.edge} {edge.trouble or f'shows {_kids(edge)}'}" for edge in edges)
    more = len(found) - NAMED
    return ", ".join(found[:NAMED]) + (f" and {more} more do not agree" if more > 0 else "")


def _kids(edge: EdgeAnswer) -> str:
    shown = [kid[:KID_SHOWN] if kid.isprintable() else "?" for kid in edge.kids[:NAMED]]
    more = len(edge.kids) - NAMED
    return (", ".join(shown) or "no key") + (f" and {more} more" if more > 0 else "")
