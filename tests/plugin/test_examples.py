"""Every set that is shown could be in force: not only admitted, but also sound by the checks of the planner."""

from pathlib import Path

import pytest

from jwks_operator.plugin.exit_codes import Exit, Failure
from jwks_operator.plugin.manifests import read_sets
from jwks_operator.plugin.plugin_command import run

ROOT = Path(__file__).parents[2]


def has_sets(path: Path) -> bool:
    try:
        return bool(read_sets(str(path), "default", None))
    except Failure:
        return False


EXAMPLES = [path for path in sorted(ROOT.glob("examples/**/*.yaml")) if has_sets(path)]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_can_be_planned(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--new", "-f", str(path)]) == Exit.DONE, capsys.readouterr().err
    assert "█" in capsys.readouterr().out
