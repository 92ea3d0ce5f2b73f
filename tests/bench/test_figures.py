"""Figures, fits, plots and the page."""

import math
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scale.fit import fit_exponent, fit_line
from scale.outcome import Outcome, percentile_of, spread_of
from scale.plot import draw_chart
from scale.report import draw_pictures, render_page

SIZES = [100, 1000, 2500, 5000, 10_000]
SVG = "{http://www.w3.org/2000/svg}"


@given(slope=st.floats(-100, 100), intercept=st.floats(-1000, 1000))
def test_a_straight_line_is_found_again(slope: float, intercept: float) -> None:
    found = fit_line(SIZES, [slope * size + intercept for size in SIZES])
    assert found == pytest.approx((slope, intercept), rel=1e-6, abs=1e-6)


@given(power=st.floats(0.1, 3), factor=st.floats(0.001, 1000))
def test_a_power_is_found_again(power: float, factor: float) -> None:
    assert fit_exponent(SIZES, [factor * size**power for size in SIZES]) == pytest.approx(power)


def test_one_point_has_no_exponent() -> None:
    assert math.isnan(fit_exponent([100], [1.0]))


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile_of([float(each) for each in range(100, 0, -1)], share) == value


def test_a_spread_names_the_largest() -> None:
    assert spread_of([3.0, 1.0, 2.0]) == {"count": 3, "p50": 2.0, "p99": 3.0, "max": 3.0}


def test_goals_are_met_or_missed() -> None:
    outcome = Outcome()
    outcome.at_least("ratio", 0.7, 0.7)
    outcome.at_least("ratio", 0.69, 0.7)
    outcome.at_most("writes", 5, 5)
    outcome.at_most("memory", 251, 250, "MB")
    outcome.tell("figure", "3")
    assert [goal.met for goal in outcome.goals] == [True, False, True, False, None]
    assert outcome.goals[3].measured == "251 MB"


def test_a_chart_is_a_picture_with_every_line() -> None:
    drawn = ElementTree.fromstring(draw_chart("Memory", "MB", SIZES, {"at <rest>": [1, 2, 3, 4, 5], "peak": [0.0] * 5}))
    assert drawn.tag == f"{SVG}svg"
    lines = drawn.findall(f"{SVG}polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [5, 5]
    assert "at <rest>" in [text.text for text in drawn.findall(f"{SVG}text")]


def test_a_chart_has_every_point_inside() -> None:
    drawn = ElementTree.fromstring(draw_chart("CPU", "seconds", [1, 7], {"CPU": [0.0123, 999.0]}))
    width, height = float(drawn.attrib["width"]), float(drawn.attrib["height"])
    for circle in drawn.findall(f"{SVG}circle"):
        assert 0 < float(circle.attrib["cx"]) < width
        assert 0 < float(circle.attrib["cy"]) < height


def document(**scenarios: Any) -> dict[str, Any]:
    machine = dict.fromkeys(("cpu", "kernel", "python", "kubernetes", "etcd"), "x") | {"cores": 2}
    return {"machine": machine, "options": {"workers": 8}, "scenarios": scenarios}


def rsa(measured: float, *wrong: str) -> dict[str, Any]:
    goal = {"what": "RSA", "wanted": "≥ 0.85", "measured": f"{measured}", "met": measured >= 0.85}
    figures = {
        "sets": 200,
        "keys_of_a_set": 2,
        "cores": 2,
        "operator_keys_per_second": [30.0],
        "bare_keys_per_second": [40.0],
        "reader_keys_per_second": [measured * 40],
        "ratios": [measured],
        "reader_ratios": [measured],
    }
    return {"figures": figures, "goals": [goal], "wrong": list(wrong), "load": [0.1, 0.2]}


def test_the_page_says_plainly_what_is_missed() -> None:
    told = render_page(document(rsa=rsa(0.5)))
    assert "0 of 1 goals are met. Missed:\n\n- RSA: 0.5" in told
    assert "nothing was found wrong" in told


def test_the_page_says_when_all_is_met() -> None:
    told = render_page(document(rsa=rsa(0.9)))
    assert "1 of 1 goals are met.\n" in told
    assert "Missed" not in told


def test_the_page_says_what_is_wrong() -> None:
    told = render_page(document(rsa=rsa(1, "a/b: is not Ready")))
    assert "**In this run 1 results were wrong**:\n\n- a/b: is not Ready" in told


def test_there_are_no_plots_without_growth() -> None:
    assert draw_pictures(document(rsa=rsa(0.9))) == {}
