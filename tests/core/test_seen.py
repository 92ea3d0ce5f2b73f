"""Seen by the public before used: keys wait until the URLs show them, or show them no more."""

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise

import pytest

from core.edges import MAX_AGE, MINUTE, OTHER, PUBLIC, SEALED, URL, Edges, seen_by
from core.history import START, History, span
from core.pods import ROTATE, begun, says, until
from core.rows import annotate, doubt, edit, edit_configmap, lose_keyring, trust
from jwks_operator.api.reasons import Reason
from jwks_operator.core.planner.gated_keys import LATEST, LOOKS, NAMED, SOONEST

LEAD = span("70m")
WAITS = "signing: k1 Active, k2 Pending"
USED = "signing: k2 Active, k3 Pending, k1 Retired"


def since(history: History, kid: str, url: str = URL) -> datetime | None:
    (key,) = (key for key in history.known() if key.kid == kid)
    return key.urls[url].since if url in key.urls else None


def looks(history: History, kid: str, url: str = URL) -> int:
    (key,) = (key for key in history.known() if key.kid == kid)
    return key.urls[url].looks if url in key.urls else 0


# --- a signature key ---


def test_the_lead_counts_from_the_moment_at_which_the_slowest_edge_shows_the_key() -> None:
    history, edges = seen_by()
    edges.edge("b").keeps = span("20m")
    ROTATE(history)
    until(history, "15m")
    assert since(history, "k2") is None
    until(history, "25m")
    seen = since(history, "k2")
    assert seen is not None
    assert START + span("20m") <= seen <= START + span("20m") + LATEST
    history.live(seen + LEAD - MINUTE)
    assert history.states() == WAITS
    history.live(seen + LEAD + 6 * MINUTE)
    assert history.states() == USED
    assert not history.observer.gaps()


def test_the_slowest_of_two_urls_decides() -> None:
    spec = {**PUBLIC, "publish": {"seenAt": [{"url": URL}, {"url": OTHER}]}}
    history, edges = seen_by(spec, "a", urls=(URL, OTHER))
    edges.edge("a", OTHER).keeps = span("3h")
    ROTATE(history)
    until(history, "2h")
    assert since(history, "k2") is not None
    assert history.states() == WAITS
    message = says(history, "Degraded")[2]
    assert f"key k2 of signing waits for {OTHER} to show the key; a shows no key" in message


def test_a_single_look_is_not_believed() -> None:
    history, edges = seen_by()
    until(history, "6m")
    assert looks(history, "k2") == 1
    until(history, "8m+30s")
    assert looks(history, "k2") == LOOKS - 1
    until(history, "12m")
    assert looks(history, "k2") == LOOKS
    times = [at for at, question in edges.asked if "k2" in question.kids and at >= START + MAX_AGE]
    assert times[-1] - times[0] >= MAX_AGE, "the looks are spread over the lifetime of a cached document"


def test_looks_that_were_missed_are_made_up_before_the_key_is_used() -> None:
    history, _ = seen_by()
    ROTATE(history)
    until(history, "6m")
    assert looks(history, "k2") == 1
    history.now += span("3h")
    history.pass_()
    assert history.states() == WAITS, "its lead has passed, and only two looks agree"
    until(history, "190m")
    assert history.states() == USED


def test_an_edge_that_falls_back_starts_it_all_again() -> None:
    history, edges = seen_by()
    ROTATE(history)
    until(history, "6m")
    first = since(history, "k2")
    assert first is not None
    stale = edges.edge("c")
    stale.keys, stale.keeps, stale.fetched = [], span("30m"), history.now
    until(history, "9m")
    assert since(history, "k2") is None
    until(history, "45m")
    again = since(history, "k2")
    assert again is not None
    assert again >= START + span("36m")
    history.live(again + LEAD - MINUTE)
    assert history.states() == WAITS


def test_right_before_its_use_every_edge_is_asked_once_more() -> None:
    history, edges = seen_by()
    ROTATE(history)
    until(history, "70m")
    first = since(history, "k2")
    assert first is not None
    edges.edge("c").keeps = span("10h")
    history.live(first + LEAD + 2 * MINUTE)
    assert history.states() == WAITS
    assert since(history, "k2") is None
    assert "c shows no key" in says(history, "Degraded")[2]
    del edges.shown[URL]["c"]
    history.live(first + LEAD + LEAD)
    assert history.states() == WAITS, "the lead counts anew"
    history.live(first + LEAD + LEAD + 20 * MINUTE)
    assert history.states() == USED


def test_another_key_of_that_kid_does_not_count() -> None:
    history, edges = seen_by()
    edges.edge("b").keys = [{"kid": "k2", "kty": "EC", "crv": "P-256", "x": "other", "y": "k2"}]
    edges.edge("b").keeps = span("20m")
    until(history, "15m")
    assert since(history, "k2") is None


# --- how long caches keep a document ---


def test_a_cache_that_says_that_it_keeps_longer_than_stated_lengthens_the_wait_by_the_difference() -> None:
    history, edges = seen_by()
    for name in "ab":
        edges.edge(name).says = span("4h")
    ROTATE(history)
    until(history, "6m")
    seen = since(history, "k2")
    assert seen is not None
    status, reason, message = says(history, "Degraded")
    assert (status, reason) == ("True", Reason.URL_KEEPS_LONGER)
    assert "set timing.edgeCache to at least 3h55m" in message
    due = seen + span("4h") - MAX_AGE + LEAD
    history.live(due - MINUTE)
    assert history.states() == WAITS
    history.live(due + 6 * MINUTE)
    assert history.states() == USED


def test_the_age_of_a_copy_tells_that_a_cache_keeps_longer_than_stated() -> None:
    """The answer says five minutes, and the copy is forty minutes old: whoever stored an older one keeps it as long."""
    history, edges = seen_by()
    until(history, "6m")
    seen = since(history, "k2")
    assert seen is not None
    for name in "ab":
        edges.edge(name).keeps = span("10h")
    ROTATE(history)
    history.live(seen + LEAD - MINUTE)
    history.live(seen + LEAD + MINUTE)
    assert history.states() == WAITS
    (key,) = (key for key in history.known() if key.kid == "k2")
    assert key.urls[URL].lifetime > span("60m")
    edges.purge()
    for name in "ab":
        edges.edge(name).keeps = MAX_AGE
    history.live(seen + LEAD + span("3h"))
    assert history.states().startswith("signing: k2 Active")


def test_what_the_spec_states_already_lengthens_nothing() -> None:
    history, edges = seen_by({**PUBLIC, "timing": {"edgeCache": "4h"}})
    for name in "ab":
        edges.edge(name).says = span("4h")
    until(history, "6m")
    assert says(history, "Degraded")[0] == "False"
    ROTATE(history)
    seen = since(history, "k2")
    assert seen is not None
    history.live(seen + LEAD + span("4h") + MINUTE)
    assert history.states() == USED


# --- cannot tell ---


def one_is_away(edges: Edges) -> None:
    edges.edge("b").away = "did not answer within 5 s"


def no_address(edges: Edges) -> None:
    edges.shown[URL].clear()


@pytest.mark.parametrize("mute", [one_is_away, no_address])
def test_what_cannot_be_told_holds_and_says_so(mute: Callable[[Edges], None]) -> None:
    history, edges = seen_by()
    mute(edges)
    ROTATE(history)
    until(history, "4h")
    assert history.states() == WAITS
    assert says(history, "Degraded")[:2] == ("True", Reason.URL_LAGS)
    assert says(history, "Rotating")[:2] == ("True", Reason.WAITING_FOR_URLS)
    move = history.status.next
    assert move is not None
    assert (move.action, move.waiting_for) == ("Activate", "Urls")


def test_silence_right_before_its_use_takes_no_confirmation_back() -> None:
    history, edges = seen_by()
    ROTATE(history)
    until(history, "70m")
    first = since(history, "k2")
    one_is_away(edges)
    until(history, "2h")
    assert history.states() == WAITS
    assert since(history, "k2") == first
    edges.edge("b").away = ""
    until(history, "2h+2m")
    assert history.states() == USED


def test_a_url_that_is_not_allowed_holds_and_names_the_cure_at_once() -> None:
    history, edges = seen_by()
    edges.refused = {URL: "has a host that the administrator does not allow"}
    ROTATE(history)
    until(history, "3h")
    assert history.states() == WAITS
    status, reason, message = says(history, "Degraded")
    assert (status, reason) == ("True", Reason.URL_REFUSED)
    assert "--seen-host" in message
    assert Reason.URL_LAGS not in {one.reason for one in history.status.troubles}


def test_a_clock_in_doubt_asks_nobody_and_confirms_nothing() -> None:
    history, edges = seen_by()
    doubt(history)
    before = len(edges.asked)
    until(history, "10m")
    assert len(edges.asked) == before
    assert since(history, "k2") is None
    trust(history)
    until(history, "11m")
    seen = since(history, "k2")
    assert seen is not None
    assert seen >= START + span("10m")


# --- who does not wait, and what is told all the same ---


def test_an_emergency_does_not_wait_and_tells_what_the_edges_still_show() -> None:
    history, edges = seen_by()
    for name in "ab":
        edges.edge(name).keeps = span("10h")
    annotate(rotate="signing@2026-03-02T12:00:30Z!")(history)
    until(history, "2m")
    assert history.states() == USED
    until(history, "20m")
    message = says(history, "Degraded")[2]
    assert f"key k2 of signing is in use, and readers still wait for {URL} to show the key; a shows no key" in message
    edges.purge()
    until(history, "30m")
    assert says(history, "Degraded")[0] == "False"


def test_an_emergency_is_not_held_by_an_ordinary_rotation_that_is() -> None:
    history, edges = seen_by()
    ROTATE(history)
    until(history, "70m")
    one_is_away(edges)
    until(history, "80m")
    assert history.states() == WAITS
    annotate(rotate="signing@2026-03-02T12:10:00Z,signing@2026-03-02T13:21:00Z!")(history)
    until(history, "82m")
    assert history.states() == USED


def test_a_roll_back_does_not_wait_and_tells_at_once_what_the_edges_lack() -> None:
    history, edges = seen_by()
    ROTATE(history)
    until(history, "90m")
    assert history.states() == USED
    edges.edge("b").keys, edges.edge("b").keeps, edges.edge("b").fetched = [{"kid": "k2"}], span("9h"), history.now
    annotate(rollback=f"signing@{history.now:%Y-%m-%dT%H:%M:%SZ}")(history)
    until(history, "91m")
    assert history.states() == "signing: k1 Active, k3 Pending, k2 Retired"
    message = says(history, "Degraded")[2]
    assert f"key k1 of signing is in use, and readers still wait for {URL} to show the key; b shows k2" in message


def test_a_revoked_key_is_gone_at_once_and_what_still_shows_it_is_told_until_nothing_does() -> None:
    history, edges = seen_by()
    until(history, "20m")
    edges.purge()
    annotate(revoke="k1")(history)
    until(history, "21m")
    assert history.states() == "signing: k2 Active, k3 Pending"
    status, reason, message = says(history, "Degraded")
    assert (status, reason) == ("True", Reason.REVOKED_KEY_SHOWN)
    assert f"key k1 is revoked, and readers still wait for {URL} to show it no more; a shows k1, k2" in message
    until(history, "28m")
    assert says(history, "Degraded")[0] == "False"
    known = history.record()
    assert known is not None
    assert known.withdrawn == ()


def test_a_revoked_key_is_no_longer_asked_about_without_its_url() -> None:
    history, edges = seen_by()
    until(history, "20m")
    one_is_away(edges)
    annotate(revoke="k1")(history)
    until(history, "21m")
    assert says(history, "Degraded")[1] == Reason.REVOKED_KEY_SHOWN
    edit({"keys": PUBLIC["keys"]})(history)
    until(history, "22m")
    asked = len(edges.asked)
    until(history, "3h")
    assert len(edges.asked) == asked
    assert says(history, "Degraded")[0] == "False"


def test_a_lost_key_is_replaced_at_once() -> None:
    history, _ = seen_by()
    lose_keyring(history)
    history.objects.secret = None
    until(history, "1m")
    assert "k3 Active" in history.states()


def test_a_symmetric_key_is_at_no_url() -> None:
    history, edges = seen_by({**PUBLIC, "keys": [{"name": "signing", "algorithm": "HS256"}]})
    ROTATE(history)
    until(history, "2h")
    assert "k2 Active" in history.states()
    assert not edges.asked


def test_a_url_of_one_document_holds_the_keys_of_its_entries_alone() -> None:
    keys = [*PUBLIC["keys"], {"name": "more", "algorithm": "ES256"}]
    documents = [{"name": "part", "entries": ["more"]}]
    spec = {"keys": keys, "publish": {"documents": documents, "seenAt": [{"url": URL, "document": "part"}]}}
    history, edges = seen_by(spec)
    one_is_away(edges)
    annotate(rotate="signing@2026-03-02T12:10:00Z,more@2026-03-02T12:10:00Z")(history)
    until(history, "2h")
    more, signing = history.states().split("; ")
    assert "Retired" not in more
    assert "Retired" in signing


# --- how often ---


def test_a_set_at_rest_asks_nobody() -> None:
    history, edges = seen_by()
    until(history, "1h")
    asked = len(edges.asked)
    until(history, "700h")
    assert len(edges.asked) == asked, "the pending key is seen, and its turn comes in a month"


def test_a_url_that_lags_is_asked_less_and_less_often() -> None:
    history, edges = seen_by()
    edges.edge("a").keeps = span("10h")
    until(history, "30m")
    pauses = [later - earlier for earlier, later in pairwise(sorted({at for at, _ in edges.asked}))]
    assert min(pauses) >= SOONEST
    assert max(pauses) <= LATEST
    assert len(pauses) < 60


def test_a_url_that_agrees_is_asked_only_when_a_look_counts() -> None:
    history, edges = seen_by({**PUBLIC, "timing": {"edgeCache": "24h"}})
    edges.purge()
    until(history, "72h")
    assert edges.looks() <= 2 + 2 * LOOKS


def test_many_edges_are_counted_and_few_are_named() -> None:
    history, _ = seen_by(PUBLIC, *(f"192.0.2.{number}" for number in range(8)))
    until(history, "4m")
    (pending,) = (lag for lag in history.plan.unseen if lag.kid == "k2")
    assert pending.text.count("shows no key") == NAMED
    assert f"and {8 - NAMED} more" in pending.text


def test_a_strange_kid_is_not_repeated() -> None:
    history, edges = seen_by()
    edges.edge("a").keys = [{"kid": "\x1b[2J"}, {"kid": "k" * 500}]
    until(history, "2m")
    (lag,) = (lag for lag in history.plan.unseen if lag.kid == "k2")
    assert f"a shows ?, {'k' * 64}" in lag.text
    assert "\x1b" not in lag.text


# --- an encryption key ---


def test_a_retired_encryption_key_is_kept_from_the_moment_no_url_shows_it() -> None:
    history, edges = seen_by(SEALED)
    edges.purge()
    annotate(rotate="inbox@2026-03-02T12:10:00Z")(history)
    until(history, "9m")
    edges.purge()
    edges.edge("b").keeps = span("9h")
    until(history, "10m")
    assert history.states() == "inbox: k2 Active, k3 Pending, k1 Retired"
    until(history, "9h")
    assert "k1 Retired" in history.states(), "b still hands it out"
    assert "to show it no more; b shows k1" in says(history, "Degraded")[2]
    edges.purge()
    edges.edge("b").keeps = MAX_AGE
    until(history, "9h+2m")
    unseen = since(history, "k1")
    assert unseen is not None
    history.live(unseen + span("131m") - MINUTE)
    assert "k1 Retired" in history.states()
    history.live(unseen + span("131m") + 6 * MINUTE)
    assert "k1" not in history.states()


# --- what takes a confirmation back ---


def test_a_repaired_set_has_to_be_seen_again() -> None:
    history, _ = seen_by()
    until(history, "1h")
    first = since(history, "k2")
    assert first is not None
    edit_configmap(history)
    until(history, "61m")
    again = since(history, "k2")
    assert again is not None
    assert again > first


def test_another_url_proves_nothing_of_this_one() -> None:
    history, edges = seen_by(PUBLIC, "a", urls=(URL, OTHER))
    until(history, "20m")
    assert looks(history, "k2") == LOOKS
    edges.edge("a", OTHER).away = "did not answer within 5 s"
    edit({**PUBLIC, "publish": {"seenAt": [{"url": OTHER}]}})(history)
    ROTATE(history)
    until(history, "3h")
    assert history.states() == WAITS
    edit({"keys": PUBLIC["keys"]})(history)
    until(history, "4h")
    assert history.states() == USED, "without a URL the lead alone counts"


def test_endpoints_and_urls_hold_beside_each_other() -> None:
    both = {**PUBLIC, "publish": {"serviceName": "auth-jwks", "seenAt": [{"url": URL}]}}
    history = History.of(both)
    edges = Edges(history, {URL: {}})
    edges.edge("a")
    history.urls = edges
    _, pods = begun(both, history=history)
    pods.shown["b"] = "did not answer within 2 s"
    ROTATE(history)
    until(history, "2h")
    assert history.states() == WAITS
    pods.shown = {"a": [], "b": []}
    edges.edge("a").away = "did not answer within 5 s"
    until(history, "5h")
    assert history.states() == WAITS
    edges.edge("a").away = ""
    until(history, "5h+3m")
    assert history.states() == USED
