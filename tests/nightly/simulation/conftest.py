"""As in tests/simulation: no event loop runs here, and what was judged is counted."""

from simulation.conftest import no_threads, pytest_terminal_summary

__all__ = ["no_threads", "pytest_terminal_summary"]
