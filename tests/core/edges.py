"""The public URL in a history: caches at its edges, each with a copy of the published set and a lifetime of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.history import START, History
from jwks_operator.core.model.observed_state import EdgeAnswer, UrlAnswer
from jwks_operator.core.planner.url_gate import UrlQuestion

URL = "https://keys.example.com/.well-known/jwks.json"
OTHER = "https://other.example.com/.well-known/jwks.json"
MINUTE = timedelta(minutes=1)
MAX_AGE = timedelta(minutes=5)
"""The default of `timing.cacheMaxAge`, which the operator's server sends."""
PUBLIC: dict[str, Any] = {"keys": [{"name": "signing", "algorithm": "ES256"}], "publish": {"seenAt": [{"url": URL}]}}
SEALED: dict[str, Any] = {"keys": [{"name": "inbox", "algorithm": "ECDH-ES"}], "publish": {"seenAt": [{"url": URL}]}}


@dataclass
class Edge:
    """A cache: its copy is fetched again after `keeps`, by whoever asks next; `away` says why it does not answer."""

    keeps: timedelta = MAX_AGE
    says: timedelta = MAX_AGE
    """The lifetime that its answers tell."""
    tells_age: bool = True
    away: str = ""
    keys: list[dict[str, Any]] = field(default_factory=list)
    fetched: datetime = START


@dataclass
class Edges:
    """What the URLs of a set answer, and everything that was asked."""

    history: History
    shown: dict[str, dict[str, Edge]]
    asked: list[tuple[datetime, UrlQuestion]] = field(default_factory=list)
    refused: Mapping[str, str] = field(default_factory=dict)
    """URLs that the administrator does not allow, and why."""

    def __call__(self, question: UrlQuestion) -> dict[str, UrlAnswer]:
        self.asked.append((self.history.now, question))
        return {url: self._answer(url, question.kids) for url in question.urls}

    def edge(self, name: str, url: str = URL) -> Edge:
        """Return the edge of this name, made new if there is none."""
        return self.shown[url].setdefault(name, Edge(fetched=self.history.now))

    def purge(self) -> None:
        """Let every cache fetch what is published now."""
        for edges in self.shown.values():
            for edge in edges.values():
                edge.keys, edge.fetched = self._published(), self.history.now

    def looks(self, since: datetime = START) -> int:
        return sum(len(question.urls) for at, question in self.asked if at >= since)

    def _published(self) -> list[dict[str, Any]]:
        thing = self.history.objects.configmap
        keys: list[dict[str, Any]] = [] if thing is None else json.loads(thing.content["jwks.json"])["keys"]
        return keys

    def _answer(self, url: str, kids: frozenset[str]) -> UrlAnswer:
        if url in self.refused:
            return UrlAnswer(url, trouble=self.refused[url], refused=True)
        return UrlAnswer(url, tuple(self._told(name, edge, kids) for name, edge in sorted(self.shown[url].items())))

    def _told(self, name: str, edge: Edge, kids: frozenset[str]) -> EdgeAnswer:
        if edge.away:
            return EdgeAnswer(name, None, trouble=edge.away)
        if self.history.now - edge.fetched >= edge.keeps:
            edge.keys, edge.fetched = self._published(), self.history.now
        age = self.history.now - edge.fetched if edge.tells_age else timedelta()
        asked = tuple(key for key in edge.keys if key["kid"] in kids)
        return EdgeAnswer(name, asked, tuple(key["kid"] for key in edge.keys), age, edge.says)


def seen_by(spec: Mapping[str, Any] = PUBLIC, *names: str, urls: tuple[str, ...] = (URL,)) -> tuple[History, Edges]:
    """Begin a set whose URLs have these edges, each with an empty document that it has just fetched."""
    history = History.of(spec)
    edges = Edges(history, {url: {name: Edge() for name in names or ("a", "b")} for url in urls})
    history.urls = edges
    history.pass_()
    return history, edges
