"""What people see stays what it was until somebody looks at the difference: golden pages, a fixed clock and width."""

from datetime import timedelta
from functools import cache

import pytest

from jwks_operator.core.forecast import Span, forecast_world
from jwks_operator.core.outputs.timeline import Stretch, make_picture, render_svg, stretch_around
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.plugin.bars import LEFT, MARKS, draw_bars
from jwks_operator.plugin.cluster import ObservedSet, read_set_object
from jwks_operator.plugin.exit_codes import Failure
from jwks_operator.plugin.output import format_distance, format_span
from jwks_operator.plugin.png import write_png
from jwks_operator.plugin.request_preview import RequestPreview, ask_hold, ask_rollback, ask_rotate, keys_of
from plugin.pages import FOLDER, NOW, PAGES, drawn, seen, unsound


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_it_was(name: str) -> None:
    assert drawn(name) == (FOLDER / "golden" / f"{name}.txt").read_text()


def test_every_golden_page_is_drawn() -> None:
    assert {path.stem for path in (FOLDER / "golden").iterdir()} == set(PAGES)


@cache
def spans_of(days: float) -> tuple[Span, ...]:
    """The forecast for so many days, made once for all widths."""
    return forecast_world(seen().observed(NOW), NOW, NOW + timedelta(days=days)).spans


@pytest.mark.parametrize("width", [44, 60, 100, 237])
@pytest.mark.parametrize("days", [0.001, 0.5, 3, 400])
def test_bars_keep_to_their_width_and_show_every_span(width: int, days: float) -> None:
    spans = spans_of(days)
    stretch = stretch_around(spans, NOW, timedelta(days=days))
    lines = [line.plain for line in draw_bars(spans, stretch, width)][:-1]
    assert max(map(len, lines)) <= width
    rows = [line[LEFT:] for line in lines[3:]]
    assert len(rows) == len({s.kid for s in spans if s.begin <= stretch.end and (s.end or NOW) >= stretch.start})
    assert all(set(row) <= {*MARKS.values(), " "} and row.strip() for row in rows)


def test_the_bar_of_a_state_is_as_long_as_the_state_lasts() -> None:
    spans = [
        s for s in forecast_world(seen().observed(NOW), NOW, NOW + timedelta(days=4)).spans if s.kid.startswith("next")
    ]
    stretch = Stretch(NOW, NOW + timedelta(days=4), NOW)
    row = draw_bars(spans, stretch, LEFT + 96)[3].plain  # one column an hour
    assert row.count(MARKS[State.PENDING]) == 10
    assert row.count(MARKS[State.ACTIVE]) == 24


def test_pictures_of_equal_forecasts_are_equal_and_png_is_their_double_size(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    told = forecast_world(seen().observed(NOW), NOW, NOW + timedelta(days=3))
    stretch = Stretch(NOW, NOW + timedelta(days=3), NOW)
    drawn = make_picture("<shop>", told.spans, stretch)
    assert render_svg(drawn) == render_svg(make_picture("<shop>", told.spans, stretch))
    assert "&lt;shop&gt;" in render_svg(drawn)
    path = tmp_path_factory.mktemp("png") / "a.png"
    write_png(drawn, path)
    header = path.read_bytes()[:24]
    assert (int.from_bytes(header[16:20]), int.from_bytes(header[20:24])) == (drawn.width * 2, drawn.height * 2)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0s"), (59, "59s"), (3600, "1h"), (3661, "1h1m"), (90_061, "1d1h"), (86_400 * 400, "400d")],
)
def test_spans_are_told_in_their_two_largest_units(seconds: int, told: str) -> None:
    assert format_span(timedelta(seconds=seconds)) == told
    assert format_distance(NOW + timedelta(seconds=seconds), NOW) == (f"in {told}" if seconds else "now")


# --- what a request writes ---


def test_a_request_joins_those_of_other_entries_and_replaces_its_own() -> None:
    before = seen()
    annotations = {"jwks-operator.dev/rotate": "signing@2026-01-01T00:00:00Z, other@2027-01-01T00:00:00Z"}
    before.object["metadata"]["annotations"] = annotations
    asked = ask_rotate(before, ("signing",), NOW, None, emergency=True)
    assert asked.annotations == {"jwks-operator.dev/rotate": "other@2027-01-01T00:00:00Z,signing@2026-11-22T10:00:00Z!"}


@pytest.mark.parametrize("text", ["key-in-use-000000000000000000000000000000", "key-in", "signing"])
def test_a_key_is_named_by_kid_by_its_beginning_or_by_its_entry(text: str) -> None:
    asked = ask_hold(seen(), keys_of(seen(), [text]))
    assert asked.annotations == {"jwks-operator.dev/hold": "key-in-use-000000000000000000000000000000"}


@pytest.mark.parametrize("text", ["key", "nobody", "ke", ""])
def test_what_names_no_key_or_could_be_another_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="has no living key"):
        keys_of(seen(), [text])


@pytest.mark.parametrize("verb", ["rotate", "rollback"])
def test_what_a_suspended_set_would_refuse_is_not_asked_for(verb: str) -> None:
    with pytest.raises(Failure, match=r"signing: spec\.suspend withholds rotations; ask again once"):
        _ask(verb, seen(suspend=True))


def test_a_request_for_later_tells_a_suspended_set_what_comes_of_it() -> None:
    asked = ask_rotate(seen(suspend=True), ("signing",), NOW, NOW + timedelta(days=1), emergency=False)
    assert "is refused, and not kept for later" in asked.warnings[0]


@pytest.mark.parametrize(("verb", "event"), [("rotate", "RotationRefused"), ("rollback", "RollbackRefused")])
def test_a_request_that_the_operator_refused_is_not_waited_for(verb: str, event: str) -> None:
    asked = _ask(verb, _rolled())
    later = _rolled()
    history = {"time": "2026-11-22T10:00:01Z", "name": "signing", "event": event, "reason": "SourceFollowed"}
    later.object["status"]["history"] = [history]
    with pytest.raises(Failure, match="not kept for later: the source of the entry brings its keys"):
        asked.done(read_set_object(later.object))


def _rolled() -> ObservedSet:
    """A set whose key was replaced a minute ago, so that there is a way back."""
    shown = seen()
    active, _, retired = shown.object["status"]["keys"]
    active["inUseSince"] = retired["retired"] = "2026-11-22T09:59:00Z"
    return read_set_object(shown.object)


def _ask(verb: str, shown: ObservedSet) -> RequestPreview:
    if verb == "rollback":
        return ask_rollback(shown, ("signing",), NOW)
    return ask_rotate(shown, ("signing",), NOW, None, emergency=False)


def test_a_spec_that_is_not_in_force_does_not_keep_anybody_from_asking() -> None:
    asked = ask_rotate(unsound(), ("signing",), NOW, None, emergency=False)
    assert asked.told == ()
    assert asked.warnings[0].startswith("InvalidSchedule: spec.rotation.schedule '0 3 31 2 *'")
