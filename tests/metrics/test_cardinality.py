"""However many sets there are, the number of series stays what a Prometheus server can afford."""

from dataclasses import replace
from datetime import timedelta

from jwks_operator.api.names import SetRef
from jwks_operator.core.planner.endpoint_gate import Lag
from jwks_operator.core.planner.url_gate import UrlLag
from jwks_operator.core.transitions.transition_table import State, Transition
from jwks_operator.metrics.page import Metrics
from jwks_operator.metrics.set_gauges import NAMED
from metrics.crowd import REFUSED, look, metrics_of
from metrics.scrape import Scrape
from reconcile.life import Time


async def test_sets_that_are_well_have_no_series_of_their_own() -> None:
    like = await look()
    few, many = (metrics_of(number, like).render_page() for number in (10, 2000))
    assert few.count(b"\n") == many.count(b"\n")


async def test_of_many_sets_in_trouble_a_hundred_are_named_and_all_are_counted() -> None:
    page = Scrape(metrics_of(2000, await look(REFUSED)).render_page().decode())
    assert page.value("sets_needing_attention", "IntervalTooShort") == 2000
    assert len(page.series("set_attention_timestamp_seconds")) == NAMED


def test_the_sets_that_are_named_are_those_in_trouble_longest() -> None:
    time = Time()
    metrics = Metrics(time.wall)
    for number in range(NAMED + 50):
        metrics.begin_step(SetRef("shop", f"set-{NAMED + 50 - number}"), Transition.ACTIVATE)
        time.pass_by(timedelta(seconds=1))
    time.pass_by(timedelta(minutes=1))
    named = {name for name, _ in Scrape(metrics.render_page().decode()).series("set_attention_timestamp_seconds")}
    assert named == {f"shop/set-{NAMED + 50 - number}" for number in range(NAMED)}


async def test_lagging_endpoints_are_counted_once_over_all_keys_of_a_set() -> None:
    like = await look()
    waiting = tuple(
        Lag(entry="signing", kid=kid, text="", since=like.now, pods=pods)
        for kid, pods in (("a", ("web-1", "web-2")), ("b", ("web-2",)))
    )
    lagging = replace(like, plan=replace(like.plan, waiting=waiting))
    metrics = metrics_of(3, lagging)
    assert Scrape(metrics.render_page().decode()).value("lagging_endpoints") == 6
    metrics.show_status(SetRef("team-0", "set-0"), like)
    assert Scrape(metrics.render_page().decode()).value("lagging_endpoints") == 4


async def test_late_urls_are_counted_once_over_all_keys_of_a_set() -> None:
    like = await look()
    unseen = tuple(
        UrlLag(kid, "signing", State.PENDING, urls, "", late, like.now)
        for kid, urls, late in (("a", ("u", "v"), True), ("b", ("v",), True), ("c", ("w",), False))
    )
    lagging = replace(like, plan=replace(like.plan, unseen=unseen))
    assert Scrape(metrics_of(3, lagging).render_page().decode()).value("unseen_urls") == 6
