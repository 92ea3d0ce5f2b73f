"""Seen before used: keys wait until the endpoints of the Service are seen to serve them, or to serve them no more."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from core.history import START, History, span
from core.pods import MINUTE, ROTATE, SEALED, SERVED, Pods, begun, says, stamps, until
from core.rows import annotate, doubt, edit, edit_configmap, lose_keyring, trust
from jwks_operator.api.reasons import Reason
from jwks_operator.core.planner.endpoint_gate import Lag, Question
from jwks_operator.core.planner.gated_keys import LATEST, NAMED, SOONEST

# --- a signature key ---


def test_the_first_key_is_used_at_once_and_nobody_is_asked_about_it() -> None:
    history, pods = begun()
    assert history.states() == "signing: k1 Active, k2 Pending"
    assert {kid for _, question in pods.asked for kid in question.kids} == {"k2"}
    assert pods.asked[0][1] == Question("auth-jwks", "/.well-known/jwks.json", frozenset({"k2"}))


def test_the_path_is_the_first_of_the_spec() -> None:
    publish = {"serviceName": "auth-jwks", "paths": {"jwks": ["/certs", "/keys"]}}
    _, pods = begun({**SERVED, "publish": publish})
    assert pods.asked[0][1].path == "/certs"


def test_the_lead_counts_from_the_moment_at_which_the_last_endpoint_served_the_key() -> None:
    history, pods = begun(live=False)
    ROTATE(history)
    pods.refresh("a")
    until(history, "90m")
    assert stamps(history, "k2") == (None, None)
    pods.refresh("b")
    until(history, "91m")
    served, _ = stamps(history, "k2")
    assert served is not None
    assert START + span("90m") <= served <= START + span("90m") + LATEST
    until(history, "159m")
    assert history.states() == "signing: k1 Active, k2 Pending", "its lead of 70 minutes is not over"
    history.live(served + span("70m"))
    pods.live = True
    history.pass_()
    assert history.states() == "signing: k2 Active, k3 Pending, k1 Retired"
    assert not history.observer.gaps()


def test_right_before_its_use_everybody_is_asked_once_more_and_a_key_that_is_lacking_waits_anew() -> None:
    history, pods = begun()
    until(history, "1m")
    first, _ = stamps(history, "k2")
    assert first == START
    ROTATE(history)
    until(history, "70m-1s")
    asked = len(pods.asked)
    pods.shown["c"] = []
    pods.live = False
    until(history, "70m")
    assert len(pods.asked) > asked
    assert stamps(history, "k2") == (None, None)
    assert history.states() == "signing: k1 Active, k2 Pending"
    assert "c lacks it" in says(history, "Degraded")[2]
    pods.refresh("c")
    until(history, "72m")
    served, _ = stamps(history, "k2")
    assert served is not None
    until(history, "140m-1s")
    assert history.states() == "signing: k1 Active, k2 Pending"
    pods.live = True
    until(history, "143m")
    assert history.states() == "signing: k2 Active, k3 Pending, k1 Retired"


@pytest.mark.parametrize("answer", [{"kid": "k2", "kty": "EC", "crv": "P-256", "x": "other", "y": "k2"}, {"kid": "k1"}])
def test_another_key_of_that_kid_does_not_count(answer: dict[str, str]) -> None:
    history, pods = begun(live=False)
    pods.refresh("a")
    pods.shown["b"] = [answer]
    until(history, "10m")
    assert stamps(history, "k2") == (None, None)
    assert "b lacks it" in says(history, "Degraded")[2]


def test_members_that_somebody_adds_do_not_matter() -> None:
    history, pods = begun(live=False)
    pods.refresh("a", "b")
    shown = pods.shown["b"]
    assert isinstance(shown, list)
    pods.shown["b"] = [{**key, "x5c": ["AAAA"]} for key in shown]
    until(history, "1m")
    assert stamps(history, "k2")[0] is not None


# --- cannot tell ---


def silent(pods: Pods) -> None:
    pods.shown["b"] = "did not answer within 2 s"


def nobody(pods: Pods) -> None:
    pods.shown.clear()


@pytest.mark.parametrize(
    ("mute", "told"),
    [(silent, "b did not answer within 2 s"), (nobody, "there is none, or no such Service")],
)
def test_what_cannot_be_told_holds_and_says_so(mute: Callable[[Pods], None], told: str) -> None:
    history, pods = begun(live=False)
    mute(pods)
    pods.refresh("a") if pods.shown else None
    ROTATE(history)
    until(history, "4h")
    assert history.states() == "signing: k1 Active, k2 Pending"
    status, reason, message = says(history, "Degraded")
    assert (status, reason) == ("True", Reason.ENDPOINTS_LAG)
    assert told in message
    assert says(history, "Rotating")[:2] == ("True", Reason.WAITING_FOR_ENDPOINTS)
    move = history.status.next
    assert move is not None
    assert (move.action, move.name) == ("Activate", "signing")
    assert told in str(move.message)


@pytest.mark.parametrize("mute", [silent, nobody])
def test_silence_right_before_its_use_holds_the_key_and_takes_no_witness_back(mute: Callable[[Pods], None]) -> None:
    history, pods = begun()
    ROTATE(history)
    until(history, "70m-1s")
    mute(pods)
    until(history, "80m")
    assert history.states() == "signing: k1 Active, k2 Pending"
    assert stamps(history, "k2")[0] == START
    assert says(history, "Degraded")[1] == Reason.ENDPOINTS_LAG
    pods.shown = {"a": [], "b": []}
    until(history, "82m")
    assert history.states() == "signing: k2 Active, k3 Pending, k1 Retired"
    assert says(history, "Degraded")[0] == "False"


def test_nothing_else_waits_for_a_key_that_is_withheld() -> None:
    history, pods = begun()
    ROTATE(history)
    until(history, "71m")
    assert history.states() == "signing: k2 Active, k3 Pending, k1 Retired"
    annotate(rotate="signing@2026-03-02T13:20:00Z")(history)
    silent(pods)
    until(history, "5h")
    assert history.states() == "signing: k2 Active, k3 Pending", "k1 is removed after its retention"


def test_a_clock_in_doubt_asks_nobody_and_stamps_nothing() -> None:
    history, pods = begun(live=False)
    doubt(history)
    pods.refresh("a", "b")
    before = len(pods.asked)
    until(history, "10m")
    assert len(pods.asked) == before
    assert stamps(history, "k2") == (None, None)
    trust(history)
    until(history, "11m")
    served, _ = stamps(history, "k2")
    assert served is not None
    assert served >= START + span("10m")


# --- who asks nobody ---


def test_an_emergency_asks_nobody() -> None:
    history, pods = begun(live=False)
    annotate(rotate="signing@2026-03-02T12:10:00Z!")(history)
    until(history, "10m")
    assert history.states() == "signing: k2 Active, k3 Pending, k1 Retired"
    assert not pods.shown["a"]


def test_an_emergency_is_not_held_by_an_ordinary_rotation_that_is() -> None:
    history, pods = begun()
    ROTATE(history)
    until(history, "70m-1s")
    silent(pods)
    until(history, "80m")
    annotate(rotate="signing@2026-03-02T12:10:00Z,signing@2026-03-02T13:21:00Z!")(history)
    until(history, "82m")
    assert history.states() == "signing: k2 Active, k3 Pending, k1 Retired"


def test_a_revoked_key_is_replaced_by_one_that_nobody_serves_yet() -> None:
    history, _ = begun(live=False)
    annotate(revoke="k1")(history)
    until(history, "1m")
    assert history.states() == "signing: k2 Active, k3 Pending"


def test_a_lost_key_is_replaced_at_once() -> None:
    history, _ = begun(live=False)
    lose_keyring(history)
    history.objects.secret = None
    until(history, "1m")
    assert "k3 Active" in history.states()


def test_a_symmetric_key_is_on_no_endpoint() -> None:
    history, pods = begun({**SERVED, "keys": [{"name": "signing", "algorithm": "HS256"}]})
    ROTATE(history)
    until(history, "2h")
    assert "k2 Active" in history.states()
    assert not pods.asked


def test_without_a_service_nobody_is_asked() -> None:
    history, pods = begun({"keys": SERVED["keys"]})
    ROTATE(history)
    until(history, "3h")
    assert "k2 Active" in history.states()
    assert not pods.asked


# --- how often ---


def test_endpoints_are_asked_less_and_less_often_and_no_more_once_they_have_answered() -> None:
    history, pods = begun(live=False)
    until(history, "30m")
    times = sorted({time for time, _ in pods.asked})
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert min(pauses) >= SOONEST
    assert max(pauses) <= LATEST
    assert len(times) < 60
    pods.refresh("a", "b")
    until(history, "32m")
    asked = len(pods.asked)
    until(history, "700h")
    assert len(pods.asked) == asked, "the standby is served, and its turn comes in a month"


@pytest.mark.parametrize(("waited", "pause"), [("0s", "2s"), ("8s", "2s"), ("20s", "5s"), ("4m", "1m"), ("720h", "1m")])
def test_the_next_look_comes_after_a_quarter_of_the_wait(waited: str, pause: str) -> None:
    lag = Lag("k", "signing", (), "", START)
    assert lag.again(START + span(waited)) == START + span(waited) + span(pause)


def test_a_slow_endpoint_within_the_propagation_is_no_trouble() -> None:
    history, pods = begun(live=False)
    until(history, "4m")
    assert says(history, "Degraded")[0] == "False"
    until(history, "6m")
    assert says(history, "Degraded")[:2] == ("True", Reason.ENDPOINTS_LAG)
    assert {pod for lag in history.plan.waiting for pod in lag.pods} == {"a", "b"}
    pods.refresh("a", "b")
    until(history, "8m")
    assert says(history, "Degraded")[0] == "False"


def test_many_endpoints_that_lag_are_counted_and_few_are_named() -> None:
    history, _ = begun(SERVED, *(f"pod-{number:03}-{'x' * 240}" for number in range(40)), live=False)
    until(history, "6m")
    message = says(history, "Degraded")[2]
    assert message.count("lacks it") == NAMED
    assert f"and {40 - NAMED} more" in message
    (lag,) = history.plan.waiting
    assert len(lag.pods) == 40


# --- an encryption key ---


def rotated(live: bool) -> tuple[History, Pods]:
    """An encryption key that has just retired, while every pod still serves it."""
    history, pods = begun(SEALED)
    annotate(rotate="inbox@2026-03-02T12:10:00Z")(history)
    until(history, "9m")
    pods.refresh("a", "b")
    pods.live = live
    until(history, "10m")
    assert history.states() == "inbox: k2 Active, k3 Pending, k1 Retired"
    return history, pods


def test_an_encryption_key_is_used_without_asking_and_kept_from_the_moment_nobody_serves_it() -> None:
    history, pods = rotated(live=False)
    pods.refresh("a")
    until(history, "9h")
    assert "k1 Retired" in history.states(), "b still hands it out"
    assert "b still serves it" in says(history, "Degraded")[2]
    pods.refresh("b")
    until(history, "542m")
    _, unserved = stamps(history, "k1")
    assert unserved is not None
    (told,) = [key for key in history.status.keys if key.kid == "k1"]
    assert told.remove_after is not None
    assert told.remove_after >= unserved + span("131m")
    history.live(unserved + span("131m") - MINUTE)
    assert "k1 Retired" in history.states()
    history.live(unserved + span("131m") + MINUTE)
    assert "k1" not in history.states()


def test_a_retired_encryption_key_that_turns_up_again_waits_anew() -> None:
    history, pods = rotated(live=True)
    until(history, "1h")
    _, unserved = stamps(history, "k1")
    assert unserved is not None
    pods.live = False
    pods.shown["a"] = [{"kid": "k1"}]
    history.live(unserved + span("131m") + MINUTE)
    assert "k1 Retired" in history.states()
    assert stamps(history, "k1") == (None, None)
    pods.live = True
    until(history, "8h")
    assert "k1" not in history.states()


# --- what takes a witness back ---


def test_a_repaired_set_has_to_be_served_anew() -> None:
    history, pods = begun()
    until(history, "1h")
    assert stamps(history, "k2")[0] == START
    edit_configmap(history)
    pods.live = False
    until(history, "61m")
    assert stamps(history, "k2")[0] is not None, "the pods show the last good set all the time"
    assert stamps(history, "k2")[0] != START


def test_another_service_proves_nothing_of_this_one() -> None:
    history, pods = begun()
    pods.live = False
    pods.shown = {"c": []}
    edit({**SERVED, "publish": {"serviceName": "other"}})(history)
    until(history, "1m")
    assert stamps(history, "k2") == (None, None)
    assert pods.asked[-1][1].service == "other"
    edit({"keys": SERVED["keys"]})(history)
    ROTATE(history)
    until(history, "2h")
    assert "k2 Active" in history.states(), "without a Service the lead alone counts"


def test_an_entry_that_is_added_waits_for_the_endpoints_too() -> None:
    history, pods = begun()
    pods.live = False
    edit({**SERVED, "keys": [*SERVED["keys"], {"name": "more", "algorithm": "ES256"}]})(history)
    until(history, "3h")
    assert "more: k3 Pending" in history.states()
    pods.live = True
    until(history, "3h+75m")
    assert "more: k3 Active" in history.states()
