"""One look at a URL: whom it asks, how often, and what it makes of edges that differ."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest

from jwks_operator.core.model.observed_state import EdgeAnswer
from jwks_operator.core.planner.url_gate import UrlQuestion
from jwks_operator.edges import edge_asker
from jwks_operator.edges.allowed_hosts import AllowedHosts
from jwks_operator.edges.edge_asker import MOST, RECENT, EdgeAsker
from jwks_operator.edges.edge_fetch import Document, Look, NoDocument

URL = "https://keys.example.com/jwks.json"
OLD = ({"kid": "k1"},)
NEW = ({"kid": "k1"}, {"kid": "k2", "x": "a"})
HOSTS = AllowedHosts.parse(["*.example.com"])


class Web:
    """Edges by address and encoding; what is no answer is a reason, or a wait without an end."""

    def __init__(self, **answers: object) -> None:
        self.answers = {name.replace("_", "."): answer for name, answer in answers.items()}
        self.asked: list[Look] = []
        self.resolved: list[tuple[str, int]] = []
        self.now = 0.0

    async def fetch(self, look: Look) -> Document:
        self.asked.append(look)
        match self.answers.get(f"{look.address}.{look.encoding}", self.answers.get(look.address)):
            case tuple() as keys:
                return Document(keys, timedelta(seconds=7), timedelta(minutes=5))
            case str() as why:
                raise NoDocument(why)
        await asyncio.Event().wait()
        raise AssertionError

    async def resolve(self, host: str, port: int) -> Iterable[str]:
        self.resolved.append((host, port))
        addresses = sorted({".".join(name.split(".")[:2]) for name in self.answers})
        if not addresses:
            raise OSError("no such host")
        return addresses

    def asker(self, hosts: AllowedHosts = HOSTS) -> EdgeAsker:
        return EdgeAsker(hosts, self.fetch, self.resolve, lambda: self.now)


def about(*urls: str) -> UrlQuestion:
    return UrlQuestion(urls or (URL,), frozenset({"k2"}))


async def test_every_address_is_asked_with_and_without_gzip() -> None:
    web = Web(a_1=NEW, b_1=OLD, b_1_gzip="answers 503")
    answers = await web.asker().look(about())
    kept = timedelta(seconds=7), timedelta(minutes=5)
    assert answers[URL].edges == (
        EdgeAnswer("a.1", NEW[1:], ("k1", "k2"), *kept),
        EdgeAnswer("a.1 (gzip)", NEW[1:], ("k1", "k2"), *kept),
        EdgeAnswer("b.1", (), ("k1",), *kept),
        EdgeAnswer("b.1 (gzip)", None, trouble="answers 503"),
    )
    assert web.resolved == [("keys.example.com", 443)]


async def test_what_is_not_allowed_is_neither_resolved_nor_fetched() -> None:
    web = Web(a_1=NEW)
    answers = await web.asker().look(about("https://evil.test/", URL))
    assert answers["https://evil.test/"].refused
    assert not answers[URL].refused
    assert [host for host, _ in web.resolved] == ["keys.example.com"]
    assert await web.asker(AllowedHosts()).look(about()) != {}
    assert len(web.resolved) == 1


async def test_a_host_that_cannot_be_resolved_is_told() -> None:
    assert (await Web().asker().look(about()))[URL].trouble == "has a host that cannot be resolved"


async def test_a_url_is_asked_again_only_after_a_while_whatever_is_asked_about() -> None:
    web = Web(a_1=NEW)
    asker = web.asker()
    await asker.look(about())
    answers = await asker.look(UrlQuestion((URL,), frozenset({"k1"})))
    assert len(web.asked) == 2, "one for each encoding"
    assert answers[URL].edges[0].keys == NEW[:1]
    web.now += RECENT
    await asker.look(about())
    assert len(web.asked) == 4


async def test_edges_that_do_not_answer_in_time_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_asker, "PATIENCE", 0.2)
    answers = await Web(a_1=NEW, b_1=None).asker().look(about())
    assert [edge.trouble for edge in answers[URL].edges] == ["", "", "was not asked in time", "was not asked in time"]


async def test_too_many_questions_at_once_wait_and_are_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_asker, "TURN", 0.1)
    monkeypatch.setattr(edge_asker, "PATIENCE", 2.0)
    asker = Web(a_1=None).asker()
    urls = [f"https://keys.example.com/{number}" for number in range(edge_asker.QUESTIONS + 1)]
    answers = await asyncio.gather(*(asker.look(about(url)) for url in urls))
    told = [answer.trouble for each in answers for answer in each.values()]
    assert told.count("was not asked: too many URLs are being asked at the moment") == 1


async def test_a_host_with_many_addresses_has_few_of_them_asked() -> None:
    web = Web(**{f"a_{number:02}": NEW for number in range(3 * MOST)})
    answers = await web.asker().look(about())
    assert len(answers[URL].edges) == MOST * len(edge_asker.ENCODINGS)


async def test_behind_a_proxy_nothing_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.internal:3128")
    monkeypatch.setenv("NO_PROXY", "direct.example.com")
    web = Web(a_1=NEW)
    web.answers["the proxy"] = NEW
    await web.asker().look(about())
    assert web.resolved == []
    assert {look.proxy for look in web.asked} == {"http://proxy.internal:3128"}
    await web.asker().look(about("https://direct.example.com/"))
    assert [host for host, _ in web.resolved] == ["direct.example.com"]
