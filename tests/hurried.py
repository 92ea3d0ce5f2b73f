"""Random histories in a hurry: is there one that fails?"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def some_history_fails(machine: type[RuleBasedStateMachine], steps: int) -> None:
    """Assert that one of up to 400 histories of so many steps, the same ones each time, ends in an AssertionError."""
    hurried = settings(
        max_examples=400,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=hurried)
