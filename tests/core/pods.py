"""The pods behind a Service in a history: what each of them serves, and what is asked of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.history import START, History
from core.rows import annotate, timestamp
from jwks_operator.core.model.observed_state import Endpoint, Endpoints
from jwks_operator.core.planner.endpoint_gate import Question

MINUTE = timedelta(minutes=1)
SERVED: dict[str, Any] = {"keys": [{"name": "signing", "algorithm": "ES256"}], "publish": {"serviceName": "auth-jwks"}}
SEALED: dict[str, Any] = {"keys": [{"name": "inbox", "algorithm": "ECDH-ES"}], "publish": {"serviceName": "auth-jwks"}}
ROTATE = annotate(rotate="signing@2026-03-02T12:10:00Z")


@dataclass
class Pods:
    """The pods behind the Service: each serves what was published when it was last refreshed, or says why not."""

    history: History
    shown: dict[str, list[dict[str, Any]] | str] = field(default_factory=dict)
    asked: list[tuple[datetime, Question]] = field(default_factory=list)
    live: bool = True
    """Whether they follow the published set at once."""

    def __call__(self, question: Question) -> Endpoints:
        self.asked.append((self.history.now, question))
        if self.live:
            self.refresh(*(pod for pod, shown in self.shown.items() if not isinstance(shown, str)))
        return Endpoints(question.kids, tuple(self._answer(pod, question) for pod in sorted(self.shown)))

    def refresh(self, *pods: str) -> None:
        thing = self.history.objects.configmap
        published = [] if thing is None else json.loads(thing.content["jwks.json"])["keys"]
        for pod in pods:
            self.shown[pod] = published

    def _answer(self, pod: str, question: Question) -> Endpoint:
        shown = self.shown[pod]
        if isinstance(shown, str):
            return Endpoint(pod, None, shown)
        return Endpoint(pod, tuple(key for key in shown if key["kid"] in question.kids))


def begun(
    spec: Mapping[str, Any] = SERVED, *pods: str, live: bool = True, history: History | None = None
) -> tuple[History, Pods]:
    history = history or History.of(spec)
    served = Pods(history, {pod: [] for pod in pods or ("a", "b")}, live=live)
    history.endpoints = served
    history.pass_()
    return history, served


def until(history: History, time: str) -> None:
    history.live(START + timestamp(time))
    history.pass_()


def stamps(history: History, kid: str) -> tuple[datetime | None, datetime | None]:
    found = [(key.served, key.unserved) for key in history.known() if key.kid == kid]
    assert found, f"{kid} is gone"
    return found[0]


def says(history: History, kind: str) -> tuple[str, str, str]:
    found = next(one for one in history.status.conditions if one.type == kind)
    return found.status, found.reason, found.message
