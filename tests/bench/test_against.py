"""The comparison with another commit: the best runs count, and a loss of more than 15 % is wrong."""

import pytest

from scale.against import judge_runs
from scale.create import Made
from scale.outcome import Outcome


def made(cpu_ms: float, seconds: float) -> Made:
    return Made(100, seconds, {"operator": cpu_ms / 10}, 500)


@pytest.mark.parametrize(
    ("ours", "theirs", "losses"),
    [
        ([made(9.0, 5), made(8.0, 6)], [made(8.0, 5), made(9.0, 7)], []),
        ([made(9.1, 5)], [made(8.0, 5)], []),
        ([made(9.3, 5)], [made(8.0, 5)], ["CPU of the operator"]),
        ([made(8.0, 50)], [made(8.0, 5)], []),
        ([made(20.0, 50), made(8.0, 5)], [made(8.0, 5)], []),
        ([made(4.0, 2)], [made(8.0, 5)], []),
    ],
    ids=["as before", "a little more", "more CPU", "slower", "one run on a busy machine", "better"],
)
def test_a_loss_is_wrong_and_noise_is_none(ours: list[Made], theirs: list[Made], losses: list[str]) -> None:
    outcome = Outcome()
    judge_runs(outcome, ours, theirs, "v1")
    assert [what.partition(" to create")[0] for what in outcome.wrong] == losses
    assert [goal.met for goal in outcome.goals] == [not losses, None]
