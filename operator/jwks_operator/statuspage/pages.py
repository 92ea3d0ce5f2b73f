"""The two pages: all sets, and one set. A page changes only with the sets, so that its ETag stays valid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

from jwks_operator.api.names import SetRef
from jwks_operator.api.status_model import JsonWebKeySetStatus
from jwks_operator.core.forecast import UnsoundSpecError, forecast_world
from jwks_operator.core.model.observed_state import ObservedState
from jwks_operator.core.outputs.timeline import make_picture, render_svg, stretch_around
from jwks_operator.core.planner.record_from_status import record_from_status
from jwks_operator.metrics.process_gauges import ProcessGauges
from jwks_operator.statuspage.board import RANK, Board, BoardEntry, Health, Row, describe_next, format_moment
from jwks_operator.statuspage.html import Html, join_html, render_element, render_link, render_table, render_void

ROOT: Final = "/status"
STYLE: Final = f"{ROOT}/style.css"
ON_A_PAGE: Final = 100
STEPS: Final = 12
"""Future steps that a timeline shows, for each entry."""
EVENTS: Final = 15
_YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Choice:
    """The filter for sets; an empty one selects all."""

    namespace: str = ""
    state: str = ""
    search: str = ""
    page: int = 1

    def admits(self, row: Row) -> bool:
        """Whether the filter selects a set."""
        return (
            (not self.namespace or row.ref.namespace == self.namespace)
            and (not self.state or row.health == self.state)
            and self.search in str(row.ref)
        )

    def target(self) -> str:
        """The URL of this filter."""
        asked = {"namespace": self.namespace, "state": self.state, "search": self.search}
        said = {name: value for name, value in asked.items() if value}
        if self.page > 1:
            said["page"] = str(self.page)
        return f"{ROOT}?{urlencode(said)}" if said else ROOT


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the pages from the board; `now` reads the clock (aware)."""

    board: Board
    now: Callable[[], datetime]
    gauges: ProcessGauges
    """The gauges of the process."""
    failing: Callable[[], Mapping[SetRef, float]]
    """Sets whose passes fail, and since when (Unix time)."""

    def overview(self, choice: Choice) -> Html:
        """Return the list of sets."""
        rows = self._rows()
        counts = {state: sum(row.health is state for row in rows) for state in Health}
        found = sorted(filter(choice.admits, rows), key=lambda row: (RANK[row.health], row.ref))
        pages = max(1, -(-len(found) // ON_A_PAGE))
        choice = replace(choice, page=min(max(choice.page, 1), pages))
        first = (choice.page - 1) * ON_A_PAGE
        lines = [_line(row, known=row.ref in self.board.sets) for row in found[first : first + ON_A_PAGE]]
        titles = ("Set", "State", "Algorithms", "In use", "Next", "")
        return self._page(
            "Sets",
            render_element("p", *_tallies(counts), class_="tallies"),
            _form(choice),
            render_table(titles, lines) if lines else render_element("p", "No set."),
            _pager(choice, pages, len(found)),
        )

    def details(self, shown: BoardEntry) -> Html:
        """Return the page of one set."""
        status, row = shown.read_status(), _as_it_goes(shown.row, self.failing().get(shown.row.ref))
        return self._page(
            str(row.ref),
            render_element("p", _badge(row.health), " ", row.remark or None),
            self._timeline(shown, status),
            render_element("h2", "Next"),
            render_element("p", describe_next(status) or "Nothing", ".", _waiting(status)),
            _latency(status),
            render_element("h2", "Keys"),
            _keys(status),
            render_element("h2", "Conditions"),
            _conditions(status),
            render_element("h2", "Latest events"),
            _events(status),
            render_element("p", f"As seen at {format_moment(shown.looked)} UTC.", class_="quiet"),
        )

    def _rows(self) -> list[Row]:
        rows = {ref: shown.row for ref, shown in self.board.sets.items()}
        failing = self.failing()
        return [
            _as_it_goes(rows.get(ref) or Row(ref, Health.WAITING), failing.get(ref))
            for ref in rows.keys() | failing.keys()
        ]

    def unknown(self) -> Html:
        """Return the page for an unknown path or set."""
        return self._page(
            "Not here", render_element("p", "There is no such page, or no such set. ", render_link(ROOT, "All sets"))
        )

    def _page(self, title: str, *content: str | None) -> Html:
        return join_html(
            Html("<!doctype html>\n"),
            render_element(
                "html",
                render_element(
                    "head",
                    render_void("meta", charset="utf-8"),
                    render_void("meta", name="viewport", content="width=device-width, initial-scale=1"),
                    render_element("title", f"{title} – jwks-operator"),
                    render_void("link", rel="stylesheet", href=STYLE),
                ),
                render_element(
                    "body",
                    render_element(
                        "header", render_link(ROOT, "jwks-operator"), render_element("span", "all times are UTC")
                    ),
                    render_element("main", render_element("h1", title), *self._remarks(), *content),
                ),
                lang="en",
            ),
        )

    def _remarks(self) -> list[Html]:
        """Return remarks about this replica: whether it leads, and which passes fail."""
        said = []
        if not self.gauges.leads():
            said.append("This replica stands by: another one leads and knows the sets as they are now.")
        if (doubt := self.gauges.clock_doubt()) is not None:
            said.append(f"The clock is in doubt, no key moves by time: {doubt}.")
        return [render_element("p", text, class_="remark") for text in said]

    def _timeline(self, shown: BoardEntry, status: JsonWebKeySetStatus) -> Html | None:
        policy = shown.read_policy()
        if policy is None:
            return None
        now = self.now().replace(second=0, microsecond=0)
        observed = ObservedState(
            shown.row.ref,
            status.observed_generation or 1,
            None,
            annotations=dict(shown.annotations),
            record=record_from_status(shown.row.ref, policy, status, {}, now),
        )
        try:
            spans = forecast_world(observed, now, now + _YEAR, STEPS * len(policy.keys)).spans
        except UnsoundSpecError:
            return None
        drawn = make_picture(f"Keys of {shown.row.ref}", spans, stretch_around(spans, now, None))
        return render_element("figure", Html(render_svg(drawn)))


def _as_it_goes(row: Row, failing: float | None) -> Row:
    """Return the row, with failing passes, which the status cannot show."""
    if failing is None:
        return row
    remark = f"its passes fail since {format_moment(datetime.fromtimestamp(failing, UTC))}, the log says why"
    return replace(row, health=Health.TROUBLE, remark=f"{row.remark}; {remark}" if row.remark else remark)


def _badge(state: Health) -> Html:
    return render_element("span", state.value, class_=f"badge {state.value}")


def _line(row: Row, *, known: bool) -> tuple[str, ...]:
    there = f"{ROOT}/{quote(row.ref.namespace, safe='')}/{quote(row.ref.name, safe='')}"
    kid = render_element("code", row.active_kid) if row.active_kid else ""
    name = render_link(there, str(row.ref)) if known else str(row.ref)
    return name, _badge(row.health), row.algorithms, kid, row.following, row.remark


def _tallies(counts: dict[Health, int]) -> list[str]:
    parts: list[str] = [f"{sum(counts.values())} sets "]
    for state, number in counts.items():
        parts += [render_link(Choice(state=state.value).target(), _badge(state)), f" {number} "]
    return parts


def _form(choice: Choice) -> Html:
    states = [render_element("option", "any state", value="")]
    for state in Health:
        marked = {"selected": ""} if choice.state == state else {}
        states.append(render_element("option", state.value, value=state.value, **marked))
    return render_element(
        "form",
        render_void("input", name="namespace", value=choice.namespace, placeholder="namespace", aria_label="namespace"),
        render_element("select", *states, name="state"),
        render_void(
            "input", name="search", value=choice.search, placeholder="part of a name", aria_label="part of a name"
        ),
        render_element("button", "Show"),
        action=ROOT,
    )


def _pager(choice: Choice, pages: int, found: int) -> Html | None:
    if pages == 1:
        return None
    parts: list[str] = [f"{found} found, page {choice.page} of {pages} "]
    if choice.page > 1:
        parts += [render_link(replace(choice, page=choice.page - 1).target(), "previous"), " "]
    if choice.page < pages:
        parts.append(render_link(replace(choice, page=choice.page + 1).target(), "next"))
    return render_element("p", *parts)


def _waiting(status: JsonWebKeySetStatus) -> str | None:
    waiting = None if status.next is None else status.next.message
    return None if waiting is None else f" Waits for {waiting}."


def _latency(status: JsonWebKeySetStatus) -> Html | None:
    if not status.revocation_latency:
        return None
    return render_element("p", f"Verifiers may trust a key for {status.revocation_latency} after it was revoked.")


def _keys(status: JsonWebKeySetStatus) -> Html:
    rows: list[tuple[str, ...]] = [
        (
            render_element("code", key.kid),
            key.name,
            key.algorithm,
            key.state.value + (" (held)" if key.held else ""),
            *(
                "" if time is None else format_moment(time)
                for time in (key.published, key.in_use_since, key.remove_after)
            ),
        )
        for key in status.keys
    ]
    return render_table(("Kid", "Entry", "Algorithm", "State", "Published", "In use since", "Removed after"), rows)


def _conditions(status: JsonWebKeySetStatus) -> Html:
    rows: list[tuple[str, ...]] = [
        (each.type, each.status, each.reason, each.message, format_moment(each.last_transition_time))
        for each in status.conditions
    ]
    return render_table(("Condition", "Is", "Reason", "Message", "Since"), rows)


def _events(status: JsonWebKeySetStatus) -> Html:
    rows: list[tuple[str, ...]] = [
        (
            format_moment(each.time),
            each.event,
            each.name or "",
            render_element("code", each.kid or ""),
            each.reason or "",
        )
        for each in reversed(status.history[-EVENTS:])
    ]
    return render_table(("Time", "Event", "Entry", "Kid", "Reason"), rows)
