"""What people see at /status: every set, its keys over time, what comes next, what is wrong; and nothing else."""

import json
import time
from base64 import b64decode
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from jwks_operator.api.names import SetRef
from jwks_operator.kube.client import SECRETS, SETS
from jwks_operator.kube.errors import Conflict, KubeError
from jwks_operator.metrics.page import Metrics
from jwks_operator.process.admin_port import AdminPort, Pages
from jwks_operator.statuspage.board import Health
from jwks_operator.statuspage.html import Html, join_html, render_element, render_void
from jwks_operator.statuspage.pages import ROOT, STYLE
from jwks_operator.statuspage.status_site import SAFETY
from reconcile.life import ES256, REF, Life, Time
from statuspage.shown import Markup, Seen, crowd, gauges, watched

HASTY = {**ES256, "rotation": {"every": "10m"}}
DETAILS = f"{ROOT}/{REF.namespace}/{REF.name}"


async def living() -> tuple[Life, Seen]:
    life = Life()
    seen = watched(life)
    await life.begin()
    await life.after(timedelta(minutes=1))
    return life, seen


async def test_the_list_shows_how_a_set_does_and_what_comes_next() -> None:
    _, seen = await living()
    page = seen.text()
    assert f'<a href="{DETAILS}">shop/auth</a>' in page
    assert '<span class="badge well">well</span></td><td>ES256</td>' in page
    assert "Activate signing, 2026-04-01 12:01:00" in page


async def test_the_page_of_a_set_shows_its_keys_over_time_its_conditions_and_events() -> None:
    _, seen = await living()
    page = seen.text(DETAILS)
    (shown,) = seen.board.sets.values()
    active, pending = shown.read_status().keys
    for told in (active.kid, pending.kid, "Active", "Pending", "KeysInUse", "KeyActivated", "for 1h10m after"):
        assert told in page
    assert page.count("<svg ") == 1
    assert f"Keys of {REF}" in page
    assert "As seen at 2026-03-02 12:01:00 UTC" in page


@pytest.mark.parametrize("path", [ROOT, DETAILS, f"{ROOT}/no/such"])
async def test_pages_are_sound_html_without_scripts_or_styles_of_their_own(path: str) -> None:
    _, seen = await living()
    for link in Markup(seen.get(path).body.decode()).links:
        assert seen.get(link.partition("?")[0]).status == 200


async def test_what_is_wrong_comes_first_with_its_reason() -> None:
    life, seen = await living()
    seen = crowd(seen, 3)
    life.operator.observers.append(seen.board)
    await life.set_spec(HASTY)
    await life.after(timedelta(minutes=1))
    page = seen.text()
    assert page.index("shop/auth") < page.index("team-000/set-00")
    assert "IntervalTooShort: entry signing rotates every 10m" in page
    assert "shop/auth" in seen.text(state="trouble")
    assert "shop/auth" not in seen.text(state="well")


async def test_passes_that_fail_are_told_also_of_a_set_that_was_never_seen_well() -> None:
    _, seen = await living()
    began = seen.now().timestamp()
    seen = replace(seen, failing={REF: began, SetRef("shop", "unseen"): began})
    page = seen.text()
    assert page.count("its passes fail since 2026-03-02 12:01:00, the log says why") == 2
    assert "<td>shop/unseen</td>" in page
    assert "its passes fail since" in seen.text(DETAILS)


async def test_passes_count_as_failing_after_a_minute_and_until_one_is_done() -> None:
    clock = Time()
    metrics = Metrics(clock.wall)
    answers: list[KubeError | None] = [Conflict("changed"), Conflict("changed"), None]

    async def work(ref: SetRef) -> None:
        assert ref == REF
        if (trouble := answers.pop(0)) is not None:
            raise trouble

    attempt = metrics.time_work(work, KubeError)
    told = []
    while answers:
        with suppress(KubeError):
            await attempt(REF)
        told.append(metrics.find_failing_sets())
        clock.pass_by(timedelta(minutes=1))
    assert told == [{}, {REF: (clock.wall() - timedelta(minutes=3)).timestamp()}, {}]


async def test_a_request_is_part_of_the_timeline() -> None:
    life, seen = await living()
    before = seen.text(DETAILS)
    await life.annotate(rotate="signing@2026-03-02T12:01:01Z")
    await life.after(timedelta(seconds=1))
    after = seen.text(DETAILS)
    assert before.partition("<figure>")[2].partition("</figure>")[0] not in after
    assert "Waits for" in after


async def test_no_private_key_is_on_a_page() -> None:
    life, seen = await living()
    secret = await life.people.read(SECRETS, REF.namespace, REF.name)
    assert secret is not None
    private = json.loads(b64decode(secret["data"]["signing.jwk"]))["d"]
    kept = "".join(shown.status + shown.policy for shown in seen.board.sets.values())
    for text in (kept, seen.text(), seen.text(DETAILS)):
        assert private not in text


async def test_a_set_that_is_gone_is_not_shown() -> None:
    life, seen = await living()
    await life.delete(SETS, REF.name)
    await life.after(timedelta(minutes=1))
    assert "No set." in seen.text()
    assert seen.get(DETAILS).status == 404


async def test_ten_thousand_sets_are_paged_and_can_be_chosen_from() -> None:
    _, one = await living()
    seen = crowd(one, 10_000)
    first, last = seen.text(), seen.text(page="100")
    assert first.count(f'href="{ROOT}/team-') == last.count(f'href="{ROOT}/team-') == 100
    assert "10000 found, page 1 of 100" in first
    assert f'<a href="{ROOT}?page=2">next</a>' in first
    assert "previous" in last
    assert "next" not in last.partition("</table>")[2]
    assert seen.text(page="9999999") == last
    assert seen.text(namespace="team-042").count(f'href="{ROOT}/team-042/') == 100
    assert seen.text(search="042/set-07").count(f'href="{ROOT}/team-') == 1
    assert "No set." in seen.text(state="trouble")
    assert f'<a href="{ROOT}?search=set-0&amp;page=2">next</a>' in seen.text(search="set-0")


async def test_a_page_of_ten_thousand_sets_holds_nobody_up() -> None:
    _, one = await living()
    seen = crowd(one, 10_000)
    spent = []
    for _ in range(6):
        begun = time.process_time()
        seen.get()
        spent.append(time.process_time() - begun)
    assert min(spent) < 0.25  # CPU time, measured 0.03; the loop serves probes meanwhile


@pytest.mark.parametrize("query", [{"state": "fine"}, {"page": "x"}, {"page": "-1"}, {"page": "²"}, {"page": "9" * 9}])
async def test_what_cannot_be_asked_is_not_there(query: dict[str, str]) -> None:
    _, seen = await living()
    assert seen.get(**query).status == 404


async def test_whatever_names_hold_is_text() -> None:
    _, seen = await living()
    (shown,) = seen.board.sets.values()
    evil = '"><script>alert(1)</script>'
    ref = SetRef(evil, "a&b")
    status = shown.read_status()
    keys = (status.keys[0].model_copy(update={"kid": evil}), *status.keys[1:])
    said = status.model_copy(update={"keys": keys}).model_dump_json(by_alias=True, exclude_none=True)
    seen.board.sets = {ref: replace(shown, row=replace(shown.row, ref=ref, remark=evil), status=said)}
    for page in (seen.text(), seen.text(search="script", namespace=evil)):
        Markup(page)
        assert "&lt;script&gt;" in page
    Markup(seen.writer().details(seen.board.sets[ref]))


async def test_a_replica_that_stands_by_and_a_clock_in_doubt_are_told() -> None:
    _, seen = await living()
    assert 'class="remark"' not in seen.text()
    assert "stands by" in replace(seen, gauges=gauges(leads=False)).text()
    assert "it is 7s ahead" in replace(seen, gauges=gauges(doubt="it is 7s ahead")).text(DETAILS)


async def test_a_page_keeps_its_etag_until_something_happens() -> None:
    life, seen = await living()
    tags = {path: seen.get(path).headers["ETag"] for path in (ROOT, DETAILS, STYLE)}
    for path, tag in tags.items():
        for known in (tag, f"W/{tag}", f'"other", {tag}'):
            answer = seen.get(path, known)
            assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
        assert seen.get(path, '"other"').status == 200
    await life.after(timedelta(hours=720))
    assert seen.get(ROOT).headers["ETag"] != tags[ROOT]
    assert seen.get(DETAILS, tags[DETAILS]).status == 200


async def test_every_answer_forbids_what_a_page_does_not_need() -> None:
    _, seen = await living()
    for path in (ROOT, DETAILS, STYLE, f"{ROOT}/x"):
        headers = seen.get(path).headers
        assert headers.items() >= SAFETY.items()
        assert headers["Cache-Control"] == "private, no-cache"
    policy = SAFETY["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


async def test_it_is_served_on_the_admin_port_if_it_is_asked_for() -> None:
    _, seen = await living()
    site = seen.site()
    for shows, expected in ((Pages(lambda: b""), 404), (Pages(lambda: b"", site), 200)):
        admin = AdminPort("127.0.0.1", 0, alive=lambda: None, ready=lambda: None, pages=shows)
        await admin.start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{admin.port}") as session:
                for path in (ROOT, f"{ROOT}?state=well", DETAILS, STYLE):
                    async with session.get(path) as answer:
                        assert answer.status == expected
                async with session.head(ROOT) as answer:
                    assert (answer.status, await answer.read()) == (expected, b"")
                async with session.post(ROOT) as answer:
                    assert answer.status in {404, 405}
        finally:
            await admin.close()


def test_text_is_escaped_and_html_is_not() -> None:
    made = render_element("p", "a<b", Html("<i>c</i>"), None, title='"q"')
    assert made == '<p title="&quot;q&quot;">a&lt;b<i>c</i></p>'
    assert join_html(made, "&") == made + "&amp;"
    assert isinstance(made, Html)


def test_states_are_listed_worst_first() -> None:
    assert list(Health) == ["trouble", "waiting", "suspended", "well"]


def test_attributes_are_spelt_as_html_spells_them() -> None:
    assert render_void("input", aria_label="a") == '<input aria-label="a">'
    assert render_element("td", class_="x", data_set="y") == '<td class="x" data-set="y"></td>'
