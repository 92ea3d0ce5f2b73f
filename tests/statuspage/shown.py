"""Status pages of lives on the fake API server, and of crowds made from one of them; asked as a browser asks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

from jwks_operator.api.names import SetRef
from jwks_operator.metrics.process_gauges import ProcessGauges
from jwks_operator.reconcile.work_queue import Load
from jwks_operator.statuspage.board import Board
from jwks_operator.statuspage.pages import ROOT, Writer
from jwks_operator.statuspage.status_site import Answer, Site
from reconcile.life import Life

VOID = {"input", "link", "meta"}


def gauges(*, leads: bool = True, doubt: str | None = None) -> ProcessGauges:
    load = Load(repair=0, urgent=0, routine=0, retrying=0, timed=1, workers=8, busy=0)
    return ProcessGauges(lambda: load, lambda: leads, lambda: doubt, lambda: 0.0, lambda: None, lambda: 0, lambda: 30)


@dataclass
class Seen:
    """A site, and how to look at it."""

    board: Board
    now: Callable[[], datetime]
    gauges: ProcessGauges = field(default_factory=gauges)
    failing: dict[SetRef, float] = field(default_factory=dict)

    def get(self, path: str = ROOT, known: str = "", **query: str) -> Answer:
        return self.site().answer(path, query, known)

    def site(self) -> Site:
        return Site(self.writer())

    def writer(self) -> Writer:
        return Writer(self.board, self.now, self.gauges, lambda: self.failing)

    def text(self, path: str = ROOT, **query: str) -> str:
        answer = self.get(path, **query)
        assert answer.status == 200
        return answer.body.decode()


def watched(life: Life) -> Seen:
    """The page of an operator, from its first pass on."""
    board = Board()
    life.operator.observers.append(board)
    return Seen(board, life.time.wall)


def crowd(seen: Seen, number: int) -> Seen:
    """As many sets as that, all like the one that is there, in namespaces of a hundred."""
    (shown,) = seen.board.sets.values()
    board = Board()
    for index in range(number):
        ref = SetRef(f"team-{index // 100:03}", f"set-{index % 100:02}")
        board.sets[ref] = replace(shown, row=replace(shown.row, ref=ref))
    return replace(seen, board=board)


class Markup(HTMLParser):
    """Reads a page and refuses what a browser would have to guess, or what a page without scripts has no use for."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        assert tag != "script"
        for name, value in attrs:
            assert name != "style", "the Content-Security-Policy forbids it"
            assert not name.startswith("on")
            if name == "href":
                assert value.startswith(ROOT)
                self.links.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        """What SVG closes itself."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
