"""The moving picture of the README is what was printed, and it shows a rotation."""

import re

from generated import ROOT
from recording.__main__ import PICTURE
from recording.picture import draw_recording
from recording.take import Frame, read_frames


def test_it_is_drawn_from_what_was_printed() -> None:
    assert PICTURE.read_text() == draw_recording(read_frames()), "if that is meant: make generate"


def test_the_pending_key_becomes_the_active_one_and_the_former_one_is_kept() -> None:
    status = [_states(each) for each in read_frames() if " status " in each.command]
    first, after = status[0], next(each for each in status if "Retired" in each.values())
    former, successor = _of(first, "Active"), _of(first, "Pending")
    assert (after[former], after[successor]) == ("Retired", "Active")
    assert _of(after, "Pending") not in first, "the next one is published already"


def test_the_readme_shows_it_with_the_commands_that_were_run() -> None:
    shown = re.search(r"!\[([^]]*)\]\(docs/img/recording\.svg\)", (ROOT / "README.md").read_text())
    assert shown
    assert all(each.command in shown[1] for each in read_frames())


def test_colours_and_bold_text_are_drawn_and_nothing_else_of_the_terminal() -> None:
    svg = draw_recording([Frame(0.0, "kubectl jwks status", "\x1b[1mauth\x1b[0m \x1b[32mReady\x1b[0m <ok>")])
    assert 'font-weight="bold">auth</tspan>' in svg
    assert re.search(r'fill="#[0-9a-f]{6}">Ready</tspan>', svg)
    assert "&lt;ok&gt;" in svg
    assert "\x1b" not in svg


def _states(frame: Frame) -> dict[str, str]:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", frame.text)
    return dict(re.findall(r"^  (\S+) +(Pending|Active|Retired)\b", plain, re.MULTILINE))


def _of(states: dict[str, str], state: str) -> str:
    (kid,) = (kid for kid, each in states.items() if each == state)
    return kid
