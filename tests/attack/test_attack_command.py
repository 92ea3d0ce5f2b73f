"""`make attack` ends with an error when an attempt succeeds, and when what has to succeed is refused."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import attack.__main__ as command
from attack.__main__ import Row

REFUSED = Row("tenant", "edit", succeeded=False, said="Error from server (Forbidden): denied request: no | never")
ALLOWED = Row("tenant", "make a set", succeeded=True, said="created", allowed=True)


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        pytest.param([REFUSED, ALLOWED], 0, id="as expected"),
        pytest.param([REFUSED, Row("tenant", "edit", succeeded=True, said="edited")], 1, id="an attempt succeeds"),
        pytest.param([Row("tenant", "make", succeeded=False, said="no", allowed=True)], 1, id="nothing is allowed"),
    ],
)
def test_the_exit_code_says_whether_all_is_as_expected(
    rows: list[Row], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def scene(_: object) -> Iterator[None]:
        yield None

    monkeypatch.setattr(command, "open_scene", scene)
    monkeypatch.setattr(command, "list_attempts", lambda _: iter(rows))
    assert command.main([]) == code
    shown = capsys.readouterr().out
    assert all(str(row) in shown for row in rows)
    assert ("**" in shown) is (code == 1)


def test_a_line_shows_the_words_of_the_policy_alone() -> None:
    assert str(REFUSED) == "| tenant | edit | refused | refused | no / never |"
